// require github.com/dop251/goja v0.0.0-20260917113740-793a2a65c13b
package main

import (
	"github.com/dop251/goja"
)

func test() string {
	vm := goja.New()
	check(vm.Set("name", func(s string) string { return s + "!" }))
	return must(vm.RunString(`"hello " + name("you")`)).String()
}
