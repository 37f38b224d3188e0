// require github.com/bytedance/sonic v1.15.5
package main

import (
	"fmt"

	"github.com/bytedance/sonic"
)

type record struct {
	Name string
	N    []int
	M    map[string]*record
	A    any
}

func test() string {
	b := must(sonic.Marshal(record{"hello", []int{1, 2}, map[string]*record{"k": {Name: "you"}}, 1.5}))
	var r record
	check(sonic.Unmarshal(b, &r))
	return fmt.Sprint(r.Name, " ", r.M["k"].Name, r.A)
}
