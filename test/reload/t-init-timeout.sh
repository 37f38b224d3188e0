#!/bin/bash
# A package init that does not end in time is dlreload's or dlopen's failure: the old
# generation goes on with its state and its flags, a good build is loaded meanwhile;
# the new generation stays mapped until its init ends, and is unmapped then.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file slow/main.go <<'GO'
package main

import "C"

import (
	"flag"
	"fmt"
	"os"
	"time"
)

var (
	kind   = "good one...."
	count  int
	called = flag.String("called", kind, "")
	late   *string
)

// In a package init until a file of the kind's name says that it may end.
func wait() {
	for f := os.ErrExist; f != nil; _, f = os.Stat("end " + kind) {
		time.Sleep(time.Millisecond)
	}
}

func init() {
	switch kind {
	case "it hangs....":
		wait()
	case "it panics...":
		wait()
		panic("late")
	case "flags late..":
		wait()
		late = flag.String("late", kind, "")
	case "flags again.":
		wait()
		late = flag.String("called", kind, "")
	case "it computes.":
		for f := os.ErrExist; f != nil; _, f = os.Stat("end " + kind) {
			for n := range 1000 {
				count += n
			}
		}
		count = 0
	case "blocks......":
		select {}
	case "takes a bit.":
		time.Sleep(50 * time.Millisecond)
	}
}

//export Test
func Test() *C.char {
	count++
	f, l := flag.Lookup("called"), flag.Lookup("late")
	text := "no flag"
	if f != nil {
		text = f.Value.String()
	}
	return C.CString(fmt.Sprint(kind, " ", count, " ", text, " ", *called, " ", l != nil))
}

func main() {}
GO
build_guest good.1 slow
for kind in hangs.... panics... computes.; do variant good.1 "$kind" "good one...." "it $kind"; done
for kind in "flags late.." "flags again." "good two...." "takes a bit." "blocks......"; do
	variant good.1 "${kind// /-}" "good one...." "$kind"
done

cc_host host <<'C'
#include "gohost.h"

static void *h;
static void (*test)(void);

static int threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = -2;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void print(void)
{
	char *text = ((char *(*)(void))test)();

	printf("%s\n", text);
	free(text);
}

static void *reload(const char *file, unsigned limit)
{
	struct goaudit_reload_options o = { .size = sizeof o, .init_timeout_ms = limit };

	replace(file, "guest.so");
	return limit ? dlreload2(h, &o) : dlreload(h);
}

static void end_of(const char *kind)
{
	char name[80];
	int fd;

	snprintf(name, sizeof name, "end %s", kind);
	fd = open(name, O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && close(fd) == 0);
}

/* The newest generation, of which only its init is left. */
static struct goaudit_generation hanging(unsigned number)
{
	struct goaudit_generation g = record_of("guest.so", number);

	CHECK(g.state == GOAUDIT_RETIRED && maps_with(g.snapshot) > 0);
	CHECK(strcmp(g.holder_text, "its package init has not ended") == 0);
	return g;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *file, *end;
	} kinds[] = {
		{ "hangs....", "it hangs...." }, { "panics...", "it panics..." },
		{ "flags-late..", "flags late.." }, { "flags-again.", "flags again." },
		{ "computes.", "it computes." },
	};
	int times = 20, n = 1, before;
	struct goaudit_runtime rt;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 1) {		/* GOAUDIT_INIT_TIMEOUT is set */
		replace("hangs....", "guest.so");
		CHECK(!dlopen("./guest.so", FLAGS));
		puts(strstr(dlerror(), "guest.so:"));
		replace("good.1", "guest.so");
		h = open_guest("./guest.so");
		test = find(h, "Test");
		CHECK(!reload("blocks......", 0));
		puts(strstr(dlerror(), "guest.so:"));
		print();
		CHECK(reload("takes-a-bit.", 10000) == h);
		print();
		return 0;	/* and two inits are running */
	}
	replace("good.1", "guest.so");
	h = open_guest("./guest.so");
	test = find(h, "Test");
	print();
	for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		CHECK(!reload(kinds[k].file, 20));
		puts(strstr(dlerror(), "guest.so:"));
		print();
		hanging(++n);
		CHECK(goaudit_reclaim(NULL, -1) >= 1);
		hanging(n);
		if (k == 1) {	/* a good one comes meanwhile */
			CHECK(reload("good-two....", 20) == h);
			print();
			n++;
		}
	}
	CHECK(reload("good.1", 0) == h);
	print();
	n++;
	for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++)
		end_of(kinds[k].end);
	while (goaudit_reclaim(NULL, -1) > 0)
		usleep(1000);
	for (int i = 1; i < n; i++)
		check_gone("guest.so", i);
	print();
	rt = runtime_now(1);
	printf("%d modules\n", (int)rt.modules);

	/* Ended by now: they are in time.  Again and again they are not. */
	CHECK(reload("takes-a-bit.", 20000) == h);
	print();
	before = threads();
	for (int i = 0; i < times; i++) {
		unlink("end it hangs....");
		CHECK(!reload("hangs....", 1 + i));
		CHECK(reload("takes-a-bit.", 0) == h);
		CHECK(reload("computes.", 0) == h);
		end_of("it hangs....");
	}
	while (goaudit_reclaim(NULL, -1) > 0)
		usleep(1000);
	CHECK(threads() <= before + times / 2);	/* not one each; Go starts some when it likes */
	CHECK(runtime_now(1).modules == rt.modules);
	print();
	close_guest(h);
	return 0;
}
C
expect_output run_audited ./host <<'E'
good one.... 1 good one.... good one.... false
guest.so: its package init has not ended within 20 ms and runs on without a use: mend the guest, or raise the limit
good one.... 2 good one.... good one.... false
guest.so: its package init has not ended within 20 ms and runs on without a use: mend the guest, or raise the limit
good one.... 3 good one.... good one.... false
good two.... 1 good two.... good two.... false
guest.so: its package init has not ended within 20 ms and runs on without a use: mend the guest, or raise the limit
good two.... 2 good two.... good two.... false
guest.so: its package init has not ended within 20 ms and runs on without a use: mend the guest, or raise the limit
good two.... 3 good two.... good two.... false
guest.so: its package init has not ended within 20 ms and runs on without a use: mend the guest, or raise the limit
good two.... 4 good two.... good two.... false
good one.... 1 good one.... good one.... false
good one.... 2 good one.... good one.... false
2 modules
takes a bit. 1 takes a bit. takes a bit. false
it computes. 1 it computes. it computes. false
E
rm end*
GOAUDIT_INIT_TIMEOUT=20 expect_output run_audited ./host settings <<'E'
guest.so: its package init has not ended within 20 ms and runs on without a use: mend the guest, or raise the limit
guest.so: its package init has not ended within 20 ms and runs on without a use: mend the guest, or raise the limit
good one.... 1 good one.... good one.... false
takes a bit. 1 takes a bit. takes a bit. false
E
expect_no_snapshots
