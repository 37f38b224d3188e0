// require gopkg.in/yaml.v3 v3.0.1
package main

import (
	"gopkg.in/yaml.v3"
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
