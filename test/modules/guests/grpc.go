// require google.golang.org/grpc v1.85.0
package main

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"
)

func test() string {
	ln := bufconn.Listen(1 << 16)
	s := grpc.NewServer()
	h := health.NewServer()
	h.SetServingStatus("you", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(s, h)
	done := make(chan error)
	go func() { done <- s.Serve(ln) }()
	c := must(grpc.NewClient("passthrough:///you", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return ln.Dial() })))
	res := must(healthpb.NewHealthClient(c).Check(context.Background(), &healthpb.HealthCheckRequest{Service: "you"}))
	check(c.Close())
	s.Stop()
	check(<-done)
	return res.Status.String()
}
