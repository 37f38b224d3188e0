// plugin: opens one build after the other; none is ever closed.
package main

import (
	"fmt"
	"os"
	"plugin"
)

func main() {
	measure("plugin", len(os.Args)-1, func(i int) {
		p, err := plugin.Open(os.Args[1+i])
		if err == nil {
			var f plugin.Symbol
			if f, err = p.Lookup("Build"); err == nil && f.(func() int64)() > 0 {
				return
			}
		}
		fmt.Fprintln(os.Stderr, "plugin:", os.Args[1+i], err)
		os.Exit(1)
	})
}
