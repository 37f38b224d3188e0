#!/bin/bash
# A Go guest that was opened without RTLD_RELOADABLE is unmapped after its last
# dlclose, or as soon as nothing uses it; opened again it starts anew.  With
# GOAUDIT_RELOADABLE naming it, it is parked instead.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file plain/main.go <<'GO'
package main

import "C"

import (
	"fmt"
	"os"
)

var calls int

//export Test
func Test() *C.char { calls++; return C.CString(fmt.Sprint("call ", calls)) }

//export Hold
func Hold(fd C.int) {
	go func() {
		os.NewFile(uintptr(fd), "pipe").Read(make([]byte, 1))
	}()
}

func main() {}
GO
build_guest plain.so plain
cc_host host <<'C'
#include "gohost.h"
int main(void)
{
	int fd[2];
	void *h, *again;

	unsigned number;

	setvbuf(stdout, NULL, _IONBF, 0);
	h = open_mode("./plain.so", RTLD_NOW);
	again = open_mode("./plain.so", RTLD_LAZY);
	CHECK(again == h && generation_of(h).references == 2);
	print_text(h, "Test");
	close_guest(again);
	print_text(h, "Test");
	CHECK(dlopen("./plain.so", RTLD_NOW | RTLD_NOLOAD) == h);
	close_guest(h);
	close_guest(h);
	reclaim_all();
	if (record_of("plain.so", 1).state == GOAUDIT_GONE) {
		check_gone("plain.so", 1);
		printf("unmapped\n");
	} else {
		CHECK(record_of("plain.so", 1).state == GOAUDIT_PARKED);
		printf("parked\n");
	}
	CHECK(dlopen("./plain.so", RTLD_NOW | RTLD_NOLOAD) == NULL && dlerror() == NULL);
	CHECK(dlclose(h) == -1 && dlerror() != NULL);
	runtime_now(20);
	for (int i = 0; i < 20; i++) {
		h = open_mode("./plain.so", RTLD_NOW);
		print_text(h, "Test");
		close_guest(h);
	}
	/* Held, it can be opened beside the one that is held. */
	CHECK(pipe(fd) == 0);
	h = open_mode("./plain.so", RTLD_NOW);
	((void (*)(int))find(h, "Hold"))(fd[0]);
	while (!strstr(generation_of(h).holder_text, "Hold")) {
		close_guest(h);
		if (generation_of(h).state == GOAUDIT_PARKED)
			break;
		CHECK(goaudit_reclaim(h, 1000) == 1);
	}
	printf("%s\n", generation_of(h).state == GOAUDIT_PARKED ? "parked" : "held");
	number = generation_of(h).number;
	again = open_mode("./plain.so", RTLD_NOW);
	CHECK(again == h);
	printf("%s object: ", generation_of(h).number == number ? "the same" : "another");
	print_text(again, "Test");
	close_guest(again);
	close(fd[1]);
	while (goaudit_reclaim(NULL, 1000) > 0)
		;
	printf("mapped: %s\n", maps_with("plain.so") ? "yes" : "no");
	runtime_now(20);
	return 0;
}
C
expect_output run_audited ./host <<'E'
call 1
call 2
unmapped
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
call 1
held
another object: call 1
mapped: no
E
{ printf 'call 1\ncall 2\nparked\n'; seq -f 'call %g' 3 22; printf 'parked\nthe same object: call 23\nmapped: yes\n'; } >parked.expected
export GOAUDIT_RELOADABLE='plain.*'
expect_output run_audited ./host <parked.expected
