#!/bin/bash
# Package goaudit/guest/state: two Go functions hand the state over, ten builds in a
# row; an error or a panic of either refuses the new build, and the old one goes on; a
# build without the package, or with one of the two functions only.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package

go_file one/main.go <<'GO'
package main

import "C"

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"goaudit/guest/state"
)

var build = "build 00, all is well"

type session struct {
	Count int
	Names map[string][]int
}

var now = session{Names: map[string][]int{}}

func init() {
	switch build[10:] {
	case "hands only ":
		state.Hand(save, nil)
	case "takes only ":
		state.Hand(nil, load)
	default:
		state.Hand(save, load)
	}
}

func save() ([]byte, uint32, error) {
	if _, err := os.Stat("save-fails"); err == nil {
		return nil, 0, errors.New("not now")
	} else if _, err := os.Stat("save-panics"); err == nil {
		panic("not now")
	} else if _, err := os.Stat("save-nothing"); err == nil {
		return nil, 0, nil
	}
	b, err := json.Marshal(now)
	return b, 5, err
}

func load(data []byte, version uint32) error {
	switch build[10:] {
	case "fails      ":
		return errors.New("no")
	case "panics     ":
		panic("no")
	}
	if version != 5 {
		return fmt.Errorf("version %d", version)
	}
	return json.Unmarshal(data, &now)
}

//export Test
func Test() *C.char {
	now.Count++
	now.Names[build[:5]] = append(now.Names[build[:5]], now.Count)
	return C.CString(fmt.Sprint(build[:8], ": ", now.Count, " ", len(now.Names[build[:5]])))
}

func main() {}
GO
imports_guest_package one
build_guest v0 one
for i in 1 2 3 4 5 6 7 8 9; do variant v0 v$i "build 00" "build 0$i"; done
for kind in fails panics "hands only" "takes only"; do
	variant v0 "v-${kind% *}" "build 00, all is well" "$(printf 'build XX, %-11s' "$kind")"
done
cc_host host <<'C'
#include "gohost.h"
static void *h;

static void reload(const char *file)
{
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
	char name[] = "v0";

	setvbuf(stdout, NULL, _IONBF, 0);
	replace(name, "guest.so");
	h = open_guest("./guest.so");
	print_text(h, "Test");
	for (int i = 1; i <= 9; i++) {
		name[1] = '0' + i;
		reload(name);
	}
	reload("v-fails");
	reload("v-panics");
	with("save-fails", "v1");
	with("save-panics", "v1");
	close_guest(h);			/* and at a reopen */
	replace("v1", "guest.so");
	h = open_guest("./guest.so");
	print_text(h, "Test");
	reload("v-takes");
	reload("v2");			/* nothing was handed over */
	reload("v-hands");		/* nor taken over */
	reload("v3");
	with("save-nothing", "v4");
	close_guest(h);
	reclaim_all();
	return 0;
}
C
expect_output run_audited ./host <<'E'
build 00: 1 1
build 01: 2 2
build 02: 3 3
build 03: 4 4
build 04: 5 5
build 05: 6 6
build 06: 7 7
build 07: 8 8
build 08: 9 9
build 09: 10 10
guest.so: the new build does not take the state over (goaudit_load returned 1, of version 5, 53 bytes): no: have it accept that version
build 09: 11 11
guest.so: the new build does not take the state over (goaudit_load returned 1, of version 5, 56 bytes): panic: no: have it accept that version
build 09: 12 12
guest.so: goaudit_save of the old generation has failed: not now: see what it says
build 09: 13 13
guest.so: goaudit_save of the old generation has failed: panic: not now: see what it says
build 09: 14 14
build 01: 15 15
build XX: 16 16
build 02: 1 1
build XX: 1 1
build 03: 2 2
build 04: 1 1
E
expect_no_snapshots
