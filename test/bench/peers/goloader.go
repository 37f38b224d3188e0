// goloader: replaces one build of a package by the other, 1000 times.
package main

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/pkujhd/goloader"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "goloader:", err)
		os.Exit(1)
	}
}

func main() {
	symbols := make(map[string]uintptr)
	check(goloader.RegSymbol(symbols))
	goloader.RegTypes(symbols, fmt.Sprint)
	var module *goloader.CodeModule
	replace := func(i int) {
		linker, err := goloader.ReadObj(os.Args[1+i%2], "guest")
		check(err)
		next, err := goloader.Load(linker, symbols)
		check(err)
		if module != nil {
			module.Unload()
		}
		module = next
		at := module.Syms["guest.Build"]
		p := unsafe.Pointer(&at)
		if n := (*(*func() int64)(unsafe.Pointer(&p)))(); n != int64(i%2+1)+7 {
			check(fmt.Errorf("it says %d", n))
		}
	}
	measure("goloader", 1000, replace)
}
