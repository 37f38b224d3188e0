#!/bin/bash
# Guests opened with RTLD_GLOBAL, and a host whose own symbols are dynamic, share
# names with a guest (each has its list of inits and perhaps a main.T): each uses
# its own all the same.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

for name in one two; do
	go_file $name/main.go <<GO
package main

// static const char *c_name(void) { return "$name"; }
import "C"

import "fmt"

type T struct{ Name string }

func (t T) String() string { return "T of " + t.Name }

var made = &T{"$name"}
var started = func() string { return "started $name" }()

func who() string { return "who $name" }

//export Test
func Test() *C.char { return C.CString(fmt.Sprint(made, ", ", started, ", ", who(), ", ", C.GoString(C.c_name()))) }

func main() {}
GO
done
build_guests one two
cc_host host -rdynamic <<'C'
#include "gohost.h"
/* As a Go program that is linked with the runtime library has them. */
char host_started[64] __asm__("main.started") = "data";
char host_made[64] __asm__("main.made") = "data";
int main(void)
{
	void *one = open_mode("./one.so", FLAGS | RTLD_GLOBAL);
	void *two = open_mode("./two.so", FLAGS | RTLD_GLOBAL);

	print_text(one, "Test");
	print_text(two, "Test");
	return strcmp(host_started, "data") == 0 && strcmp(host_made, "data") == 0 ? 0 : 1;
}
C
expect_output run_audited ./host <<'E'
T of one, started one, who one, one
T of two, started two, who two, two
E
