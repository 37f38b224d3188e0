#!/bin/bash
# Hosts that name the module themselves (DT_AUDIT) need no LD_AUDIT: a C program, and a
# Go program, which opens, calls and reloads a guest.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file guest/main.go <<'GO'
package main

import "C"

var build = "build 1"

func Build() string { return build }

//export Number
func Number() C.int { return C.int(build[6] - '0') }

func main() {}
GO
build_guest v1.so guest
variant v1.so v2.so "build 1" "build 2"

cc_host host -Wl,--audit="$AUDIT" <<'C'
#include "host.h"
int main(void)
{
	void *h;
	int (*number)(void);

	CHECK(dlreload);
	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	number = (int (*)(void))find(h, "Number");
	printf("%d\n", number());
	replace("v2.so", "guest.so");
	CHECK(dlreload(h) == h);
	printf("%d\n", number());
	close_guest(h);
	printf("%d left\n", goaudit_reclaim(NULL, -1));
	return 0;
}
C
expect_output ./host <<'E'
1
2
0 left
E
expect_no_snapshots

case $(go env GOVERSION) in go1.2[2-5]*) skip "the C host passes, a Go host wants Go 1.26 or later" ;; esac
go_file host/main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"goaudit/guest"
)

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	put("v1.so")
	g, err := guest.Open("guest.so")
	check(err)
	build, err := guest.Bind[func() string](g, "Build")
	check(err)
	fmt.Println(build.Get()())
	put("v2.so")
	check(g.Reload())
	fmt.Println(build.Get()())
	check(g.Close())
}
GO
imports_guest_package host
cp "$HOSTS/put.go" src/host/
for flags in "" "-ldflags=-extldflags=-Wl,--audit=$AUDIT"; do
	(cd src/host && "$GOAUDIT_BUILD/goaudit" build -exe ${flags:+"$flags"} \
		-o "$TEST_DIR/gohost${flags:+-linked}" .)
done
expect_output ./gohost-linked <<'E'
build 1
build 2
E
text=$(./gohost) && fail "works without the module: $text"
[[ $text = *"goaudit run"* ]] || fail "without the module: $text"
