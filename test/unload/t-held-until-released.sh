#!/bin/bash
# A goroutine, a timer and a ticker's goroutine hold the retired generation they
# belong to: it is named with its holder, works on, and is unmapped once the holder
# has ended.  The finalizer and the cleanup of garbage run before their generation
# goes; those of what it keeps do not.  One without a holder goes at once.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

case $(go env GOVERSION) in go1.2[2-5]*) skip "the proof wants Go 1.26 or later" ;; esac

go_file held/main.go <<'GO'
package main

import "C"

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

const generation = "generation 1"

type object struct {
	name string
	next *object
}

func say(w *os.File, what string) { fmt.Fprintf(w, "%s of %s\n", what, generation) }

func echo(r, w *os.File) {
	b := make([]byte, 1)
	for {
		if n, _ := r.Read(b); n == 0 { // parked here
			break
		}
		say(w, fmt.Sprint("echo ", object{name: string(b)}))
	}
	say(w, "end of goroutine")
}

func ticks(w *os.File) {
	t := time.NewTicker(20 * time.Millisecond)
	for i := 0; i < 100; i++ {
		<-t.C // or here
	}
	t.Stop()
	say(w, "end of ticker")
}

//go:noinline
func fire(w *os.File) func() { return func() { say(w, "timer") } }

var keep []*object

//go:noinline
func finalizer(w *os.File) {
	f := func(o *object) { say(w, "finalizer of "+o.name) }
	keep = append(keep, &object{name: "what is kept"})
	runtime.SetFinalizer(keep[0], f)
	runtime.SetFinalizer(&object{name: "garbage"}, f)
}

//go:noinline
func cleanup(w *os.File) {
	f := func(name string) { say(w, "cleanup of "+name) }
	keep = append(keep, &object{name: "what is kept"})
	runtime.AddCleanup(keep[0], f, "what is kept")
	runtime.AddCleanup(&object{name: "garbage"}, f, "garbage")
}

//export Hold
func Hold(kind *C.char, in, out C.int) {
	r, w := os.NewFile(uintptr(in), "in"), os.NewFile(uintptr(out), "out")
	switch C.GoString(kind) {
	case "goroutine":
		go echo(r, w)
	case "ticker":
		go ticks(w)
	case "timer":
		time.AfterFunc(8*time.Second, fire(w)) // long after the first look at it
	case "finalizer":
		finalizer(w)
	case "cleanup":
		cleanup(w)
	}
}

//export Test
func Test() *C.char { return C.CString(generation) }

func main() {}
GO
kinds="goroutine ticker timer finalizer cleanup"
build_guest held.1 held
variant held.1 held.2 "generation 1" "generation 2"

cc_host host <<'C'
#include "gohost.h"
#include <poll.h>

struct guest {
	const char *kind;
	char path[64];
	void *h;
	int in[2], out[2];	/* pipes: the guest's end is in[0], out[1] */
};

static struct goaudit_generation old(struct guest *g) { return record_of(g->path, 1); }

/* The next line that the old generation writes. */
static void print_line(struct guest *g)
{
	char c;

	printf("%s: ", g->kind);
	do {
		CHECK(read(g->out[0], &c, 1) == 1);
		putchar(c);
	} while (c != '\n');
}

static void start(struct guest *g)
{
	snprintf(g->path, sizeof g->path, "./%s.so", g->kind);
	CHECK(pipe2(g->in, O_CLOEXEC | O_NONBLOCK) == 0 && pipe2(g->out, O_CLOEXEC) == 0);
	replace("held.1", g->path);
	g->h = open_guest(g->path);
	((void (*)(const char *, int, int))find(g->h, "Hold"))(g->kind, g->in[0], g->out[1]);
	close_guest(g->h);
	replace("held.2", g->path);
	g->h = open_guest(g->path);
	print_text(g->h, "Test");
}

static void print_no_line(struct guest *g)
{
	struct pollfd p = { g->out[0], POLLIN, 0 };

	poll(&p, 1, 0);
	CHECK(!(p.revents & POLLIN));
}

/* A goroutine that has said its last word is still there for a moment. */
static void released(struct guest *g)
{
	while (goaudit_reclaim(g->h, 1000) != 0)
		CHECK(old(g).state == GOAUDIT_RETIRED);
	check_gone(g->path, 1);
	printf("%s: unmapped\n", g->kind);
}

int main(int argc, char **argv)
{
	static struct guest guests[8];
	int n = argc - 1;

	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 0; i < n; i++) {
		guests[i].kind = argv[i + 1];
		start(&guests[i]);
	}
	/* Round two is for those whose goroutine had not got to its place.  A round
	 * may be on its way, with the timer's answer still to come. */
	while (old(&guests[0]).attempts < 2 || old(&guests[0]).holder != 1 ||
	       strstr(old(&guests[1]).holder_text, "ticks") == NULL ||
	       old(&guests[2]).attempts == 0)
		goaudit_reclaim(NULL, 10000);
	for (int i = 0; i < n; i++) {
		struct goaudit_generation g = old(&guests[i]);

		if (i > 2) {
			if (strcmp(guests[i].kind, "none") != 0)
				print_line(&guests[i]);
			released(&guests[i]);
			print_no_line(&guests[i]);
			continue;
		}
		CHECK(g.state == GOAUDIT_RETIRED && g.references == 0);
		CHECK(maps_with(g.snapshot) > 0);
		printf("%s: holder %u, goroutine %s: %s\n", guests[i].kind, g.holder,
		       g.goroutine ? "named" : "none", g.holder_text);
	}
	/* It works on: its code runs and its types are used. */
	CHECK(write(guests[0].in[1], "x", 1) == 1);
	print_line(&guests[0]);
	print_line(&guests[1]);
	released(&guests[1]);
	print_line(&guests[2]);
	released(&guests[2]);
	runtime_now(20);
	CHECK(write(guests[0].in[1], "y", 1) == 1);
	print_line(&guests[0]);
	CHECK(old(&guests[0]).state == GOAUDIT_RETIRED);
	close(guests[0].in[1]);
	print_line(&guests[0]);
	released(&guests[0]);
	runtime_now(20);
	for (int i = 0; i < n; i++)
		print_text(guests[i].h, "Test");
	return 0;
}
C
line() { grep -n "$1" src/held/main.go | cut -d: -f1; }
{
	for _ in $kinds none; do echo "generation 2"; done
	cat <<E
goroutine: holder 1, goroutine named: main.echo (main.go:$(line 'parked here'))
ticker: holder 1, goroutine named: main.ticks (main.go:$(line 'or here'))
timer: holder 4, goroutine none: main.fire.func1 (main.go:$(line 'func fire'))
finalizer: finalizer of garbage of generation 1
finalizer: unmapped
cleanup: cleanup of garbage of generation 1
cleanup: unmapped
none: unmapped
goroutine: echo {x <nil>} of generation 1
ticker: end of ticker of generation 1
ticker: unmapped
timer: timer of generation 1
timer: unmapped
goroutine: echo {y <nil>} of generation 1
goroutine: end of goroutine of generation 1
goroutine: unmapped
E
	for _ in $kinds none; do echo "generation 2"; done
} >held.expected
expect_output run_audited ./host $kinds none <held.expected
