#!/bin/bash
# dlreload with a file that cannot be loaded fails with a reason; the old
# generation goes on with its state and references, and nothing is left over.
. "$(dirname "$0")/../lib.sh"

source_of() { # GENERATION
	cat <<C
#include <stdio.h>
static int n;
int value(void) { return $1 * 100 + n++; }
__attribute__((destructor)) static void end(void) { puts("destructor $1"); }
C
}
source_of 1 | cc_so v1.so
source_of 2 | cc_so v2.so
head -c 3000 v2.so >truncated
echo 'this is no program' >text
: >empty
cp v2.so arm && printf '\xb7' | dd of=arm bs=1 seek=18 conv=notrunc status=none
cp v2.so narrow && printf '\x01' | dd of=narrow bs=1 seek=4 conv=notrunc status=none
cp v2.so big-endian && printf '\x02' | dd of=big-endian bs=1 seek=5 conv=notrunc status=none
cc_host program <<<'int main(void) { return 0; }'
cc_host fixed -no-pie <<<'int main(void) { return 0; }'
{ source_of 2; echo 'extern int nowhere(void); int f(void) { return nowhere(); }'; } |
	cc_so symbol
cc_so absent.so -Wl,-soname,absent.so <<<'int absent;'
{ source_of 2; echo 'extern int absent; int f(void) { return absent; }'; } |
	cc_so dependency -L. -l:absent.so
rm absent.so

cc_host host <<'C'
#include "host.h"

static void *h;
static int files, maps, snapshots, expected = 101;

static void check_untouched(void)
{
	struct goaudit_generation gen = generation_of(h);

	CHECK(call(h, "value") == expected++);
	CHECK(gen.state == GOAUDIT_OPEN && gen.references == 1);
	CHECK(gen.number == 1);
	CHECK(open_files() == files);
	CHECK(maps_with("") == maps);
	CHECK(snapshot_files() == snapshots);
}

static void try_reload(const char *what)
{
	const char *text;

	CHECK(!dlreload(h));
	text = dlerror();
	CHECK(text);
	CHECK(strncmp(text, getenv("TEST_DIR"), strlen(getenv("TEST_DIR"))) == 0);
	printf("%s: %s\n", what, text + strlen(getenv("TEST_DIR")) + 1);
	CHECK(!dlerror());
	check_untouched();
}

int main(void)
{
	static const char *const bad[] = {
		"truncated", "text", "empty", "arm", "narrow", "big-endian",
		"program", "fixed", "symbol", "dependency",
	};

	setvbuf(stdout, NULL, _IONBF, 0);
	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	CHECK(call(h, "value") == 100);
	/* What the first failure of all brings in for good. */
	replace("text", "guest.so");
	dlreload(h);
	dlerror();
	files = open_files();
	maps = maps_with("");
	snapshots = snapshot_files();
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < (int)(sizeof bad / sizeof *bad); i++) {
			replace(bad[i], "guest.so");
			if (round == 0) {
				try_reload(bad[i]);
			} else {
				CHECK(!dlreload(h));
				check_untouched();
			}
		}
	dlerror();
	CHECK(unlink("guest.so") == 0 && mkdir("guest.so", 0755) == 0);
	try_reload("folder");
	CHECK(rmdir("guest.so") == 0);
	try_reload("gone");
	/* And it can be mended. */
	replace("v2.so", "guest.so");
	h = dlreload(h);
	CHECK(h);
	printf("mended: %d\n", call(h, "value"));

	/* The same for a closed guest: its reopening fails, and it stays. */
	close_guest(h);
	replace("truncated", "guest.so");
	CHECK(!dlopen("./guest.so", FLAGS));
	printf("reopened: %s\n", dlerror() + strlen(getenv("TEST_DIR")) + 1);
	replace("symbol", "guest.so");
	CHECK(!dlopen("./guest.so", FLAGS));
	printf("reopened: %s\n", dlerror() + strlen(getenv("TEST_DIR")) + 1);
	CHECK(generation_of(h).state == GOAUDIT_PARKED);
	replace("v2.so", "guest.so");
	CHECK(open_guest("./guest.so") == h);
	printf("mended: %d\n", call(h, "value"));
	puts("end of main");
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
truncated: guest.so: truncated: section headers end past the file: rebuild it for this machine, or copy it again
text: guest.so: not an ELF file: 19 bytes are fewer than an ELF header: rebuild it for this machine, or copy it again
empty: guest.so: the file is empty: build it again
arm: guest.so: built for another machine: machine 183, wanted 62: rebuild it for this machine, or copy it again
narrow: guest.so: built for another machine: class 1, byte order 1: rebuild it for this machine, or copy it again
big-endian: guest.so: built for another machine: class 2, byte order 2: rebuild it for this machine, or copy it again
program: guest.so: cannot dynamically load position-independent executable
fixed: guest.so: not a shared object: ELF type 2: rebuild it for this machine, or copy it again
symbol: guest.so: undefined symbol: nowhere
dependency: guest.so: absent.so: cannot open shared object file: No such file or directory
folder: guest.so: the file cannot be read, or is being written: open it again when its build is done
gone: guest.so: cannot be read: No such file or directory: the old generation goes on
mended: 200
destructor 1
reopened: guest.so: truncated: section headers end past the file: rebuild it for this machine, or copy it again
reopened: guest.so: undefined symbol: nowhere
mended: 201
end of main
destructor 2
E
expect_no_snapshots
