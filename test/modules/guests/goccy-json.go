// require github.com/goccy/go-json v0.12.0
package main

import (
	"github.com/goccy/go-json"
)

type record struct {
	Name string
	M    map[string]*record
	A    any
}

func test() string {
	b := must(json.Marshal(record{"hello", map[string]*record{"k": {Name: "you"}}, 1.5}))
	var r record
	check(json.Unmarshal(b, &r))
	return r.Name + r.M["k"].Name + string(b)
}
