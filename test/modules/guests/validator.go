// require github.com/go-playground/validator/v10 v10.30.6
package main

import (
	"fmt"

	"github.com/go-playground/validator/v10"
)

type user struct {
	Name string `validate:"required"`
	Mail string `validate:"email"`
}

func test() string {
	v := validator.New(validator.WithRequiredStructEnabled())
	return fmt.Sprint(v.Struct(user{"you", "you@example.com"}), v.Struct(user{"you", "no"}) != nil)
}
