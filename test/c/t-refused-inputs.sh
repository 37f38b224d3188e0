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
# GNU properties and notes that lie about their size, and a loop in nothing.
cc_host in/pie <<<'int main(void) { return 0; }'
cc_host in/no-pie -no-pie <<<'int main(void) { return 0; }'
gcc -static -o in/static -x c - <<<'int main(void) { return 0; }' || rm -f in/static
gcc -c -o in/object.o -x c - <<<'int x;'
cp good.so in/unreadable
chmod 0 in/unreadable

cat >host.c <<'C'
#include "host.h"

int main(int argc, char **argv)
{
	int maps = 0, files = 0, snapshots = 0, here = argc;

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
		CHECK(maps_with("") <= maps + 2);	/* malloc may grow */
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
cd in
names=$(ls -d -- * | grep -vx -e static -e unreadable -e pie -e no-pie)
cd ..
# shellcheck disable=SC2086,SC2046
expect_output run_audited ./host $(for n in $names; do echo in/$n; done) <<'E'
E

# Programs are refused by ld.so itself, with its words.
expect_output run_audited ./host in/pie in/no-pie <<'E'
E

# Cut at every length: either refused by us, or (when only what no loader needs
# is missing) opened; never anything else.
cc_host cut <<'C'
#include "host.h"

int main(void)
{
	struct stat st;
	int refused = 0, opened = 0, maps, step;

	CHECK(stat("good.so", &st) == 0);
	overwrite("good.so", "cut.so");
	maps = -1;
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

# Bytes overwritten at random: the host lives whatever comes of it (an object
# that loads is not run).
cc_host bent -Wl,-z,now <<'C'
#include "host.h"
#include <sys/wait.h>

/* Only headers and the dynamic part, which are ours to check. */
int main(void)
{
	unsigned seed = 12345, refused = 0;
	char bytes[64];
	int fd;

	for (int round = 0; round < 400; round++) {
		pid_t child;

		overwrite("good.so", "bent.so");
		fd = open("bent.so", O_WRONLY | O_CLOEXEC);
		seed = seed * 1103515245 + 12345;
		bytes[0] = seed >> 16;
		CHECK(pwrite(fd, bytes, 1, (seed >> 8) % 64) == 1);
		close(fd);
		void *h = dlopen("./bent.so", FLAGS | RTLD_NOLOAD);
		CHECK(!h);
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
	chmod 755 . && mkdir -m 777 theirs
	GOAUDIT_SNAPSHOTS=$PWD/theirs/s expect_output \
		setpriv --reuid 65534 --clear-groups env LD_AUDIT="$AUDIT" \
		./host in/unreadable <<'E'
in/unreadable: cannot open shared object file: Permission denied
E
fi
expect_no_snapshots
