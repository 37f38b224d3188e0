// require entgo.io/ent v0.14.5
// require github.com/mattn/go-sqlite3 v1.14.53
package main

import (
	"context"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	_ "github.com/mattn/go-sqlite3"
)

func test() string {
	d := must(sql.Open(dialect.SQLite, ":memory:"))
	defer d.Close()
	d.DB().SetMaxOpenConns(1)
	ctx := context.Background()
	check(d.Exec(ctx, "create table users (name text)", []any{}, nil))
	query, args := sql.Dialect(dialect.SQLite).Insert("users").Columns("name").Values("you").Query()
	check(d.Exec(ctx, query, args, nil))
	users := sql.Table("users")
	query, args = sql.Select("name").From(users).Where(sql.EQ("name", "you")).Query()
	rows := &sql.Rows{}
	check(d.Query(ctx, query, args, rows))
	defer rows.Close()
	var names []string
	check(sql.ScanSlice(rows, &names))
	return "hello " + names[0]
}
