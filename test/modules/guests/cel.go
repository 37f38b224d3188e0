// require github.com/google/cel-go v0.31.0
package main

import (
	"fmt"

	"github.com/google/cel-go/cel"
)

func test() string {
	e := must(cel.NewEnv(cel.Variable("name", cel.StringType)))
	ast, iss := e.Compile(`"hello " + name`)
	check(iss.Err())
	v, _, err := must(e.Program(ast)).Eval(map[string]any{"name": "you"})
	check(err)
	return fmt.Sprint(v)
}
