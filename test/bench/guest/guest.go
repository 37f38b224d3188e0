package main

import "C"

import "fmt"

const build = 0

var text = fmt.Sprint("build ", build)

//export Add
func Add(a, b int64) int64 { return a + b }

//export Build
func Build() int64 { return int64(len(text)) + build }

func main() {}
