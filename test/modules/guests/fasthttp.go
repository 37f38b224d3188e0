// require github.com/valyala/fasthttp v1.78.0
package main

import (
	"net"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
)

func test() string {
	ln := fasthttputil.NewInmemoryListener()
	s := &fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) { c.WriteString("hello " + string(c.Path())) }}
	done := make(chan error)
	go func() { done <- s.Serve(ln) }()
	c := fasthttp.Client{Dial: func(string) (net.Conn, error) { return ln.Dial() }}
	_, text, err := c.Get(nil, "http://host/you")
	check(err)
	c.CloseIdleConnections()
	check(s.Shutdown())
	check(<-done)
	return string(text)
}
