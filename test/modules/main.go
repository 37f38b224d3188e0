package main

import "C"

const generation = "generation 1"

//export Test
func Test() *C.char { return C.CString(generation + ": " + test()) }

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {}
