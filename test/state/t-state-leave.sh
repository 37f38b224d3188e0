#!/bin/bash
# Package goaudit/guest/state: OnLeave, OnReturn and OnClose; an error or a panic of the
# first refuses the new build; what a build has started ends by them, so that it goes.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package

go_file one/main.go <<'GO'
package main

import "C"

import (
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"goaudit/guest/state"
)

var build = "build:one, leaves"

var stop, stopped chan bool

func start() {
	stop, stopped = make(chan bool), make(chan bool)
	go func() { // holds its generation
		for t := time.NewTicker(time.Hour); ; {
			select {
			case <-t.C:
			case <-stop:
				t.Stop()
				close(stopped)
				return
			}
		}
	}()
}

func end() {
	close(stop)
	<-stopped
}

func say(what string) { fmt.Println(build[:9], what) }

func init() {
	say("init")
	log.SetFlags(0)
	start()
	state.OnLeave(func() error { say("leaves, called last"); end(); return nil })
	state.OnLeave(func() error {
		say("leaves")
		if _, err := os.Stat("no"); err == nil {
			return errors.New("a call is under way")
		} else if _, err := os.Stat("panic"); err == nil {
			panic("dear me")
		}
		return nil
	})
	state.OnReturn(func() error { say("returns"); return nil })
	state.OnReturn(func() error {
		select {
		case <-stop:
			start()
		default: // the second function of OnLeave has failed
		}
		return nil
	})
	state.OnClose(func() { end(); say("is closed") })
	if build[11] == 'p' {
		end()
		panic("a bad build")
	}
}

//export Test
func Test() *C.char { return C.CString(build[:9]) }

func main() {}
GO
imports_guest_package one
build_guest one.so one
variant one.so two.so "build:one, leaves" "build:two, leaves"
variant one.so bad.so "build:one, leaves" "build:bad, panics"
cc_host host <<'C'
#include "gohost.h"
static void *h;

static void reload(const char *file)
{
	printf("-- %s\n", file);
	replace(file, "guest.so");
	if (!dlreload(h))
		puts(strstr(dlerror(), "guest.so:"));
	print_text(h, "Test");
}

static void with(const char *name, const char *file)
{
	CHECK(symlink(".", name) == 0);
	reload(file);
	CHECK(unlink(name) == 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	replace("one.so", "guest.so");
	h = goaudit_open_instance("./guest.so", RTLD_NOW, NULL);	/* it is never parked */
	CHECK(h);
	reload("two.so");
	reclaim_all();
	check_gone("guest.so", 1);
	reload("bad.so");
	with("no", "one.so");
	with("panic", "one.so");
	puts("-- closed");
	close_guest(h);
	for (int i = 0; i < 60000 && goaudit_reclaim(NULL, -1) != 0; i++)
		usleep(1000);
	check_gone("guest.so", 2);
	runtime_now(20);
	return 0;
}
C
expect_output run_audited ./host <<'E'
build:one init
-- two.so
build:one leaves
build:one leaves, called last
build:two init
build:two
-- bad.so
build:two leaves
build:two leaves, called last
build:bad init
build:two returns
guest.so: its package init panicked: a bad build (main.go:67): mend the guest and build it again
build:two
-- one.so
build:two leaves
build:two returns
guest.so: the old generation does not leave (goaudit_leave returned 1): a call is under way: see what it says
build:two
-- one.so
build:two leaves
build:two returns
guest.so: the old generation does not leave (goaudit_leave returned 1): panic: dear me: see what it says
build:two
-- closed
build:two is closed
E
expect_no_snapshots

# The documentation's examples compile.
cp -r "$ROOT/audit/go/guest" package
(cd package && go vet ./state) || fail "examples of package state"
