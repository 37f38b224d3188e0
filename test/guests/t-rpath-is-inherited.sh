#!/bin/bash
# DT_RPATH, unlike RUNPATH, also holds for the dependencies of dependencies; with
# $ORIGIN in it, that means the folder where the user put the guest.
. "$(dirname "$0")/../lib.sh"

mkdir -p app/lib
cc_so app/lib/libindirect.so -Wl,-soname,libindirect.so \
	<<<'int indirect(void) { return 10; }'
cc_so app/lib/libmiddle.so -Wl,-soname,libmiddle.so -Lapp/lib -lindirect \
	<<<'int indirect(void); int middle(void) { return indirect() + 1; }'
cc_so app/guest.so -Lapp/lib -lmiddle -Wl,--disable-new-dtags \
	-Wl,-rpath,'$ORIGIN/lib' <<<'int middle(void); int value(void) { return middle(); }'
cat >host.c <<'C'
#include "host.h"
int main(void)
{
	printf("%d\n", call(open_mode("app/guest.so", MODE), "value"));
	return 0;
}
C
cc_host host -DMODE=FLAGS <host.c
cc_host plain -DMODE=RTLD_NOW <host.c
expect_output run_plain ./plain <<<11
expect_output run_audited ./plain <<<11
expect_output run_audited ./host <<<11
expect_no_snapshots
