// require github.com/expr-lang/expr v1.17.8
package main

import (
	"fmt"

	"github.com/expr-lang/expr"
)

type env struct {
	Name string
	N    []int
}

func (e env) Hello() string { return "hello " + e.Name }

func test() string {
	p := must(expr.Compile(`Hello() + string(sum(filter(N, # > 1)))`, expr.Env(env{})))
	return fmt.Sprint(must(expr.Run(p, env{"you", []int{1, 2, 3}})))
}
