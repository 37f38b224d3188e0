// require modernc.org/sqlite v1.62.0
package main

import (
	"database/sql"

	_ "modernc.org/sqlite"
)

func test() string {
	db := must(sql.Open("sqlite", ":memory:"))
	defer db.Close()
	db.SetMaxOpenConns(1)
	must(db.Exec("create table t (s text); insert into t values ('hello'), ('you')"))
	var text string
	check(db.QueryRow("select group_concat(s, ' ') from t").Scan(&text))
	return text
}
