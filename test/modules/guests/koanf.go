// require github.com/knadh/koanf/v2 v2.4.1
// require github.com/knadh/koanf/parsers/json v1.0.0
// require github.com/knadh/koanf/providers/rawbytes v1.0.0
package main

import (
	"github.com/knadh/koanf/parsers/json"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

func test() string {
	k := koanf.New(".")
	check(k.Load(rawbytes.Provider([]byte(`{"hello": {"name": "you"}}`)), json.Parser()))
	return "hello " + k.String("hello.name")
}
