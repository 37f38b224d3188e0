// require github.com/goccy/go-yaml v1.19.2
package main

import (
	"github.com/goccy/go-yaml"
)

type record struct {
	Name string
	M    map[string]*record
}

func test() string {
	b := must(yaml.Marshal(record{"hello", map[string]*record{"k": {Name: "you"}}}))
	var r record
	check(yaml.Unmarshal(b, &r))
	return r.Name + r.M["k"].Name
}
