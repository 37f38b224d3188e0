// require github.com/nats-io/nats.go v1.55.0
// require github.com/nats-io/nats-server/v2 v2.15.2
package main

import (
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

func test() string {
	s := must(server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true}))
	s.Start()
	c := must(nats.Connect(s.ClientURL()))
	sub := must(c.SubscribeSync("hello"))
	check(c.Publish("hello", []byte("you")))
	m := must(sub.NextMsg(10 * time.Second))
	c.Close()
	s.Shutdown()
	s.WaitForShutdown()
	return string(m.Data)
}
