// require github.com/gofiber/fiber/v2 v2.52.15
package main

import (
	"io"
	"net/http/httptest"

	"github.com/gofiber/fiber/v2"
)

func test() string {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/hello/:name", func(c *fiber.Ctx) error { return c.SendString("hello " + c.Params("name")) })
	res := must(app.Test(httptest.NewRequest("GET", "/hello/you", nil), -1))
	text := must(io.ReadAll(res.Body))
	res.Body.Close()
	check(app.Shutdown())
	return string(text)
}
