// require github.com/lib/pq v1.12.3
package main

import (
	"database/sql"
	"fmt"

	"github.com/lib/pq"
)

func test() string {
	db := must(sql.Open("postgres", "host=127.0.0.1 port=1 sslmode=disable connect_timeout=1"))
	defer db.Close()
	v := must(pq.Array([]string{"hello", "you"}).Value())
	return fmt.Sprint(v, db.Ping() != nil)
}
