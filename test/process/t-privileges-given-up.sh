#!/bin/bash
# A daemon that opens its guests as root, and then gives up its privileges, for good or in
# turns, or changes its root directory: reloads, new functions and libdlbind go on in a
# folder that it can use.
. "$(dirname "$0")/../lib.sh"

[ "$(id -u)" = 0 ] || skip "not root"
module=
public_module module
chmod 755 .
for v in 1 2 3 4; do
	cc_so v$v.so <<<"int value(void) { return $v; }
		int more_2(void) { return 2$v; } int more_3(void) { return 3$v; } int more_4(void) { return 4$v; }"
done
cc_host host <<'C'
#include "host.h"

static void *handle;

static void reload(int v)
{
	char from[20], more[20];

	snprintf(from, sizeof from, "v%d.so", v);
	snprintf(more, sizeof more, "more_%d", v);
	replace(from, "guest.so");
	if (!dlreload(handle)) {
		printf("%d: %s\n", v, dlerror());
		exit(1);
	}
	CHECK(call(handle, "value") == v && call(handle, more) == 11 * v);
	printf("%d: owner %u\n", v, ({
		struct stat st;
		CHECK(stat(generation_of(handle).snapshot, &st) == 0);
		(unsigned)st.st_uid; }));
}

int main(int argc, char **argv)
{
	replace("v1.so", "guest.so");
	handle = open_guest("./guest.so");
	CHECK(call(handle, "value") == 1);
	if (strcmp(argv[1], "turns") == 0) {
		CHECK(seteuid(65534) == 0);
		reload(2);
		CHECK(seteuid(0) == 0);
		reload(3);
		CHECK(seteuid(65534) == 0);
		reload(4);
		CHECK(seteuid(0) == 0);
		return 0;
	}
	if (strcmp(argv[1], "chroot") == 0) {
		CHECK(chroot(argv[2]) == 0 && chdir(argv[3]) == 0);
		replace("v1.so", "guest.so");
	}
	CHECK(setgid(65534) == 0 && setuid(65534) == 0);
	reload(2);
	reload(3);
	return 0;
}
C
unset GOAUDIT_SNAPSHOTS
mkdir -m 777 work
cp v?.so host work
chown -R 65534 work
as_daemon() { (cd work && env -u XDG_RUNTIME_DIR LD_AUDIT="$module" ./host "$@"); }

expect_output as_daemon user <<'E'
2: owner 65534
3: owner 65534
E
expect_output as_daemon turns <<'E'
2: owner 65534
3: owner 0
4: owner 65534
E
mkdir -p "jail$PWD"
mkdir -m 1777 jail/tmp 2>/dev/null || chmod 1777 jail/tmp
cp -a work "jail$PWD"
expect_output as_daemon chroot "$PWD/jail" "$PWD/work" <<'E'
2: owner 65534
3: owner 65534
E

# There is no second choice for a folder that the user has named.
mkdir -m 700 mine
GOAUDIT_SNAPSHOTS=$PWD/mine as_daemon user >out.txt && fail "a folder of root's was used"
[ "$(cat out.txt)" = "2: $PWD/mine: not a folder that only this user can enter and run programs from: remove it, or name another one in GOAUDIT_SNAPSHOTS" ] ||
	fail "$(cat out.txt)"

# libdlbind without the module.
install -m 755 "$GOAUDIT_BUILD"/libdlbind.so* module
cc_host maker -L"$GOAUDIT_BUILD" -ldlbind -Wl,-rpath,"$PWD/module" <<'C'
#include <stdio.h>
#include <unistd.h>
#include "dlbind.h"
int main(void)
{
	if (!dlcreate("one.so") || setgid(65534) || setuid(65534))
		return 2;
	if (!dlcreate("two.so"))
		return puts(dlbind_error()) != 0;
	return 0;
}
C
expect_output env -u XDG_RUNTIME_DIR -u DLBIND_FOLDER ./maker </dev/null
