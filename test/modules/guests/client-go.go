// require k8s.io/client-go v0.37.2
// require k8s.io/api v0.37.2
// require k8s.io/apimachinery v0.37.2
package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func test() string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"you"}}]}`)
	}))
	defer s.Close()
	c := must(kubernetes.NewForConfigAndClient(&rest.Config{Host: s.URL}, s.Client()))
	pods := must(c.CoreV1().Pods("hello").List(context.Background(), metav1.ListOptions{}))
	return "hello " + pods.Items[0].Name
}
