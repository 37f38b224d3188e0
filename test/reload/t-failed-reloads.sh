#!/bin/bash
# A reload that fails, at whatever step, changes nothing: the old generation answers
# by the same function address, with its state, its flag and its goroutine; nothing
# grows.  A good build is then handed the state.  GOAUDIT_TEST_FAILURES: how often each, default 25.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
export GODEBUG=memprofilerate=0

source_of() { # EXTRA-DECLARATIONS
	cat <<GO
package main

// #include <stdlib.h>
// typedef unsigned int version_t;
import "C"

import (
	"flag"
	"fmt"
	"os"
	"time"
	"unsafe"
)

var (
	kind    = "the good one"
	count   int
	called  = flag.String("called", kind, "")
	ask     = make(chan chan string)
	history = map[string][]int{}
)

func init() {
	switch kind {
	case "it panics...":
		panic("as it should")
	case "it exits....":
		var nothing *int
		*nothing = 1
	case "it is slow..":
		for f := os.ErrExist; f != nil; _, f = os.Stat("in-time") {
			time.Sleep(time.Millisecond)
		}
	}
}

// Of the generation that is in use: that of a refused one would hold it.
func answer() {
	for a := range ask {
		a <- *called
	}
}

//export goaudit_save
func goaudit_save(size *C.size_t, version *C.version_t) unsafe.Pointer {
	if _, err := os.Stat("not-now"); err == nil {
		*size = 1
		return nil
	}
	text := fmt.Sprint(count)
	*size, *version = C.size_t(len(text)), 1
	return C.CBytes([]byte(text))
}

//export goaudit_load
func goaudit_load(data unsafe.Pointer, size C.size_t, version C.version_t) C.int {
	if kind == "it refuses.." {
		return 3
	}
	fmt.Sscan(string(C.GoBytes(data, C.int(size))), &count)
	return 0
}

//export Handed
func Handed() C.int { return C.int(count) }

$1

func main() {}
GO
}
good='//export Count
func Count() C.int {
	if count++; count == 1 {
		go answer()
	}
	a := make(chan string)
	ask <- a
	history[<-a] = []int{count}
	return C.int(count*1000 + len(kind)*10 + len(history))
}'
source_of "$good" | go_file good/main.go
source_of "${good//Count() C.int/Count(more C.double) C.int}" | go_file wide/main.go
source_of '' | go_file lacks/main.go
build_guests good wide lacks
variant good.so panics.so "the good one" "it panics..."
variant good.so exits.so "the good one" "it exits...."
variant good.so refuses.so "the good one" "it refuses.."
variant good.so next.so "the good one" "the next one"
variant good.so slow.so "the good one" "it is slow.."
abi=$(sed -n 's/^abi //p' "$(dirname "$("$GOAUDIT_BUILD/goaudit" runtime --print)")/complete")
ABI=$abi perl -pe 'BEGIN { $a = pack "H*", $ENV{ABI}; undef $/ } s/\Q$a\E/"\0\1\2\3" . substr($a, 4)/ge' \
	good.so >runtime.so
head -c 30000 good.so >truncated.so
cp good.so program.so && printf '\2\0' | dd of=program.so bs=1 seek=16 conv=notrunc status=none
perl -pe 's/libstd\.so/libstq.so/' good.so >dependency.so
cc_host host <<'C'
#include "gohost.h"

/* After so many failures of each kind nothing has grown; the Go runtime may start a
 * thread at any time, which has mappings of its own. */
static void settle(long *kb, int *maps, int *files, struct goaudit_runtime *rt)
{
	if (access("in-time", F_OK) != 0)	/* inits wait for it */
		CHECK(symlink(".", "in-time") == 0);
	while (goaudit_reclaim(NULL, -1) > 0)
		;
	*rt = runtime_now(5);
	*kb = rss_kb();
	*maps = maps_with("");
	*files = open_files();
}

