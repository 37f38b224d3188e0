#!/bin/bash
# A weak pointer to a package variable of a guest: good as long as the guest is mapped,
# nil when it has gone, also when another guest's variables come to lie at that address,
# which get weak pointers of their own.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/unload/unload.sh"

for g in 1 2; do
	go_file g$g/main.go <<GO
package main

import "C"
import "unsafe"

var table = [4]string{"guest", "$g", "three", "four"}

//export Table
func Table() uintptr { return uintptr(unsafe.Pointer(&table)) }

func main() {}
GO
done
go_file cache/go.mod <<'E'
module example.com/cache

go 1.24
E
go_file cache/main.go <<'GO'
package main

import "C"

import (
	"unsafe"
	"weak"
)

var kept [64]weak.Pointer[[4]string]

//export Keep
func Keep(i int, p uintptr) {
	kept[i] = weak.Make(*(**[4]string)(unsafe.Pointer(&p)))
}

// What it points to: the guest's number; 0 for nil.
//
//export Look
func Look(i int) int {
	if p := kept[i].Value(); p != nil {
		return int(p[1][0] - '0')
	}
	return 0
}

//export Same
func Same(i, j int) bool { return kept[i] == kept[j] }

//export Clear
func Clear(n int) (sum int) {
	var space [512]int
	for i := range space {
		space[i] = n
	}
	if n > 0 {
		sum = Clear(n - 1)
	}
	return sum + space[n%512]
}

func main() {}
GO
build_guests g1 g2 cache
cc_host host <<'C'
#include "gohost.h"

int main(void)
{
	void *cache = open_guest("./cache.so");
	void (*keep)(long, uintptr_t) = (void *)find(cache, "Keep");
	long (*look)(long) = (void *)find(cache, "Look");
	unsigned char (*same)(long, long) = (void *)find(cache, "Same");
	long (*clear)(long) = (void *)find(cache, "Clear");
	uintptr_t at[60];
	int n, again = 0;

	/* Where one comes to lie is up to the system: until an address is used twice. */
	for (n = 0; n < 60 && again < 3; n++) {
		void *g = open_mode(n % 2 ? "./g2.so" : "./g1.so", RTLD_NOW);

		at[n] = ((uintptr_t (*)(void))find(g, "Table"))();
		for (int i = 0; i < n; i++) {
			CHECK(look(i) == 0);
			again += at[i] == at[n];
		}
		keep(n, at[n]);
		keep(63, at[n]);
		CHECK(look(n) == 1 + n % 2 && same(n, 63));
		for (int i = 0; i < n; i++)
			CHECK(look(i) == 0 && !same(i, n));
		CHECK(runtime_now(2).modules != 0 && look(n) == 1 + n % 2);
		clear(30);
		close_guest(g);
		reclaim_all();
		CHECK(look(n) == 0);
	}
	printf("%s\n", again ? "right" : "no address was used twice");
	return 0;
}
C
# Where address space is limited, places of what is gone are used again.
limited() { (ulimit -v 16000000 && run_audited ./host); }
expect_output limited <<'E'
right
E
