#!/bin/bash
# make install with no other word, as root: the line LD_AUDIT=libgoaudit.so ./host
# then works as it is written, and the command, the manual and pkg-config are
# found.  In a mount namespace of its own, so that this machine keeps nothing.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

[ "$(id -u)" = 0 ] || skip "needs root, to install"
unshare -m true 2>/dev/null || skip "no mount namespaces here"
installed() { find /usr/local -name '*goaudit*' -printf '%p %T@\n' -o -name '*dlbind*' -printf '%p %T@\n' | sort; }
before=$(installed)
cc_so guest.so <<<'static int n; int value(void) { return ++n; }'
go_file go/main.go <<'GO'
package main

import "C"

var n C.int

//export value
func value() C.int { n++; return n }

func main() {}
GO
cc_host host <<'C'
#include "host.h"
int main(int argc, char **argv)
{
	for (int i = 0; i < 2; i++) {
		void *h = open_guest(argv[1] ? argv[1] : "./guest.so");
		printf("%d\n", call(h, "value"));
		close_guest(h);
	}
	return 0;
}
C
cat >inside <<'S'
set -eu
mount --make-rprivate /
for d in bin lib include share; do
	mkdir -p "local/$d" "/usr/local/$d"
	[ ! -d "/usr/local/$d" ] || mount --bind "local/$d" "/usr/local/$d"
done
cp -a /etc etc
mount --bind etc /etc
unset LD_LIBRARY_PATH
make -s --no-print-directory -C "$1" B="$2" install >install.out 2>&1 || { cat install.out; exit 1; }
PATH=/usr/local/bin:$PATH
LD_AUDIT=libgoaudit.so ./host
goaudit build -C src/go -o "$PWD/go.so" .
LD_AUDIT=libgoaudit.so ./host ./go.so
goaudit run ./host
goaudit --version | sed 's/ .*//'
pkg-config --variable=module goaudit | sed 's|.*/||'
! command -v man >/dev/null || man -w 7 goaudit | sed 's|.*/||'
command -v man >/dev/null || echo goaudit.7
make -s --no-print-directory -C "$1" B="$2" uninstall >/dev/null
find /usr/local/bin /usr/local/lib /usr/local/include /usr/local/share ! -type d
LD_AUDIT=libgoaudit.so ./host 2>&1 | grep -o 'cannot be loaded as audit interface'
S
expect_output unshare -m bash inside "$ROOT" "$GOAUDIT_BUILD" <<'E'
1
2
1
2
1
2
goaudit
libgoaudit.so
goaudit.7
cannot be loaded as audit interface
E
[ "$before" = "$(installed)" ] || fail "it has been installed for real"
