// A service whose handlers are a guest, and whose packages both share.
//
//	server handlers.so [ADDRESS [DATABASE]]
//
// SIGHUP brings a new build of the handlers in; SIGTERM ends the program.
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

	"example.com/service/app"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"goaudit/guest"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: server handlers.so [ADDRESS [DATABASE]]")
	}
	address, database := "127.0.0.1:8080", ":memory:"
	if len(os.Args) > 2 {
		address = os.Args[2]
	}
	if len(os.Args) > 3 {
		database = os.Args[3]
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	gin.SetMode(gin.ReleaseMode)
	if err := app.Start(database, zap.WarnLevel); err != nil {
		log.Fatal(err)
	}
	defer app.DB.Close()

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
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.Handler())
	// Get for each request: the value of a generation, kept, would hold it.
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { serve.Get()(w, r) })
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: mux}
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
