#!/bin/bash
# A library that the program is linked to, or that is preloaded, opens a guest in its
# constructor: that is before la_preinit.  It reloads, its threads and forks work, and at
# exit its destructors run and nothing is left.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file seven/main.go <<'GO'
package main

import "C"

//export value
func value() C.int { return 7 }

func main() {}
GO
build_guests seven
cc_so one.so <<'C'
#include <stdio.h>
int value(void) { return 1; }
__attribute__((destructor)) static void end(void) { puts("one ends"); fflush(stdout); }
C
sed 's/return 1/return 2/' > two.c <<'C'
#include <stdio.h>
int value(void) { return 1; }
__attribute__((destructor)) static void end(void) { puts("two ends"); fflush(stdout); }
C
cc_so two.so <two.c
cc_so early.so <<'C'
#include "host.h"
#include <sys/wait.h>
void *early_handle;
__attribute__((constructor)) static void early(void)
{
	void *h;
	int status;

	unlink("guest.so");
	CHECK(link("one.so", "guest.so") == 0);
	h = early_handle = open_guest("./guest.so");
	printf("constructor %d\n", call(h, "value"));
	fflush(stdout);
	if (fork() == 0)
		_exit(call(h, "value"));
	wait(&status);
	CHECK(WEXITSTATUS(status) == 1);
	unlink("guest.so");
	CHECK(link("two.so", "guest.so") == 0);
	CHECK(dlreload(h) == h);
	printf("constructor %d\n", call(h, "value"));
	if (getenv("GO_GUEST"))
		printf("constructor %d\n", call(open_guest("./seven.so"), "value"));
	fflush(stdout);
	if (getenv("AND_EXIT"))
		exit(0);
}
C
cc_host host <<'C'
#include "host.h"
int main(void)
{
	void *h = open_guest("./guest.so");

	printf("main %d\n", call(h, "value"));
	close_guest(h);
	fflush(stdout);
	return 0;
}
C
cc_host linked -Wl,-rpath,"$PWD" ./early.so <<'C'
#include "host.h"
extern void *early_handle;
int main(void)
{
	printf("main %d\n", call(early_handle, "value"));
	fflush(stdout);
	return 0;
}
C
first='constructor 1
constructor 2'
last='one ends
two ends'
sorted() {
	"$@" >out.txt 2>&1 || { cat out.txt; fail "$*: status $?"; }
	grep -v ends out.txt || true
	grep ends out.txt | sort || true
}
expect_output sorted env LD_AUDIT="$AUDIT" LD_PRELOAD="$PWD/early.so" ./host <<E
$first
main 2
$last
E
expect_no_snapshots
expect_output sorted env LD_AUDIT="$AUDIT" ./linked <<E
$first
main 2
$last
E
expect_no_snapshots
# Then ld.so runs no destructors, with or without the module.
expect_output sorted env LD_AUDIT="$AUDIT" AND_EXIT=1 ./linked <<E
$first
E
expect_no_snapshots
expect_output sorted env LD_AUDIT="$AUDIT" GO_GUEST=1 ./linked <<E
$first
constructor 7
main 2
$last
E
expect_no_snapshots
