// require github.com/fsnotify/fsnotify v1.10.1
package main

import (
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

func test() string {
	dir := must(os.MkdirTemp("", "fsnotify"))
	defer os.RemoveAll(dir)
	w := must(fsnotify.NewWatcher())
	check(w.Add(dir))
	check(os.WriteFile(filepath.Join(dir, "hello"), []byte("you"), 0o600))
	e := <-w.Events
	check(w.Close())
	return e.Op.String() + " " + filepath.Base(e.Name)
}
