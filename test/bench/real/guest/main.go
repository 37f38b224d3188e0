// A guest of real size: each call is a request through a router, with a metric and a line of
// a log.
package main

import "C"

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const build = 0

var (
	router = gin.New()
	added  = prometheus.NewCounter(prometheus.CounterOpts{Name: "added_total"})
	log    = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.InfoLevel))
)

func init() {
	gin.SetMode(gin.ReleaseMode)
	prometheus.NewRegistry().MustRegister(added)
	router.GET("/add/:a/:b", add)
}

func add(c *gin.Context) {
	a, _ := strconv.ParseInt(c.Param("a"), 10, 64)
	b, _ := strconv.ParseInt(c.Param("b"), 10, 64)
	added.Inc()
	log.Info("add", zap.Int64("a", a), zap.Int("build", build))
	c.String(200, strconv.FormatInt(a+b, 10))
}

//export Add
func Add(a, b int64) int64 {
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequest("GET", fmt.Sprintf("/add/%d/%d", a, b), nil))
	sum, _ := strconv.ParseInt(w.Body.String(), 10, 64)
	return sum
}

func main() {}
