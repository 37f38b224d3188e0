// require github.com/jackc/pgx/v5 v5.12.0
package main

import (
	"fmt"
	"net/netip"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	_ "github.com/jackc/pgx/v5/stdlib"
)

func test() string {
	config := must(pgx.ParseConfig("postgres://you@localhost:1/hello?sslmode=disable"))
	m := pgtype.NewMap()
	b := must(m.Encode(pgtype.InetOID, pgtype.TextFormatCode, netip.MustParsePrefix("10.0.0.1/32"), nil))
	var p netip.Prefix
	check(m.Scan(pgtype.InetOID, pgtype.TextFormatCode, b, &p))
	return fmt.Sprint(config.Database, " ", config.User, " ", p)
}
