// The smallest program: arguments, environment, exit status.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

func main() {
	fmt.Println("hello from", runtime.GOOS, runtime.GOARCH, "as", os.Args[0], "with", strings.Join(os.Args[1:], ","), os.Getenv("GREETING"))
	if len(os.Args) > 1 && os.Args[1] == "fail" {
		os.Exit(3)
	}
}
