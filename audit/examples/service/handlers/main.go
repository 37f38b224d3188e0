// The handlers: the guest that is changed, built and reloaded while the server runs.
package main

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"example.com/service/app"
	"github.com/gin-gonic/gin"
	"go.uber.org/zap"
)

const generation = "generation 00"

var (
	router   = gin.New()
	requests = app.Counter("service_requests_total", "Requests that were answered.", "path")
	served   atomic.Int64
)

func init() {
	router.Use(count)
	router.GET("/hello/:name", hello)
	router.GET("/slow", slow)
	app.Log.Info("handlers are there", zap.String("generation", generation))
}

func count(c *gin.Context) {
	c.Header("X-Generation", generation)
	c.Next()
	requests.WithLabelValues(c.FullPath()).Inc()
}

func hello(c *gin.Context) { answer(c, c.Param("name")) }

// A request that is under way at a reload ends in the code in which it began.
func slow(c *gin.Context) {
	time.Sleep(20 * time.Millisecond)
	answer(c, "slow")
}

func answer(c *gin.Context, name string) {
	var text string
	if err := app.DB.QueryRowContext(c, "select text from greeting").Scan(&text); err != nil {
		app.Log.Error("no greeting", zap.Error(err), zap.String("name", name))
		c.String(http.StatusInternalServerError, "no greeting\n")
		return
	}
	c.String(http.StatusOK, fmt.Sprintf("%s %s from %s, request %d\n", text, name, generation, served.Add(1)))
}

// Serve is what the server binds.
func Serve(w http.ResponseWriter, r *http.Request) { router.ServeHTTP(w, r) }

func main() {}
