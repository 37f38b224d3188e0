#!/bin/bash
# A Go program and its guest have each a copy of a package that registers names with std: the
# program's stay, the guest is let pass, and a flag of it has the value of the program's. A
# guest whose own package wants a name of the program's is refused.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package

go_file conf/conf.go <<'GO'
// Package conf registers names once, in an init, as a package that both need.
package conf

import (
	"database/sql"
	"database/sql/driver"
	"encoding/gob"
	"errors"
	"expvar"
	"flag"
	"net/http"
)

type Message struct{ N int }

type drv struct{}

func (drv) Open(string) (driver.Conn, error) { return nil, errors.New("conf") }

var (
	Level = flag.Int("conf-level", 1, "a flag")
	Count = expvar.NewInt("conf-count")
)

func init() {
	gob.Register(&Message{})
	sql.Register("conf", drv{})
	http.HandleFunc("/conf", func(http.ResponseWriter, *http.Request) {})
}
GO
for module in host guest; do
	go_file $module/go.mod <<E
module example.com/$module

go 1.26

require (
	example.com/conf v0.0.0
	goaudit/guest v0.0.0
)

replace (
	example.com/conf => ../conf
	goaudit/guest => $ROOT/audit/go/guest
)
E
done
go_file guest/main.go <<'GO'
package main

import (
	"expvar"
	"fmt"
	"strings"

	"example.com/conf"
)

var kind = "guest: lets be"

func init() {
	if strings.HasSuffix(kind, "wants") {
		expvar.NewInt("conf-count")
	}
}

func Names() string {
	conf.Count.Add(10)
	return fmt.Sprint(*conf.Level, " ", expvar.Get("conf-count"))
}

func main() {}
GO
go_file host/main.go <<'GO'
package main

import (
	"expvar"
	"flag"
	"fmt"
	"strings"

	"example.com/conf"
	"goaudit/guest"
)

func open(path string) {
	g, err := guest.Open(path)
	if err != nil {
		fmt.Println(err.Error()[strings.Index(err.Error(), ".so: ")+5:])
		return
	}
	names, err := guest.Bind[func() string](g, "Names")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(names.Get()())
	if err := g.Close(); err != nil {
		fmt.Println(err)
	}
}

func main() {
	flag.Parse()
	conf.Count.Add(1)
	open("guest.so")
	open("wants.so")
	fmt.Println(*conf.Level, expvar.Get("conf-count"), flag.Lookup("conf-level").Value)
}
GO
build_guest guest.so guest
variant guest.so wants.so "guest: lets be" "guest:   wants"
(cd src/host && "$GOAUDIT_BUILD/goaudit" build -exe -o "$TEST_DIR/host" .) || fail "the host does not build"
run() { run_audited ./host -conf-level=7 2>/dev/null | sed 's/ *(expvar.go:[0-9]*)//'; }
expect_output run <<'E'
7 1
its package init panicked: Reuse of exported var name: conf-count: mend the guest and build it again
7 1 7
E
