#!/bin/bash
# A program that opens no guest has all of its address space but for the module's own
# mappings, with or without a limit; a Go guest for whose runtime there is no room is
# refused, and the host goes on.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file one/main.go <<'GO'
package main

import "C"

//export value
func value() C.int { return 1 }

func main() {}
GO
build_guests one
cc_so c.so <<<'int value(void) { return 2; }'
cc_so auditor.so <<<'unsigned la_version(unsigned v) { return v; }'
cc_host host <<'C'
#include "host.h"
#include <sys/resource.h>
int main(int argc, char **argv)
{
	struct rlimit limit;
	char line[100];
	void *h;

	if (argc < 2) {
		for (FILE *f = fopen("/proc/self/status", "r"); fgets(line, sizeof line, f);)
			if (strncmp(line, "VmSize:", 7) == 0)
				printf("%d\n", atoi(line + 7));
		return 0;
	}
	limit.rlim_cur = limit.rlim_max = (rlim_t)atoi(argv[1]) << 20;
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	for (int i = 0; i < 3; i++) {
		h = open_guest("./c.so");
		CHECK(dlreload(h) == h && call(h, "value") == 2);
		close_guest(h);
	}
	h = dlopen("./one.so", FLAGS);
	puts(h ? "opened" : strstr(dlerror(), "libstd.so: "));
	CHECK(!h || call(h, "value") == 1);
	return 0;
}
C
with=$(LD_AUDIT="$AUDIT" ./host) without=$(LD_AUDIT=./auditor.so ./host)
[ $((with - without)) -lt 4096 ] || fail "$((with - without)) kB of address space beside what any auditor takes"
for limit in 100 400 700 850; do
	expect_output run_audited ./host $limit <<'E'
libstd.so: the Go runtime wants 900 MB of address space: Cannot allocate memory: raise the limit (ulimit -v)
E
	expect_no_snapshots
done
expect_output run_audited ./host 4000 <<<opened
tool=$GOAUDIT_BUILD/goaudit
(ulimit -v 614400; "$tool" run ./host) >out.txt 2>err.txt || fail "goaudit run: status $?"
[ "$(cat err.txt)" = "goaudit: address space is limited to 600 MB: the Go runtime wants 900, so Go guests are refused: raise it with ulimit -v" ] ||
	fail "goaudit run says: $(cat err.txt)"
