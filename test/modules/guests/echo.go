// require github.com/labstack/echo/v4 v4.16.0
package main

import (
	"net/http/httptest"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

func test() string {
	e := echo.New()
	e.Use(middleware.Recover(), middleware.Gzip())
	e.GET("/hello/:name", func(c echo.Context) error { return c.String(200, "hello "+c.Param("name")) })
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest("GET", "/hello/you", nil))
	return w.Body.String()
}
