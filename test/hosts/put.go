package main

import (
	"errors"
	"os"
)

// put has the file become guest.so, as a build does: by a rename.
func put(name string) {
	b, err := os.ReadFile(name)
	err = errors.Join(err, os.WriteFile("guest.new", b, 0o755), os.Rename("guest.new", "guest.so"))
	if err != nil {
		panic(err)
	}
}
