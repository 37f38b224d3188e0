// require github.com/prometheus/client_golang v1.25.0
package main

import (
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func test() string {
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hello_total"}, []string{"name"})
	reg.MustRegister(c)
	c.WithLabelValues("you").Inc()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	_, text, _ := strings.Cut(w.Body.String(), "counter\n")
	return text
}
