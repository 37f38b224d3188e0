#!/bin/bash
# What the process has already, because the program or another library needs it, is that,
# by whatever name and with whatever flag a host opens it, and with RTLD_NOLOAD too; never
# a second copy.
. "$(dirname "$0")/../lib.sh"

for soname in -Wl,-soname,libbase.so -g; do
	rm -f ./*.so linked host
	cc_so libbase.so $soname <<<'int bump(void) { static int n; return ++n; }'
	cc_so uses.so ./libbase.so -Wl,-rpath,'$ORIGIN' <<<'int bump(void); int use(void) { return bump(); }'
	ln libbase.so hard.so
	ln -s hard.so soft.so
	cat >host.c <<'C'
#include "host.h"

int bump(void);

/* Opens it by all its names: one more bump by each. */
static int by_all_names(int mode, int n)
{
	static const char *const names[] = {
		"./libbase.so", "./hard.so", "./soft.so", "$ORIGIN/libbase.so" };
	char path[PATH_MAX];
	void *h;

	for (unsigned i = 0; i < 4; i++) {
		h = dlopen(names[i], mode | RTLD_NOLOAD);
		CHECK(h && call(h, "bump") == ++n);
		CHECK(open_mode(names[i], mode) == h && call(h, "bump") == ++n);
		CHECK(dlclose(h) == 0 && dlclose(h) == 0);
	}
	CHECK(realpath("libbase.so", path));
	CHECK(call(open_mode(path, mode), "bump") == ++n);
	return n;
}

int main(int argc, char **argv)
{
	int mode = argc > 1 ? FLAGS : RTLD_NOW, n = 0;
	void *uses, *libc;

#ifdef LINKED
	CHECK(bump() == ++n);
	n = by_all_names(mode, n);
	CHECK(bump() == ++n);
#endif
	uses = open_mode("./uses.so", RTLD_NOW);
	CHECK(call(uses, "use") == ++n);
	n = by_all_names(mode, n);
	CHECK(call(uses, "use") == ++n);
	libc = open_mode("libc.so.6", mode);
	CHECK(dlsym(libc, "printf") == (void *)printf);
	printf("%d\n", maps_with("base.so") > 0);
	return 0;
}
C
	cc_host host -Wl,-rpath,'$ORIGIN' <host.c
	cc_host linked -DLINKED ./libbase.so -Wl,-rpath,'$ORIGIN' <host.c
	for host in host linked; do
		expect_output ./$host <<<1
		for globs in '' '*.so' '*'; do
			expect_output run_audited env GOAUDIT_RELOADABLE="$globs" ./$host <<<1
			expect_output run_audited env GOAUDIT_RELOADABLE="$globs" ./$host flagged <<<1
		done
	done
done
