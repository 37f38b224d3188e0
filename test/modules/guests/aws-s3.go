// require github.com/aws/aws-sdk-go-v2 v1.48.0
// require github.com/aws/aws-sdk-go-v2/service/s3 v1.110.0
package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func test() string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello "+r.URL.Path) }))
	defer server.Close()
	c := s3.New(s3.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), UsePathStyle: true, HTTPClient: server.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
	})
	o := must(c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String("you"), Key: aws.String("k")}))
	defer o.Body.Close()
	return string(must(io.ReadAll(o.Body)))
}
