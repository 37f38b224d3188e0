#!/bin/bash
# C constructors and C++ objects in a guest's own C parts: made before its
# package inits, in their order, and destroyed when it is unmapped.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file made/part.c <<'C'
#include <stdio.h>
__attribute__((constructor(101))) static void first(void) { puts("first constructor"); }
__attribute__((constructor)) static void second(void) { puts("second constructor"); }
__attribute__((destructor)) static void end(void) { puts("destructor"); fflush(stdout); }
C
go_file made/object.cc <<'C'
#include <cstdio>
#include <stdexcept>
#include <string>
struct object {
	std::string text;
	object() : text("object") { puts("object made"); }
	~object() { puts("object destroyed"); fflush(stdout); }
};
static object it;
extern "C" int length(void)
{
	try { throw std::runtime_error(it.text); }
	catch (std::exception &e) { return std::string(e.what()).size(); }
}
C
go_file made/main.go <<'GO'
package main

// #cgo LDFLAGS: -lstdc++
// #include <stdio.h>
// int length(void);
// static void say(void) { puts("package init"); fflush(stdout); }
import "C"

import "fmt"

const generation = "generation 1"

func init() { C.say() }

//export Test
func Test() *C.char { return C.CString(fmt.Sprint(generation, " ", C.length())) }

func main() {}
GO
build_guest made.so made
mv made.so made.1
variant made.1 made.2 "generation 1" "generation 2"
cc_host host <<'C'
#include "gohost.h"
int main(void)
{
	void *h;

	setvbuf(stdout, NULL, _IONBF, 0);
	replace("made.1", "made.so");
	h = open_guest("./made.so");
	print_text(h, "Test");
	close_guest(h);
	replace("made.2", "made.so");
	h = open_guest("./made.so");
	reclaim_all();
	print_text(h, "Test");
	check_gone("made.so", 1);
	runtime_now(10);
	print_text(h, "Test");
	puts("end of main");
	return 0;
}
C
expect_output run_audited ./host <<'E'
first constructor
second constructor
object made
package init
generation 1 6
first constructor
second constructor
object made
package init
destructor
object destroyed
generation 2 6
generation 2 6
end of main
object destroyed
destructor
E
