// require connectrpc.com/connect v1.21.1
// require google.golang.org/protobuf v1.36.12
package main

import (
	"context"
	"net/http"
	"net/http/httptest"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func test() string {
	mux := http.NewServeMux()
	mux.Handle("/hello", connect.NewUnaryHandler("/hello",
		func(_ context.Context, r *connect.Request[wrapperspb.StringValue]) (*connect.Response[wrapperspb.StringValue], error) {
			return connect.NewResponse(wrapperspb.String("hello " + r.Msg.Value)), nil
		}))
	s := httptest.NewServer(mux)
	defer s.Close()
	c := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](s.Client(), s.URL+"/hello")
	res := must(c.CallUnary(context.Background(), connect.NewRequest(wrapperspb.String("you"))))
	return res.Msg.Value
}
