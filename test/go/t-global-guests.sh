#!/bin/bash
# Guests opened with RTLD_GLOBAL, and a host whose own symbols are dynamic, share
# names with a guest (every one has a main..inittask and its main.T): each uses
# its own all the same.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go/golib.sh"

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
/* What a Go program that is linked with the runtime library exports too. */
char host_inittask[64] __asm__("main..inittask") = "\2";
char host_who[] __asm__("main.who") = "data";
int main(void)
{
	void *one = open_mode("./one.so", FLAGS | RTLD_GLOBAL);
	void *two = open_mode("./two.so", FLAGS | RTLD_GLOBAL);

	print_text(one, "Test");
	print_text(two, "Test");
	return host_inittask[0] == 2 && host_who[0] == 'd' ? 0 : 1;
}
C
expect_output timeout 20 env LD_AUDIT="$AUDIT" ./host <<'E'
T of one, started one, who one, one
T of two, started two, who two, two
E
