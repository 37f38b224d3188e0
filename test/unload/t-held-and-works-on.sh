#!/bin/bash
# A generation that is held works on: its handles of package unique, the types that
# reflect has made for it, its names and numbers with gob and its flags are what they
# were, also where only a finalizer or a cleanup holds it, where writes cannot be
# tracked, and where it turns out only after the purge that it is in use.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/unload/unload.sh"

go_file works/go.mod <<'E'
module example.com/works

go 1.24
E
go_file works/main.go <<'GO'
package main

/*
extern void Check(void);
static void *check(void) { return (void *)Check; }
*/
import "C"

import (
	"bytes"
	"encoding/gob"
	"flag"
	"fmt"
	"log"
	"os"
	"reflect"
	"runtime"
	"unique"
)

type token struct{ a, b int }

type message struct{ N int }

type box struct{ V any }

var (
	handle  = unique.Make(token{1, 2})
	made    = types()
	stream  bytes.Buffer
	encoder = gob.NewEncoder(&stream)
	decoder = gob.NewDecoder(&stream)
	level   = flag.Int("level", 3, "a flag of the guest's")
)

func types() (l []reflect.Type) {
	t := reflect.TypeFor[token]()
	return append(l, reflect.ArrayOf(7, t), reflect.SliceOf(reflect.SliceOf(t)), reflect.ChanOf(reflect.BothDir, t),
		reflect.MapOf(t, reflect.PointerTo(reflect.PointerTo(t))), reflect.FuncOf([]reflect.Type{t}, nil, false),
		reflect.StructOf([]reflect.StructField{{Name: "F", Type: t}}))
}

func init() {
	gob.Register(message{})
	roundTrip(1)
}

func roundTrip(n int) (text string) {
	var out box
	if err := encoder.Encode(box{message{n}}); err != nil {
		return err.Error()
	}
	if err := decoder.Decode(&out); err != nil {
		return err.Error()
	}
	return fmt.Sprint(out.V)
}

//export Check
func Check() {
	same := handle == unique.Make(token{1, 2})
	for i, t := range types() {
		same = same && t == made[i]
	}
	f := flag.Lookup("level")
	os.Setenv("RESULT", fmt.Sprint(same, " ", roundTrip(5), " ", f != nil && f.Value.(flag.Getter).Get() == *level))
}

//export Where
func Where() uintptr { return uintptr(C.check()) }

//export Cleanup
func Cleanup() {
	f, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	runtime.AddCleanup(f, func(int) { Check() }, 0)
	log.SetOutput(f)
}

//export Finalizer
func Finalizer() {
	b := new(bytes.Buffer)
	runtime.SetFinalizer(b, func(*bytes.Buffer) { Check() })
	log.SetOutput(b)
}

func main() {}
GO
go_file other/main.go <<'GO'
package main

import "C"

import (
	"log"
	"os"
	"runtime"
)

//export Reset
func Reset() { log.SetOutput(os.Stderr) }

//export Collect
func Collect() { runtime.GC() }

func main() {}
GO
build_guests works other
cc_host host <<'C'
#include "gohost.h"

int main(int argc, char **argv)
{
	void *other = open_guest("./other.so"), *h = open_mode("./works.so", RTLD_NOW);
	void (*check)(void) = ((void (*(*)(void))(void))find(h, "Where"))();
	struct goaudit_generation g;

	if (argc > 1)
		((void (*)(void))find(h, argv[1]))();
	close_guest(h);
	CHECK(goaudit_reclaim(NULL, 300) == 1);
	g = record_of("works.so", 1);
	CHECK(g.state == GOAUDIT_RETIRED && maps_with(g.snapshot) > 0);
	((void (*)(void))find(other, "Reset"))();
	if (argc > 1) {
		while (!getenv("RESULT")) {
			((void (*)(void))find(other, "Collect"))();
			usleep(10000);
		}
		printf("%s\n", getenv("RESULT"));
		reclaim_all();
		check_gone("works.so", 1);
	} else {
		check();
		printf("%s\n", getenv("RESULT"));
	}
	return 0;
}
C
right='true {5} true'
switches() { # FLAGS COMMAND...
	local flags=$1
	shift
	GOAUDIT_TEST_UNLINK=$flags LD_AUDIT=$GOAUDIT_BUILD/test/switches/libgoaudit.so "$@"
}
for how in Cleanup Finalizer; do
	expect_output run_audited ./host $how <<<"$right"
	expect_output switches 0x2 ./host $how <<<"$right"	# GO_UNLINK_STOPPED
done
# GO_UNLINK_NO_VERDICT: the purge has been made, and what it has dropped put back, some
# times over.
expect_output switches 0x4000000 ./host <<<"$right"
