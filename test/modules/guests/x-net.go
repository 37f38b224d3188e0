// require golang.org/x/net v0.62.0
package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
	"golang.org/x/net/trace"
)

func test() string {
	tr := trace.New("hello", "you")
	tr.Finish()
	s := httptest.NewServer(h2c.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "<p>hello "+r.URL.Path)
	}), &http2.Server{}))
	defer s.Close()
	res := must(s.Client().Get(s.URL + "/you"))
	defer res.Body.Close()
	n := must(html.Parse(res.Body))
	var b strings.Builder
	check(html.Render(&b, n))
	return b.String()
}
