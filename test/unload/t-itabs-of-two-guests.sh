#!/bin/bash
# An itab that is made at run time of one guest's interface and another one's type:
# whichever goes first, nothing of it leads to what is gone when its memory is used for
# another itab.  The addresses of what is gone are made inaccessible.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/unload/unload.sh"

go_file typ/main.go <<'GO'
package main

import "C"

import (
	"errors"
	"io"
	"log"
	"os"
)

type sink struct{ n int }

func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) Number() int                 { return s.n }
func (s *sink) Close() error                { return errors.New("closed") }

//export Give
func Give() { log.SetOutput(&sink{7}) }

//export Take
func Take() { log.SetOutput(os.Stderr) }

var _ io.Closer = (*sink)(nil)

func main() {}
GO
go_file iface/main.go <<'GO'
package main

import "C"
import "log"

type numbered interface{ Number() int }

type both interface {
	Close() error
	Number() int
}

//export Look
func Look() int {
	a, ok := log.Writer().(numbered)
	b, also := log.Writer().(both)
	if !ok || !also || b.Close() == nil {
		return -1
	}
	return a.Number()
}

func main() {}
GO
build_guests typ iface
cc_host host <<'C'
#include "gohost.h"
#include <sys/mman.h>

/* Without the flag: the last close unloads. */
static void *opened(const char *name) { return open_mode(name, RTLD_NOW); }

/* Closes, waits until it is gone and bars its addresses. */
static void gone(void *h)
{
	static struct goaudit_generation all[RECORDS];
	size_t n;

	close_guest(h);
	reclaim_all();
	n = goaudit_generations(all, RECORDS, sizeof *all);
	for (size_t i = 0; i < n && i < RECORDS; i++)
		if (all[i].state == GOAUDIT_GONE)
			mmap((void *)all[i].lo, all[i].hi - all[i].lo, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

int main(void)
{
	uint64_t itabs = 0;

	for (int round = 0; round < 6; round++) {
		void *iface = opened("./iface.so"), *typ = opened("./typ.so");

		call(typ, "Give");
		CHECK(call(iface, "Look") == 7);
		call(typ, "Take");
		CHECK(call(iface, "Look") == -1);
		gone(round % 2 ? iface : typ);
		/* The other one is still there, and comes to meet a new one. */
		if (round % 4 < 2) {
			void *again = opened(round % 2 ? "./iface.so" : "./typ.so");
			void *i = round % 2 ? again : iface, *t = round % 2 ? typ : again;

			call(t, "Give");
			CHECK(call(i, "Look") == 7);
			call(t, "Take");
			gone(again);
		}
		gone(round % 2 ? typ : iface);
		if (round == 0)
			itabs = runtime_now(1).itabs;
		CHECK(runtime_now(1).itabs == itabs);
	}
	printf("right\n");
	return 0;
}
C
expect_output run_audited ./host <<'E'
right
E
