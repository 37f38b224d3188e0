// require github.com/mattn/go-sqlite3 v1.14.53
package main

import (
	"database/sql"

	_ "github.com/mattn/go-sqlite3"
)

func test() string {
	db := must(sql.Open("sqlite3", ":memory:"))
	defer db.Close()
	db.SetMaxOpenConns(1)
	must(db.Exec("create table t (s text); insert into t values ('hello'), ('you')"))
	var text string
	check(db.QueryRow("select group_concat(s, ' ') from t").Scan(&text))
	return text
}
