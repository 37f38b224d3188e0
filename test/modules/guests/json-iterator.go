// require github.com/json-iterator/go v1.1.12
package main

import (
	jsoniter "github.com/json-iterator/go"
)

type record struct {
	Name string
	M    map[string]*record
	A    any
}

func test() string {
	api := jsoniter.Config{SortMapKeys: true}.Froze()
	b := must(api.Marshal(record{"hello", map[string]*record{"k": {Name: "you"}}, 1.5}))
	var r record
	check(api.Unmarshal(b, &r))
	return r.Name + r.M["k"].Name + string(b)
}
