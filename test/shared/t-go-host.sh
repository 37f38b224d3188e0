#!/bin/bash
# A Go host and its guest, two modules, have one copy of a package that both need: its
# variables, its types, its init.  The guest needs no import "C"; its builds come and go.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package
. "$ROOT/test/shared/shared.sh"

needs one lib
go_file one/main.go <<'GO'
package main

import (
	"fmt"

	"example.com/lib"
	"example.com/lib/reg"
)

const generation = "generation 1"

type thing struct{}

func (thing) Name() string { return generation }

func init() { lib.Count++ }

func Test() string {
	host := reg.All["host"].(lib.Thing)
	return fmt.Sprint(lib.Describe(thing{}), ", ", lib.Count, ", ", host.Name(), ", ", reg.All["key"] == any(lib.Key{N: 5}))
}

func main() {}
GO
needs host lib
imports_guest_package host
cp "$HOSTS/put.go" src/host/
go_file host/main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"example.com/lib"
	"example.com/lib/reg"
	"goaudit/guest"
)

type mine struct{}

func (mine) Name() string { return "the host" }

func main() {
	reg.All["host"] = mine{}
	reg.All["key"] = lib.Key{N: 5}
	fmt.Println(lib.Count)
	lib.Count = 100
	put("one.1")
	g, err := guest.Open("guest.so")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	test, err := guest.Bind[func() string](g, "Test")
	fmt.Println(test.Get()(), err)
	for _, name := range []string{"one.2", "one.1", "one.2"} {
		put(name)
		err = g.Reload()
		fmt.Println(test.Get()(), err)
	}
	fmt.Println("left:", guest.Reclaim(time.Minute), lib.Count, len(reg.All))
}
GO
build_guest one.1 one -share deps
variant one.1 one.2 "generation 1" "generation 2"
(cd src/host && "$GOAUDIT_BUILD/goaudit" build -exe -share deps -o "$TEST_DIR/host" .) ||
	fail "host: does not build"
[ "$(libraries_of host)" = "$(libraries_of one.1)" ] || fail "host and guest have different libraries"
readelf -d one.1 | grep NEEDED | grep -v 'libstd.so\|libgo-' && fail "the guest has a C part"
expect_output run_audited ./host <<'E2'
41
generation 1 of 3, 101, the host, true <nil>
generation 2 of 3, 102, the host, true <nil>
generation 1 of 3, 103, the host, true <nil>
generation 2 of 3, 104, the host, true <nil>
left: 0 104 3
E2

# The control: a guest with packages of its own has other variables, and no such entry.
build_guest alone one -share none
for f in one.1 one.2; do cp alone $f; done
status=0
run_audited ./host >out.txt 2>&1 || status=$?
[ $status != 0 ] && grep -q 'interface conversion: interface is nil, not lib.Thing' out.txt ||
	{ cat out.txt; fail "packages of a guest's own: as if they were shared"; }
