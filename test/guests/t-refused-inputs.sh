#!/bin/bash
# What cannot be a guest is refused with a reason, wherever it is cut or bent:
# the host lives, nothing stays mapped or open, and no snapshot is left.
. "$(dirname "$0")/../lib.sh"

cc_so good.so <<'C'
#include <stdio.h>
static int data = 42;
static __thread int local = 1;
int value(void) { return data * local; }
C
mkdir in
: >in/empty
mkdir in/folder
printf 'x' >in/one-byte
printf 'no ELF file, but one that is longer than an ELF header is: 64 bytes and more\n' >in/text
head -c 63 good.so >in/header-cut
bend() { # NAME OFFSET BYTES...
	cp good.so "in/$1"
	# shellcheck disable=SC2059	# has escapes
	printf "$3" | dd of="in/$1" bs=1 seek="$2" conv=notrunc status=none
}
bend class-32 4 '\x01'
bend big-endian 5 '\x02'
bend version-0 6 '\x00'
bend core-file 16 '\x04'
bend relocatable 16 '\x01'
bend arm64 18 '\xb7'
bend i386 18 '\x03'
bend no-headers 56 '\x00\x00'
bend many-headers 56 '\xff\x7f'
bend header-size 54 '\x20'
bend headers-far 32 '\xff\xff\xff\xff\xff\xff\xff\x7f'
cc_host in/pie <<<'int main(void) { return 0; }'
cc_host in/no-pie -no-pie <<<'int main(void) { return 0; }'
gcc -c -o in/object.o -x c - <<<'int x;'
cp good.so in/unreadable
chmod 0 in/unreadable

cat >host.c <<'C'
#include "host.h"

int main(int argc, char **argv)
{
	int maps, files, snapshots;

	/* The first failure of all brings the image library in. */
	dlopen("in/text", FLAGS);
	dlerror();
	maps = maps_with("");
	files = open_files();
	snapshots = snapshot_files();
	for (int i = 1; i < argc; i++) {
		void *h = dlopen(argv[i], FLAGS);
		const char *text = dlerror();

		CHECK(!h && text);
		if (strncmp(text, getenv("TEST_DIR"), strlen(getenv("TEST_DIR"))) == 0)
			text += strlen(getenv("TEST_DIR")) + 1;
		printf("%s\n", text);
		CHECK(!dlerror());
		CHECK(open_files() == files);
		CHECK(maps_with("") <= maps + 4);	/* malloc and the registry may grow */
		CHECK(maps_with("/in/") == 0);
		CHECK(snapshot_files() == snapshots);
	}
	for (int i = 0; i < 2; i++) {
		void *h = open_guest("./good.so");

		CHECK(call(h, "value") == 42);
		close_guest(h);
	}
	return 0;
}
C
cc_host host <host.c
names=$(find in -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | grep -vx -e unreadable -e pie -e no-pie)
# shellcheck disable=SC2086,SC2046
expect_output run_audited ./host $(for n in $names; do echo in/$n; done) <<'E'
in/arm64: built for another machine: machine 183, wanted 62: rebuild it for this machine, or copy it again
in/big-endian: built for another machine: class 2, byte order 2: rebuild it for this machine, or copy it again
in/class-32: built for another machine: class 1, byte order 1: rebuild it for this machine, or copy it again
in/core-file: not a shared object: ELF type 4: rebuild it for this machine, or copy it again
in/empty: the file is empty: build it again
in/folder: cannot read file data: Is a directory
in/header-cut: not an ELF file: 63 bytes are fewer than an ELF header: rebuild it for this machine, or copy it again
in/header-size: corrupt: header sizes 64, 32: rebuild it for this machine, or copy it again
in/headers-far: truncated: program headers end past the file: rebuild it for this machine, or copy it again
in/i386: built for another machine: machine 3, wanted 62: rebuild it for this machine, or copy it again
in/many-headers: truncated: program headers end past the file: rebuild it for this machine, or copy it again
in/no-headers: corrupt: 0 program headers: rebuild it for this machine, or copy it again
in/object.o: not a shared object: ELF type 1: rebuild it for this machine, or copy it again
in/one-byte: not an ELF file: 1 bytes are fewer than an ELF header: rebuild it for this machine, or copy it again
in/relocatable: not a shared object: ELF type 1: rebuild it for this machine, or copy it again
in/text: not an ELF file: no ELF magic: rebuild it for this machine, or copy it again
in/version-0: corrupt: ELF version 1: rebuild it for this machine, or copy it again
E

# Programs: one that is linked as PIE is refused by ld.so itself, with its words.
expect_output run_audited ./host in/pie in/no-pie <<'E'
in/pie: cannot dynamically load position-independent executable
in/no-pie: not a shared object: ELF type 2: rebuild it for this machine, or copy it again
E

# Cut at every length: either refused by us, or (when only what no loader needs
# is missing) opened; never anything else.
cc_host cut <<'C'
#include "host.h"

int main(void)
{
	struct stat st;
	int refused = 0, opened = 0;

	CHECK(stat("good.so", &st) == 0);
	for (off_t size = 0; size < st.st_size; size += size < 600 ? 1 : 97) {
		void *h;

		overwrite("good.so", "cut.so");
		CHECK(truncate("cut.so", size) == 0);
		h = dlopen("./cut.so", FLAGS);
		if (!h) {
			const char *text = dlerror();

			if (!strstr(text, "/cut.so: truncated: ") &&
			    !strstr(text, "/cut.so: not an ELF file: ") &&
			    !strstr(text, "/cut.so: the file is empty: "))
				printf("%ld: %s\n", (long)size, text);
			CHECK(maps_with("/cut.so") == 0);
			CHECK(snapshot_files() == 0);
			refused++;
		} else {
			CHECK(call(h, "value") == 42);
			close_guest(h);
			opened++;
			printf("%ld of %ld: opened\n", (long)size, (long)st.st_size);
		}
	}
	CHECK(refused > 600);
	puts("lives");
	return 0;
}
C
expect_output run_audited ./cut <<<lives

# A byte of the ELF header at random: the host lives whatever comes of it.
cc_host bent <<'C'
#include "host.h"

int main(void)
{
	unsigned seed = 12345, refused = 0;
	char byte;
	void *h;
	int fd;

	for (int round = 0; round < 400; round++) {
		overwrite("good.so", "bent.so");
		fd = open("bent.so", O_WRONLY | O_CLOEXEC);
		seed = seed * 1103515245 + 12345;
		byte = seed >> 16;
		CHECK(pwrite(fd, &byte, 1, (seed >> 8) % 64) == 1);
		close(fd);
		h = dlopen("./bent.so", FLAGS);
		if (h)
			close_guest(h);
		else
			refused += dlerror() != NULL;
	}
	CHECK(refused > 100);
	puts("lives");
	return 0;
}
C
expect_output run_audited ./bent <<<lives

# A file that may not be read: glibc's own words, as ever.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	mkdir -m 777 theirs
	module=
	public_module module
	GOAUDIT_SNAPSHOTS=$PWD/theirs/s expect_output \
		setpriv --reuid 65534 --clear-groups env LD_AUDIT="$module" \
		./host in/unreadable <<'E'
in/unreadable: cannot open shared object file: Permission denied
E
fi
expect_no_snapshots
