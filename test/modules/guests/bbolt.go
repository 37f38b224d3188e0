// require go.etcd.io/bbolt v1.5.0
package main

import (
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

func test() (text string) {
	dir := must(os.MkdirTemp("", "bbolt"))
	defer os.RemoveAll(dir)
	db := must(bbolt.Open(filepath.Join(dir, "db"), 0o600, nil))
	defer db.Close()
	check(db.Update(func(tx *bbolt.Tx) error {
		return must(tx.CreateBucket([]byte("b"))).Put([]byte("hello"), []byte("you"))
	}))
	check(db.View(func(tx *bbolt.Tx) error {
		text = string(tx.Bucket([]byte("b")).Get([]byte("hello")))
		return nil
	}))
	return
}
