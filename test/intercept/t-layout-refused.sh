#!/bin/bash
# Where ld.so's private layout is not the one that was built for, reloading is
# off: RTLD_RELOADABLE fails with the reason, nothing is touched, and everything
# else goes on as if the audit module were not there.
. "$(dirname "$0")/../lib.sh"

cc_so guest.so <<'C'
static int n;
int value(void) { return ++n; }
C
cc_host host <<'C'
#include "host.h"

int main(int argc, char **argv)
{
	void *h;

	for (int i = 0; i < 2; i++) {
		h = dlopen("./guest.so", FLAGS);
		if (h) {
			printf("opened: %d\n", call(h, "value"));
			close_guest(h);
			continue;
		}
		const char *text = dlerror();
		CHECK(strncmp(text, getenv("TEST_DIR"), strlen(getenv("TEST_DIR"))) == 0);
		printf("%s\n", text + strlen(getenv("TEST_DIR")) + 1);
		CHECK(!dlerror());
		CHECK(maps_with("/guest.so") == 0 && snapshot_files() == 0);
	}
	if (argc > 1)
		return 0;
	/* Plain use: really closed, so it starts anew. */
	for (int i = 0; i < 2; i++) {
		h = open_mode("./guest.so", RTLD_NOW | RTLD_GLOBAL);
		printf("plain: %d\n", call(h, "value"));
		close_guest(h);
		CHECK(maps_with("/guest.so") == 0);
	}
	CHECK(!dlreload(h));
	CHECK(strstr(dlerror(), "not an open handle"));
	return 0;
}
C
cp -r "$ROOT/audit" "$ROOT/dlbind" "$ROOT/include" "$ROOT/Makefile" .
mkdir test && cp "$ROOT/test/lint.mk" test

try() { # WHAT SED-EXPRESSION REASON
	echo "-- $1"
	cp "$ROOT/dlbind/linkmap.h" dlbind/
	sed -i "$2" dlbind/linkmap.h
	! cmp -s dlbind/linkmap.h "$ROOT/dlbind/linkmap.h" || fail "$1: nothing was changed"
	make -s -j2 CFLAGS="-O0 -g" .build/libgoaudit.so .build/libgoaudit-image.so \
		.build/libgoaudit-entries.so >make.txt 2>&1 || { cat make.txt; fail "make"; }
	AUDIT=$PWD/.build/libgoaudit.so expect_output run_audited ./host <<E
guest.so: reloading is off in this process: $3: use a glibc that goaudit(7) lists
guest.so: reloading is off in this process: $3: use a glibc that goaudit(7) lists
plain: 1
plain: 1
E
	expect_no_snapshots
}

try "count and padding exchanged" \
	's/unsigned int nloaded;/unsigned int PADDING;/; s/unsigned int padding;/unsigned int nloaded;/; s/PADDING/padding/' \
	"_ns_nloaded is not where it was expected"
try "the search list elsewhere" \
	's/unsigned int padding;/unsigned int padding; void *more;/' \
	"the main search list is not where it was expected"
try "a word in front" \
	's/struct link_map \*loaded;/void *more; struct link_map *loaded;/' \
	"_rtld_global does not start with the link map"

# The control: the tree as it is.
expect_output run_audited ./host only-reloading <<'E'
opened: 1
opened: 2
E
