#!/bin/bash
# Where ld.so's private layout is not known, names are found all the same: the hash
# table keeps its first size; and where the list of objects is not as expected, it is
# left alone, with a debugger attached, too.
. "$(dirname "$0")/dlbind.sh"

cp -r "$ROOT/dlbind" source
cat >many.c <<'C'
#include <stdio.h>
#include <string.h>
#include "dlbind.h"
int main(void)
{
	void *l = dlcreate("unknown.so"), *d = dlalloc(l, 16, SHF_WRITE);
	struct dlbind_figures f;
	char name[30];

	for (int i = 0; i < 3000; i++)
		if (sprintf(name, "name_%d", i), !dlbind(l, name, d, 16, STT_OBJECT))
			return 1;
	for (int i = 0; i < 3000; i++)
		if (sprintf(name, "name_%d", i), dlsym(l, name) != d)
			return 2;
	for (int i = 0; i < 3000; i++)
		if (sprintf(name, "name_%d", i), dlunbind(l, name) != 0 || dlsym(l, name))
			return 3;
	dlreload(l);
	dlbind_figures(l, &f, sizeof f);
	printf("%zu buckets, %zu notices\n", f.buckets, f.notices);
	return dldelete(l) != 0;
}
C
build() {
	gcc -std=gnu11 -O1 -g -D_GNU_SOURCE -I"$ROOT/include" -Isource -pthread -o many \
		many.c source/*.c
}
under_gdb() {
	gdb -nx -q -batch -ex 'set startup-with-shell off' -ex 'set confirm off' \
		-ex "handle SIGSEGV nostop noprint pass" \
		-ex run ./many 2>&1 | sed -n '/buckets/p; /exited/s/process [0-9]*/x/p'
}
build
expect_output ./many <<'E'
4016 buckets, 0 notices
E
sed -i 's/^#define MAP_BYTES .*/#define MAP_BYTES 64/' source/ldso.c
build
expect_output ./many <<'E'
251 buckets, 0 notices
E
if command -v gdb >/dev/null; then
	# The count and the padding exchanged.
	sed -i '/^struct linkmap_namespace {/,/^};/{s/nloaded;/x;/; s/padding;/nloaded;/; s/ x;/ padding;/}' source/linkmap.h
	sed -i 's/"name_%d", i), !dlbind/"name_%d", i), (i == 5 ? dlbind_begin(l) : 0) || !dlbind/' many.c
	build
	expect_output under_gdb <<'E'
251 buckets, 0 notices
[Inferior 1 (x) exited normally]
E
fi
expect_no_files
