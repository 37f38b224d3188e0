// A guest: an ordinary Go program whose exported functions C can call.
package main

import "C"

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

const generation = 0

type greeting struct {
	Generation int
	Text       string
	Args       int
}

var last *C.char // C memory: the host reads it until the next call

//export Greet
func Greet() *C.char {
	b, err := json.Marshal(greeting{generation, strings.ToLower("HELLO from Go"), len(os.Args)})
	if err != nil {
		return C.CString(fmt.Sprint("error: ", err))
	}
	last = C.CString(string(b))
	return last
}

func main() {}
