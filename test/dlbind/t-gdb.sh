#!/bin/bash
# gdb, in batch mode: a breakpoint on a name that is not bound yet is set and hit as
# soon as it is; bt goes through code without a source; in a batch the debugger
# hears of nothing until the commit, and then of everything with one notice; a
# function that is bound again elsewhere is found there; a breakpoint in a page does
# not keep later code in it from being seen.
. "$(dirname "$0")/dlbind.sh"
. "$ROOT/test/gdb.sh"

jit_object
dl_host host jit.o <<'C'
#include <stdio.h>
#include <stdlib.h>
#include "dlbind.h"
#include "jit.h"
static void zero(void) { abort(); }
static size_t notices(struct jit *j)
{
	struct dlbind_figures f;
	dlbind_figures(jit_library(j), &f, sizeof f);
	return f.notices;
}
void say(const char *what, long n) { printf("host: %s %ld\n", what, n); fflush(stdout); }
int main(void)
{
	struct jit *j = jit_new("jit.so", zero);
	jit_function *f, *g;
	size_t before;
	char name[20];

	g = jit_compile(j, "early", "x+1");
	say("early", g(1));
	f = jit_compile(j, "outer", "1+early(x*2)");
	say("outer", f(10));
	dlbind_begin(jit_library(j));
	before = notices(j);
	f = jit_compile(j, "late", "x-1");
	for (int i = 0; i < 50; i++) {
		sprintf(name, "more%d", i);
		jit_compile(j, name, "x");
	}
	say("late, not committed", f(5));
	dlbind_commit(jit_library(j));
	say("notices", notices(j) - before);
	say("late, committed", f(5));
	dlunbind(jit_library(j), "late");
	f = jit_compile(j, "late", "x*100");
	say("late, again", f(5));
	say("early, again", g(1));
	if (dlreload(jit_library(j)) != jit_library(j))
		return 1;
	say("early, reloaded", g(1));
	jit_delete(j);
	say("end", 0);
	return 0;
}
C
cat >commands <<'G'
python
def show(place):
    say("%s in %s, rdi = %d" % (place, " < ".join(calls()), gdb.parse_and_eval("$rdi")))
for place in "early", "outer", "late":
    Call(place, lambda place=place: show(place))
end
run
G
GDB_AUDIT='' expect_output gdb_run commands ./host <<'E'
gdb: early in early < main, rdi = 1
host: early 2
gdb: outer in outer < main, rdi = 10
gdb: early in early < outer < main, rdi = 20
host: outer 22
host: late, not committed 4
host: notices 1
gdb: late in late < main, rdi = 5
host: late, committed 4
gdb: late in late < main, rdi = 5
host: late, again 500
gdb: early in early < main, rdi = 1
host: early, again 2
gdb: early in early < main, rdi = 1
host: early, reloaded 2
host: end 0
[Inferior 1 exited normally]
E
expect_no_files
