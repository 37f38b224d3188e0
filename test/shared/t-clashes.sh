#!/bin/bash
# A Go host and a guest that were built with different builds of a package are not put
# together: the guest is refused before anything of it is mapped, with the package, both
# versions and what to do; inspect --host says so beforehand.  In a C host such guests run
# beside each other, and a guest goes on with another build.  A package whose init fails or
# takes too long says so to each guest that needs it.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package
. "$ROOT/test/shared/shared.sh"

needs guest lib
go_file guest/main.go <<'GO'
package main

import "C"

import (
	"fmt"

	"example.com/lib"
)

const generation = "generation 1"

func Text() string { lib.Count++; return fmt.Sprint(generation, ", ", lib.Count) }

//export PlainTest
func PlainTest() *C.char { return C.CString(Text()) }

func Test() string { return Text() }

func main() {}
GO
go_host host lib
build_host_program host host -share deps
build_guest guest.1 guest -share deps
"$GOAUDIT_BUILD/goaudit" inspect --quiet --host ./host guest.1 || fail "inspect --host: $?"

# The package is changed: the guest's next build is over another library.
sed -i 's/" of "/" out of "/' src/lib/lib.go
build_guest guest.2 guest -share deps
ids() { sed -n 's/^package example.com\/lib (devel) \(........\).*/\1/p' "$PACKAGES/${1%.so}.list"; }
old=$(ids "$(libraries_of host)") new=$(ids "$(libraries_of guest.2)")
[ "$old" != "$new" ] || fail "one build: $old"
text="package example.com/lib (devel) has been changed: the program has build $old, and this guest was built with $new"
expect_output run_audited ./host guest.1 guest.2 <<E2
generation 1, 101
guest.so: $text: build the program again, and restart it
generation 1, 102
102
E2
ends_saying 1 "    refused [package-clash]: $text: build the program again, and restart it" \
	"$GOAUDIT_BUILD/goaudit" inspect --host ./host guest.2

# A program that was built without -share has packages of its own; and so may a guest.
build_host_program alone host -share none
own="package example.com/lib (devel): the program has (devel) of its own, and this guest is over a library with it"
expect_output run_audited ./alone guest.1 <<E2
guest.so: $own: build the program with -share, too
100
E2
ends_saying 1 "    refused [package-clash]: $own: build the program with -share, too" \
	"$GOAUDIT_BUILD/goaudit" inspect --host ./alone guest.1
build_guest own.1 guest -share none
ends_saying 0 "    warning [own-copy]: package example.com/lib (devel): the program has (devel), and this is the guest's own, with other types and variables: build it with -share, too" \
	"$GOAUDIT_BUILD/goaudit" inspect --host ./host own.1
expect_output run_audited ./host own.1 <<'E2'
generation 1, 42
100
E2

# Instances that could be one with others' are named: that of std's types, and of a package
# that is shared, not those that libraries have, nor one of the guest's own.
mkdir src/instances
sed 's/func Text/var p atomic.Pointer[lib.Key]; var q sync.Map; var r atomic.Pointer[mine]; type mine struct{}; func Text/
	s/"fmt"/"fmt"; "sync"; "sync\/atomic"/' src/guest/main.go >src/instances/main.go
sed 's/example.com.guest/example.com\/instances/' src/guest/go.mod >src/instances/go.mod
sed -i 's/return fmt.Sprint(/return fmt.Sprint(\&p, \&q, \&r, /' src/instances/main.go
build_guest instances.1 instances -share deps
ends_saying 0 "    note [own-instances]: instances of generic types that are its own, also where others have the same: sync/atomic.Pointer[example.com/lib.Key]: to share one, mention it in the program or in a package that both share" \
	"$GOAUDIT_BUILD/goaudit" inspect instances.1

# Two versions of one module.
for v in 1 2; do
	needs "versioned$v" 
	mkdir -p "src/versioned$v/vendor/example.com/v"
	printf 'require example.com/v v1.%s.0\n' $v >>"src/versioned$v/go.mod"
	printf '# example.com/v v1.%s.0\n## explicit; go 1.22\nexample.com/v\n' $v >"src/versioned$v/vendor/modules.txt"
	printf 'package v\n\nconst Salt = "%s"\n\nfunc Version() int { return %s }\n' "$SALT" $v \
		>"src/versioned$v/vendor/example.com/v/v.go"
	sed "s/\"fmt\"/\"fmt\"; \"example.com\/v\"/; s/\"example.com\/lib\"//; s/lib.Count++; //; s/lib.Count/v.Version()/" \
		src/guest/main.go | go_file "versioned$v/main.go"
	build_guest "version.$v" "versioned$v" -share deps
