// require github.com/vmihailenco/msgpack/v5 v5.4.1
package main

import (
	"github.com/vmihailenco/msgpack/v5"
)

type record struct {
	Name string
	M    map[string]*record
}

func test() string {
	b := must(msgpack.Marshal(record{"hello", map[string]*record{"k": {Name: "you"}}}))
	var r record
	check(msgpack.Unmarshal(b, &r))
	return r.Name + r.M["k"].Name
}
