#!/bin/bash
# Static TLS.  Libraries of the program's that need much of it want a tunable under any
# auditor: goaudit run sets it and inspect names it.  A closed C guest that needs some has
# its successors for ever; where an open one runs out of it, the text names the tunable.
. "$(dirname "$0")/../lib.sh"

tool=$GOAUDIT_BUILD/goaudit
unset GLIBC_TUNABLES
library() { # NAME BYTES
	cc_so "$1" -ftls-model=initial-exec <<<"__thread char t_$2[$2] __attribute__((aligned(16))); char *f_$2(void) { return t_$2; }"
}
cc_so nothing.so <<<'unsigned la_version(unsigned v) { return v; }'
show='#include <stdio.h>
#include <stdlib.h>'
library big.so 30000; library other.so 5000; library small.so 200
cc_host host ./big.so <<<"$show
char *f_30000(void);
int main(void) { printf(\"%s\\n\", f_30000() ? getenv(\"GLIBC_TUNABLES\") : 0); return 0; }"
cc_host light ./small.so <<<"$show
char *f_200(void);
int main(void) { printf(\"%s\\n\", f_200() && getenv(\"GLIBC_TUNABLES\") ? \"set\" : \"not set\"); return 0; }"
# The control: it is any auditor.
LD_AUDIT=./nothing.so ./host >/dev/null 2>err.txt && skip "this glibc has room for it without the tunable"
grep -q 'static TLS block' err.txt || fail "it fails otherwise: $(cat err.txt)"
value_of() { "$@" 2>&1 | sed -n 's/.*optional_static_tls=\([0-9]*\).*/\1/p'; }
n=$(value_of "$tool" run ./host)
[ "${n:-0}" -ge 30000 ] && [ "$n" -lt 35000 ] || fail "goaudit run sets ${n:-nothing}"
[ "$(value_of "$tool" inspect ./host)" = "$n" ] || fail "inspect says: $("$tool" inspect ./host)"
"$tool" inspect ./host | grep -q 'warning \[static-tls\]' || fail "inspect does not warn: $("$tool" inspect ./host)"
GLIBC_TUNABLES=glibc.rtld.optional_static_tls=$n LD_AUDIT="$AUDIT" ./host >/dev/null || fail "the figure of inspect is not enough"
# What is preloaded counts, other tunables stay, a larger value, too; a smaller one does not.
m=$(LD_PRELOAD="./other.so" value_of "$tool" run ./host)
[ "$m" -ge $((n + 5000)) ] || fail "with a preload it sets $m"
expect_output env GLIBC_TUNABLES=glibc.malloc.check=0:glibc.rtld.optional_static_tls=100:glibc.malloc.arena_max=2 "$tool" run ./host \
	<<<"glibc.malloc.check=0:glibc.malloc.arena_max=2:glibc.rtld.optional_static_tls=$n"
expect_output env GLIBC_TUNABLES=glibc.rtld.optional_static_tls=90000 "$tool" run ./host \
	<<<"glibc.rtld.optional_static_tls=90000"
expect_output "$tool" run ./light <<<'not set'
"$tool" inspect ./light | grep static-tls && fail "inspect speaks of 200 bytes"

for i in 1 2; do
	cc_so v$i.so -DN=$i -ftls-model=initial-exec <<<'__thread char t[400]; int value(void) { t[1] += N; return t[1]; }'
done
cc_host guests <<'C'
#include "host.h"
/* guests closed: 100 builds of a guest that is closed each time; guests: of one that stays
 * open, until there is no room. */
int main(int argc, char **argv)
{
	void *h = NULL;

	for (int i = 0; i < 100; i++) {
		replace(i % 2 ? "v2.so" : "v1.so", "guest.so");
		if (argc > 1 || !h)
			h = open_guest("./guest.so");
		else if (dlreload(h) != h)
			break;
		CHECK(call(h, "value") == i % 2 + 1);
		if (argc > 1)
			close_guest(h);
	}
	if (argc > 1) {
		puts("100 builds");
		return 0;
	}
	puts(strstr(dlerror(), "guest.so"));
	CHECK(call(h, "value") > 0);
	close_guest(h);
	/* Closed, it makes way. */
	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	CHECK(call(h, "value") > 0);
	return 0;
}
C
expect_output run_audited ./guests closed <<<'100 builds'
expect_no_snapshots
expect_output run_audited ./guests <<'E'
guest.so: cannot allocate memory in static TLS block: each generation takes its share: start the program with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536, or build the guest with -ftls-model=global-dynamic
E
expect_no_snapshots
