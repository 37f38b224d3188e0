// require github.com/gin-gonic/gin v1.12.0
package main

import (
	"net/http/httptest"

	"github.com/gin-gonic/gin"
)

type greeting struct {
	Name string `json:"name" binding:"required"`
}

func test() string {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	r.GET("/hello/:name", func(c *gin.Context) { c.JSON(200, greeting{c.Param("name")}) })
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "/hello/you", nil))
	return w.Body.String()
}
