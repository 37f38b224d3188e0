#!/bin/bash
# A guest runs an HTTP server and a client of it on the loopback interface and
# shuts both down before it is closed; it is then changed and unmapped.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file http/main.go <<'GO'
package main

import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const generation = "generation 1"

type answer struct {
	Path, Body, Generation string
}

type handler struct{ n int }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("X-Generation", generation)
	json.NewEncoder(w).Encode(answer{r.URL.Path, string(body), generation})
	h.n++
}

func text() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	h := &handler{}
	mux := http.NewServeMux()
	mux.Handle("/own/", h)
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	var served error
	var wg sync.WaitGroup
	wg.Add(1)
	go func() { defer wg.Done(); served = server.Serve(l) }()
	transport := &http.Transport{}
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	var a answer
	var header string
	for i := 0; i < 20; i++ {
		r, err := client.Post("http://"+l.Addr().String()+"/own/path", "text/plain", strings.NewReader("body"))
		if err != nil {
			return "", err
		}
		err = json.NewDecoder(r.Body).Decode(&a)
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if err != nil {
			return "", err
		}
		header = r.Header.Get("X-Generation")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	request, _ := http.NewRequestWithContext(ctx, "GET", "http://"+l.Addr().String()+"/slow", nil)
	_, slow := client.Do(request)
	cancel()
	transport.CloseIdleConnections()
	err = server.Shutdown(context.Background())
	wg.Wait()
	return fmt.Sprint(a, header, h.n, " ", errors.Is(slow, context.DeadlineExceeded), err, served), nil
}

//export Test
func Test() *C.char {
	s, err := text()
	if err != nil {
		s = "error: " + err.Error()
	}
	return C.CString(s)
}

func main() {}
GO
build_guest http.so http
mv http.so http.1
variant http.1 http.2 "generation 1" "generation 2"
build_host cycle
expect_output run_audited ./cycle http <<'E'
{/own/path body generation 1}generation 120 true <nil> http: Server closed
{/own/path body generation 2}generation 220 true <nil> http: Server closed
{/own/path body generation 2}generation 220 true <nil> http: Server closed
{/own/path body generation 1}generation 120 true <nil> http: Server closed
{/own/path body generation 1}generation 120 true <nil> http: Server closed
guests in the runtime: 1
E
