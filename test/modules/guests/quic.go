// require github.com/quic-go/quic-go v0.65.0
package main

import (
	"fmt"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

func test() string {
	s := &http3.Server{Addr: "127.0.0.1:0", QUICConfig: &quic.Config{}}
	check(s.Close())
	return fmt.Sprint(http3.NextProtoH3)
}
