#!/bin/bash
# The log's lines go into the log and nowhere else: not into a file that the host has
# opened under the log's number after it closed all descriptors, as daemons do.
. "$(dirname "$0")/../lib.sh"

cc_so guest.so <<<'int value(void) { return 1; }'
cc_host host <<'C'
#include "host.h"
/* host FIRST: closes all descriptors from FIRST on, and then has files of its own under
 * every number. */
int main(int argc, char **argv)
{
	int first = atoi(argv[1]), n, fd;
	char name[40];

	for (fd = first; fd < 1024; fd++)
		close(fd);
	for (n = 0; n < 400; n++) {
		snprintf(name, sizeof name, "own/%d", n);
		fd = open(name, O_RDWR | O_CREAT | O_TRUNC | (n % 2 ? O_APPEND : 0), 0600);
		CHECK(fd >= 0 && fd >= first && write(fd, "header\n", 7) == 7);
	}
	close_guest(open_guest("./guest.so"));
	return 0;
}
C
unharmed() { # HOW
	[ "$(find own -type f | wc -l)" = 400 ] || fail "$1: the host has not come so far"
	[ "$(cat own/* | sort -u)" = header ] || fail "$1: in a file of the host's: $(cat own/* | sort -u)"
	rm -r own; mkdir own
}
lines() { grep -c 'guest.so: generation 1' "$1" || true; }
mkdir own
env LD_AUDIT="$AUDIT" GOAUDIT_LOG=./log ./host 1024 2>/dev/null && fail "numbers do not start over"
rm -r own; mkdir own
env LD_AUDIT="$AUDIT" GOAUDIT_LOG=./log ./host 3 || fail "status $?"
unharmed "a file"
[ "$(lines log)" = 4 ] || fail "the log lacks lines: $(cat log)"
# A relative name means what it meant at the start, and standard error is what it was.
env LD_AUDIT="$AUDIT" GOAUDIT_LOG=1 ./host 2 2>err || fail "status $?"
unharmed "standard error"
[ "$(lines err)" = 0 ] || fail "standard error has been closed, but: $(cat err)"
env LD_AUDIT="$AUDIT" GOAUDIT_LOG=1 ./host 3 2>err || fail "status $?"
unharmed "standard error, open"
[ "$(lines err)" = 4 ] || fail "standard error lacks lines: $(cat err)"
# It keeps no low number: what a host opens first is what it is without a log.
cc_host first <<<'#include <fcntl.h>
#include <stdio.h>
int main(void) { printf("%d\n", open("/dev/null", O_RDONLY)); return 0; }'
expect_output env LD_AUDIT="$AUDIT" GOAUDIT_LOG=./log ./first < <(./first)