int main(int argc, char **argv)
{
	static const char *const absent[] = { "absent", NULL };
	static const struct {
		const char *file;		/* NULL: it has vanished */
		const char *const *variables;
		unsigned limit_ms;
		int not_now;			/* the old generation does not save */
	} kinds[] = {
		{ "truncated.so" }, { "program.so" }, { "runtime.so" }, { "dependency.so" },
		{ "panics.so" }, { "exits.so" }, { "slow.so", .limit_ms = 1 }, { "lacks.so" },
		{ "wide.so" }, { "refuses.so" }, { "next.so", .not_now = 1 },
		{ "next.so", .variables = absent }, { NULL },
	};
	struct goaudit_reload_options options = { .size = sizeof options };
	int times = atoi(argv[1]), expected = 0;
	long kb[2];
	int maps[2], files[2], (*count)(void);
	struct goaudit_runtime rt[2];
	void *h;

	setvbuf(stdout, NULL, _IONBF, 0);
	replace("good.so", "guest.so");
	h = open_guest("./guest.so");
	count = (int (*)(void))find(h, "Count");
	for (int i = 0; i <= times; i++) {
		for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			if (kinds[k].file)
				replace(kinds[k].file, "guest.so");
			else
				CHECK(unlink("guest.so") == 0);
			options.flags = kinds[k].variables ? GOAUDIT_RELOAD_VARIABLES : 0;
			options.variables = kinds[k].variables;
			options.init_timeout_ms = kinds[k].limit_ms;
			unlink("in-time");
			CHECK(!kinds[k].not_now || symlink(".", "not-now") == 0);
			CHECK(!dlreload2(h, &options));
			CHECK(!kinds[k].not_now || unlink("not-now") == 0);
			if (kinds[k].limit_ms)	/* now its init may end */
				CHECK(symlink(".", "in-time") == 0);
			if (i == 0)
				puts(strstr(dlerror(), "guest.so:"));
			CHECK(count() == ++expected * 1000 + 121);
		}
		if (i == 3 * times / 4)
			settle(&kb[0], &maps[0], &files[0], &rt[0]);
	}
	settle(&kb[1], &maps[1], &files[1], &rt[1]);
	printf("maps %d, files %d, modules %d, goroutines %d\n", maps[1] <= maps[0] + 16,
	       files[1] == files[0], rt[1].modules == rt[0].modules,
	       rt[1].goroutines <= rt[0].goroutines);
	printf("resident %d, heap %d\n", kb[1] <= kb[0] + 1024,
	       rt[1].heap_live <= rt[0].heap_live + 65536);
	replace("good.so", "guest.so");
	CHECK(dlreload(h) == h);
	CHECK(call(h, "Handed") == expected);
	close_guest(h);
	return 0;
}
C
run_audited ./host "${GOAUDIT_TEST_FAILURES:-25}" >out 2>&1 || fail "$(cat out)"
expect_output sed 's/\(hash\|process is\) [0-9a-f]*/\1 HASH/g' out <<'E'
guest.so: truncated: section headers end past the file: rebuild it for this machine, or copy it again
guest.so: not a shared object: ELF type 2: rebuild it for this machine, or copy it again
guest.so: built for another Go runtime (ABI hash HASH, the one of this process is HASH): rebuild it with `goaudit build`
guest.so: libstq.so: cannot open shared object file: No such file or directory
guest.so: its package init panicked: as it should (main.go:26): mend the guest and build it again
guest.so: its package init panicked: runtime error: invalid memory address or nil pointer dereference (main.go:29): mend the guest and build it again
guest.so: its package init has not ended within 1 ms and runs on without a use: mend the guest, or raise the limit
guest.so: the new build has no function Count, whose address is in use: put it back, or restart the process
guest.so: the signature of an export has changed: Count: was int(void), is int(double): give the new function another name
guest.so: the new build does not take the state over (goaudit_load returned 3, of version 1, 1 bytes): have it accept that version
guest.so: goaudit_save of the old generation has failed: see what it says
guest.so: main.absent: the old build has no such variable: leave it out of the copy, or save it with hooks
guest.so: cannot be read: No such file or directory: the old generation goes on
maps 1, files 1, modules 1, goroutines 1
resident 1, heap 1
E
expect_no_snapshots