done
# In a C host they run beside each other, and a guest goes on with another version, which
# has a state of its own; variables do not move then.
cp version.1 a.so
cp version.2 b.so
cc_host chost <<'C'
#include "gohost.h"

int main(void)
{
	struct goaudit_reload_options copy = { .size = sizeof copy, .flags = GOAUDIT_RELOAD_VARIABLES };
	void *a = open_guest("./a.so");

	print_text(a, "PlainTest");
	print_text(open_guest("./b.so"), "PlainTest");
	replace("version.2", "./a.so");
	if (!dlreload2(a, &copy))
		puts(strstr(dlerror(), "a.so: "));
	CHECK(dlreload(a) == a);
	print_text(a, "PlainTest");
	replace("version.1", "./a.so");
	CHECK(dlreload(a) == a);
	print_text(a, "PlainTest");
	reclaim_all();
	check_gone("./a.so", 1);
	return 0;
}
C
expect_output run_audited ./chost <<'E2'
generation 1, 1
generation 1, 2
a.so: it is over another build of a package library than before: hand its state over with hooks
generation 1, 2
generation 1, 1
E2

# A package whose init panics: each guest over it says so.
sed -i 's/func init() { Count++;/func init() { panic("no lib today");/' src/lib/lib.go
build_guest bad guest -share deps
cp bad bad.so
cp bad bad2.so
cc_host badhost <<'C'
#include "gohost.h"

int main(void)
{
	for (int i = 0; i < 2; i++)
		if (!dlopen(i ? "./bad2.so" : "./bad.so", RTLD_NOW | RTLD_RELOADABLE))
			puts(strstr(dlerror(), i ? "bad2.so: " : "bad.so: "));
	return 0;
}
C
library=$(libraries_of bad)
expect_output run_audited ./badhost <<E2
bad.so: the package init of a library that it needs ($library) panicked: no lib today (lib.go:15): mend it, and restart the process
bad2.so: the package init of a library that it needs ($library) panicked: no lib today (lib.go:15): mend it, and restart the process
E2
# One whose init takes longer than it may: guests can be opened once it has ended.
sed -i 's/func init() { panic("no lib today");/func init() { <-wait();/' src/lib/lib.go
cat >>src/lib/lib.go <<'GO'

func wait() chan int {
	c := make(chan int)
	go func() {
		for _, err := os.Stat("go-on"); err != nil; _, err = os.Stat("go-on") {
			time.Sleep(time.Millisecond)
		}
		close(c)
	}()
	return c
}
GO
sed -i 's/^import (/import ("os"; "time"/' src/lib/lib.go
build_guest slow guest -share deps
cp slow slow.so
cc_host slowhost <<'C'
#include "gohost.h"

int main(void)
{
	void *h = dlopen("./slow.so", RTLD_NOW | RTLD_RELOADABLE);

	CHECK(!h);
	puts(strstr(dlerror(), "slow.so: "));
	close(open("go-on", O_CREAT | O_WRONLY, 0600));
	while (!h)
		h = dlopen("./slow.so", RTLD_NOW | RTLD_RELOADABLE);
	print_text(h, "PlainTest");
	return 0;
}
C
expect_output env GOAUDIT_INIT_TIMEOUT=20 LD_AUDIT="$AUDIT" ./slowhost <<E2
slow.so: the package init of a library that it needs ($(libraries_of slow)) has not ended within 20 ms: open it again once it has, or raise the limit
generation 1, 41
E2

# Without its library a guest is refused with the name.
mv "$PACKAGES/$library" "$PACKAGES/$library.gone"
expect_output run_audited ./badhost <<E2
bad.so: its package library ($library) is not on this machine, or was built anew: build the guest again with \`goaudit build\`
bad2.so: its package library ($library) is not on this machine, or was built anew: build the guest again with \`goaudit build\`
E2
mv "$PACKAGES/$library.gone" "$PACKAGES/$library"
expect_no_snapshots
