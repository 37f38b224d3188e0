// A Go program with an HTTP server whose handlers are a guest.
//
//	gohost handlers.so [ADDRESS]
//
// SIGHUP brings a new build of the guest in; SIGTERM ends the program.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"goaudit/guest"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: gohost handlers.so [ADDRESS]")
	}
	address := "127.0.0.1:8080"
	if len(os.Args) > 2 {
		address = os.Args[2]
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)

	g, err := guest.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	serve, err := guest.Bind[func(http.ResponseWriter, *http.Request)](g, "Serve")
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		// Get for each request: the value of a generation, kept, would hold it.
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			serve.Get()(w, r)
		}),
	}
	go server.Serve(listener)
	fmt.Println("listening on", listener.Addr())

	for s := range signals {
		if s != syscall.SIGHUP {
			break
		}
		if err := g.Reload(); err != nil {
			fmt.Println("not reloaded:", err) // the old code goes on
		} else {
			fmt.Println("reloaded")
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	server.Shutdown(ctx)
	fmt.Println("old generations left:", guest.Reclaim(10*time.Second))
}
