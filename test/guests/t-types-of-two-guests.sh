#!/bin/bash
# Types of the standard library, and what is made of them, are the same in two guests of a
# C host: after the first load, after a reload of one, and after a close and an open.  What
# has code in a guest, an instance of a generic type that only guests have, stays two, as
# types of the main packages do.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/guests/kinds.sh"
export GODEBUG=$GODEBUG,cgocheck=0

printf 'module example.com/guest\n\ngo 1.23\n' | go_file guest/go.mod
kinds_go | go_file guest/kinds.go
go_file guest/main.go <<'GO'
package main

import "C"

import (
	"sync"
	"unsafe"
)

const generation = "generation 1"

// What has been given away, while the host has it.
var given []*parcel

//export Give
func Give(i int) uintptr {
	p := kinds[i].mine()
	p.Gob = encode()
	p.Locker = new(struct {
		sync.Mutex
		N int8
	})
	given = append(given, &p)
	return uintptr(unsafe.Pointer(&p))
}

//export Drop
func Drop() { given = nil }

//export Test
func Test() *C.char { return C.CString(generation) }

//export Ask
func Ask(i int, at uintptr) *C.char {
	p := **(**parcel)(unsafe.Pointer(&at))
	wrong := same(&kinds[i], p)
	if !decode(p.Gob) {
		wrong += "g"
	}
	if _, ok := p.Locker.(*struct {
		sync.Mutex
		N int8
	}); !ok {
		wrong += "l"
	}
	p.Locker.Lock()
	p.Locker.Unlock()
	return C.CString(kinds[i].name + " " + wrong)
}

//export Kinds
func Kinds() int { return len(kinds) }

func main() {}
GO
build_guest guest.so guest
mv guest.so guest.1
variant guest.1 guest.2 "generation 1" "generation 2"
cc_host host <<'C'
#include "gohost.h"

/* What `from` has, as `to` sees it. */
static void ask(void *from, void *to)
{
	uintptr_t (*give)(long) = (uintptr_t(*)(long))find(from, "Give");
	char *(*test)(long, uintptr_t) = (char *(*)(long, uintptr_t))find(to, "Ask");
	long n = call(from, "Kinds");

	print_text(from, "Test");
	print_text(to, "Test");
	for (long i = 0; i < n; i++) {
		char *text = test(i, give(i));

		printf("  %s\n", text);
		free(text);
	}
	((void (*)(void))find(from, "Drop"))();
}

int main(void)
{
	void *a, *b;

	setvbuf(stdout, NULL, _IONBF, 0);
	replace("guest.1", "a.so");
	replace("guest.1", "b.so");
	a = open_guest("./a.so");
	b = open_guest("./b.so");
	ask(a, b);
	ask(b, a);
	replace("guest.2", "a.so");
	CHECK((a = dlreload(a)) != NULL);
	ask(a, b);
	ask(b, a);
	close_guest(b);
	replace("guest.2", "b.so");
	b = open_guest("./b.so");
	ask(a, b);
	close_guest(a);
	close_guest(b);
	return 0;
}
C
table() {
	printf 'generation %s\ngeneration %s\n' "$1" "$2"
	while IFS='|' read -r name _; do
		case $name in
		instance | handle | own | instance-own | unexported) echo "  $name asmerkc" ;;
		literal | of-own | hidden) echo "  $name asmer" ;;
		*) echo "  $name " ;;
		esac
	done <<<"$kinds"
}
{ table 1 1; table 1 1; table 2 1; table 1 2; table 2 2; } >wanted
expect_output run_audited ./host <wanted
expect_no_snapshots
