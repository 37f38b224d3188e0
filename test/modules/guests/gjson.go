// require github.com/tidwall/gjson v1.20.2
package main

import (
	"github.com/tidwall/gjson"
)

func test() string { return gjson.Get(`{"a":[{"hello":"you"}]}`, "a.#.hello").String() }
