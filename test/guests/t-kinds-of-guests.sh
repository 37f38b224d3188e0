#!/bin/bash
# Guests built in every way: each is closed and opened with its state, then
# replaced by another build, and its old generation goes.
. "$(dirname "$0")/../lib.sh"

cat >guest.c <<'C'
#include <string.h>
#ifdef WITH_IFUNC
static int real(void) { return VERSION; }
static int (*resolve(void))(void) { return real; }
int version(void) __attribute__((ifunc("resolve")));
#else
int version(void) { return VERSION; }
#endif
#ifdef WITH_TLS
static __thread int counter __attribute__((tls_model(WITH_TLS)));
#else
static int counter;
#endif
static char big[BIG];
static int (*const table[])(void) = { version };	/* a relative relocation */
static const char *const words[] = { "one", "two", "three" };
int value(void)
{
	big[sizeof big - 1]++;
	return table[0]() * 1000 + ++counter * 10 + (strlen(words[2]) == 5);
}
C
cc_host host <<'C'
#include "host.h"
int main(int argc, char **argv)
{
	int mode = FLAGS | atoi(argv[1]), kept = argc > 2;
	void *h, *again;

	for (int round = 0; round < 3; round++) {
		for (int version = 1; version <= 2; version++) {
			replace(version == 1 ? "v1.so" : "v2.so", "guest.so");
			h = open_mode("./guest.so", mode);
			CHECK(call(h, "value") == version * 1000 + 11);
			close_guest(h);
			again = open_mode("./guest.so", mode);
			CHECK(again == h);
			CHECK(call(h, "value") == version * 1000 + 21);
			if (!kept)
				CHECK(snapshot_files() == 1);
			close_guest(h);
		}
	}
	if (!kept)
		CHECK(goaudit_generations(NULL, 0, 0) == 6);
	return 0;
}
C
try() { # WHAT MODE [gcc option...]
	local what=$1 mode=$2; shift 2
	for v in 1 2; do
		gcc -O1 -fPIC -shared -DVERSION=$v -DBIG=5000 -o v$v.so guest.c "$@" ||
			fail "$what: does not build"
	done
	run_audited ./host $mode >out 2>&1 </dev/null ||
		fail "$what: status $?: $(cat out)"
	expect_no_snapshots
}
now=0 global=256 deepbind=8
try plain $now
try global $global
try deepbind $deepbind
try 'lazy binding' $now -Wl,-z,lazy
try 'no plt' $now -fno-plt -Wl,-z,now
try 'no relro' $now -Wl,-z,norelro
try 'nodelete flag' $now -Wl,-z,nodelete
try 'ifunc' $now -DWITH_IFUNC
try 'TLS' $now -DWITH_TLS='"global-dynamic"'
try 'TLS descriptors' $now -DWITH_TLS='"global-dynamic"' -mtls-dialect=gnu2
try 'static TLS' $now -DWITH_TLS='"initial-exec"'
try 'symbolic' $now -Wl,-Bsymbolic
try 'hash tables: sysv' $now -Wl,--hash-style=sysv
try 'hash tables: both' $now -Wl,--hash-style=both
try 'packed relocations' $now -Wl,-z,pack-relative-relocs
try 'text relocations' $now -mcmodel=large -fno-pic -fno-pie -Wl,-z,notext
try 'code and headers in one segment' $now -Wl,-z,noseparate-code
try 'large pages' $now -Wl,-z,max-page-size=0x200000
try 'stripped' $now -s
try 'compressed debug information' $now -g -gz
try 'much bss' $now -UBIG -DBIG=50000000
try 'linked at an address' $now -Wl,-Ttext-segment=0x10000000
try 'a name of its own' $now -Wl,-soname,libsomething.so.3
try 'link-time optimised' $now -flto
try 'profiled' $now -pg
try 'libm and libpthread' $now -Wl,--no-as-needed -lm -lpthread -ldl
