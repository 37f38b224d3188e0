// require github.com/go-sql-driver/mysql v1.10.1
package main

import (
	"database/sql"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

func test() string {
	c := must(mysql.ParseDSN("you:secret@tcp(127.0.0.1:1)/hello?parseTime=true"))
	db := must(sql.Open("mysql", c.FormatDSN()))
	defer db.Close()
	return fmt.Sprint(c.User, c.DBName, db.Ping() != nil)
}
