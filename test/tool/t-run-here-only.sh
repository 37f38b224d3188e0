#!/bin/bash
# goaudit run --here-only: the program is a host, what it executes is not, and nothing else
# of its environment has changed.
. "$(dirname "$0")/../lib.sh"

tool=$GOAUDIT_BUILD/goaudit
cc_so nothing.so <<<'unsigned la_version(unsigned v) { return v; }'
cc_host host <<'C'
#include "host.h"
extern char **environ;
/* host N: N processes, each started by the one before. */
int main(int argc, char **argv)
{
	const char *audit = getenv("LD_AUDIT");
	int n = atoi(argv[1]);
	char **e = environ;

	while (*e)
		e++;
	/* The kernel's vector stands behind. */
	CHECK(((unsigned long *)e)[1] != 0);
	printf("module %s, LD_AUDIT %s, A %s\n", dlsym(RTLD_DEFAULT, "dlreload") ? "there" : "absent",
	       audit ? audit : "not set", getenv("A"));
	fflush(stdout);
	sprintf(argv[1], "%d", n - 1);
	return n > 1 ? execv(argv[0], argv) : 0;
}
C
export A=here
real=$(readlink -f "$AUDIT")
expect_output "$tool" run ./host 2 <<E
module there, LD_AUDIT $real, A here
module there, LD_AUDIT $real, A here
E
for flag in --here-only -H; do
	expect_output "$tool" run $flag ./host 3 <<E
module there, LD_AUDIT not set, A here
module absent, LD_AUDIT not set, A here
module absent, LD_AUDIT not set, A here
E
done
# Another auditor stays.
expect_output env LD_AUDIT=./nothing.so "$tool" run --here-only ./host 2 <<E
module there, LD_AUDIT ./nothing.so, A here
module absent, LD_AUDIT ./nothing.so, A here
E
# By hand, as the manual says.
expect_output env LD_AUDIT="$AUDIT" sh -c 'env -u LD_AUDIT ./host 1; GOAUDIT_HERE_ONLY=1 ./host 2' <<E
module absent, LD_AUDIT not set, A here
module there, LD_AUDIT not set, A here
module absent, LD_AUDIT not set, A here
E
