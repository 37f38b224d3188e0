// require github.com/tetratelabs/wazero v1.12.0
package main

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
)

// (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
var add = []byte("\x00asm\x01\x00\x00\x00\x01\x07\x01\x60\x02\x7f\x7f\x01\x7f\x03\x02\x01\x00\x07\x07\x01\x03add\x00\x00\x0a\x09\x01\x07\x00\x20\x00\x20\x01\x6a\x0b")

func test() string {
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	m := must(r.Instantiate(ctx, add))
	return fmt.Sprint(must(m.ExportedFunction("add").Call(ctx, 40, 2)))
}
