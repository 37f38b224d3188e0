#!/bin/bash
# dlreload2: named variables, and all of them, move into the next build; a variable of
# a type that differs, a signature that has changed: the reload fails and says what,
# the old build goes on with its state; both can be allowed or left out.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

case $(go env GOVERSION) in go1.2[2-5]*) skip "moving variables wants Go 1.26 or later" ;; esac

build() { # NAME STRUCT-FIELDS PARAMETERS
	go_file "$1/main.go" <<GO
package main

import "C"

import (
	"fmt"
	"net"
)

type entry struct { $2 }

const build = "$1"

var (
	Count    int
	Names    = map[string][]int{}
	entries  []entry
	listener net.Listener
)

//export Add
func Add($3) C.long {
	Count++
	entries = append(entries, entry{text: fmt.Sprint("entry ", Count)})
	Names["of "+build] = append(Names["of "+build], Count)
	if listener == nil {
		listener, _ = net.Listen("tcp", "127.0.0.1:0")
	}
	return C.long(a)
}

//export Show
func Show(out *C.char, size C.int) {
	text := fmt.Sprint(build, ": ", Count, " ", Names, " ", len(entries), listener != nil)
	copy(unsafeSlice(out, int(size)), text+"\x00")
}

func main() {}
GO
	go_file "$1/slice.go" <<'GO'
package main

import "C"
import "unsafe"

func unsafeSlice(p *C.char, n int) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(p)), n) }
GO
	sed -i "s/^module.*/module example.com\/same/" "src/$1/go.mod"
}
build one 'text string' 'a C.long'
build two 'text string' 'a C.long'
build other 'text string; more *entry' 'a C.long'
build wide 'text string' 'a C.long, b C.double'
build_guests one two other wide
cc_host host <<'C'
#include "host.h"

static void *h;
static long (*add)(long);
static void (*show)(char *, int);

static void try(const char *file, unsigned flags, const char *const *names)
{
	struct goaudit_reload_options o = {
		.size = sizeof o, .flags = flags, .variables = names,
	};
	char text[400];
	void *result;

	replace(file, "guest.so");
	result = dlreload2(h, flags ? &o : NULL);
	if (!result)
		puts(strstr(dlerror(), "guest.so:"));
	else
		CHECK(result == h);
	CHECK(add(7) == 7);
	show(text, sizeof text);
	puts(text);
}

int main(int argc, char **argv)
{
	static const char *const some[] = { "Count", "main.listener", NULL };
	static const char *const none[] = { "absent", NULL };

	replace("one.so", "guest.so");
	h = open_guest("./guest.so");
	add = (long (*)(long))find(h, "Add");
	show = (void (*)(char *, int))find(h, "Show");
	CHECK(add(7) == 7);
	setvbuf(stdout, NULL, _IONBF, 0);
	puts("nothing");
	try("two.so", 0, NULL);
	puts("some");
	try("one.so", GOAUDIT_RELOAD_VARIABLES, some);
	puts("no such");
	try("two.so", GOAUDIT_RELOAD_VARIABLES, none);
	puts("all");
	try("two.so", GOAUDIT_RELOAD_VARIABLES, NULL);
	puts("types differ");
	try("other.so", GOAUDIT_RELOAD_VARIABLES, NULL);
	puts("named, they do not matter");
	try("other.so", GOAUDIT_RELOAD_VARIABLES, some);
	puts("signature");
	try("wide.so", 0, NULL);
	try("wide.so", GOAUDIT_RELOAD_ANY_SIGNATURE, NULL);
	close_guest(h);
	printf("%d left\n", goaudit_reclaim(NULL, -1));
	return 0;
}
C
run_audited ./host >out 2>&1 || fail "$(cat out)"
expect_output cat out <<'E'
nothing
two: 1 map[of two:[1]] 1 true
some
one: 2 map[of one:[2]] 1 true
no such
guest.so: main.absent: the old build has no such variable: leave it out of the copy, or save it with hooks
one: 3 map[of one:[2 3]] 2 true
all
two: 4 map[of one:[2 3] of two:[4]] 3 true
types differ
guest.so: main.entries[]: field more is new: leave it out of the copy, or save it with hooks
two: 5 map[of one:[2 3] of two:[4 5]] 4 true
named, they do not matter
other: 6 map[of other:[6]] 1 true
signature
guest.so: the signature of an export has changed: Add: was long(long), is long(long, double): give the new function another name
other: 7 map[of other:[6 7]] 2 true
wide: 1 map[of wide:[1]] 1 true
0 left
E
expect_no_snapshots
