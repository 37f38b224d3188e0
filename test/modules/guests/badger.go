// require github.com/dgraph-io/badger/v4 v4.9.6
package main

import (
	"github.com/dgraph-io/badger/v4"
)

func test() (text string) {
	db := must(badger.Open(badger.DefaultOptions("").WithInMemory(true).WithLogger(nil)))
	defer db.Close()
	check(db.Update(func(tx *badger.Txn) error { return tx.Set([]byte("hello"), []byte("you")) }))
	check(db.View(func(tx *badger.Txn) error {
		return must(tx.Get([]byte("hello"))).Value(func(v []byte) error { text = string(v); return nil })
	}))
	return
}
