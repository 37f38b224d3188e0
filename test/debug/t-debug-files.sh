#!/bin/bash
# Debug information in a file of its own: gdb finds what .gnu_debuglink of the user's file
# means, beside it and in .debug, and a .dwp file, in five generations; what is gone is
# removed with the snapshot.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"
command -v dwp >/dev/null && split=1 || split=

for v in 1 2 3 4 5; do
	mkdir -p src
	printf 'int guest_function(int x)\n{\n\tint y = x + %d;\n\treturn y;\n}\n' $v >src/guest.c
	gcc -g -O0 -shared -fPIC -Wl,--build-id -o v$v.so src/guest.c
	objcopy --only-keep-debug v$v.so v$v.debug
	strip -g v$v.so
	# The name in the link is the same for all: guest.debug.
	mkdir v$v && cp v$v.debug v$v/guest.debug && (cd v$v && objcopy --add-gnu-debuglink=guest.debug ../v$v.so)
done
cc_host host -O0 <<'C'
#include "host.h"
int main(int argc, char **argv)
{
	void *h = open_guest("./guest.so");
	char name[40];

	CHECK(argc == 2);
	for (int i = 1; i <= 5; i++) {
		printf("host: %d\n", ((int (*)(int))find(h, "guest_function"))(10));
		fflush(stdout);
		if (i == 5)
			break;
		snprintf(name, sizeof name, "v%d/guest.debug", i + 1);
		replace(name, argv[1]);
		snprintf(name, sizeof name, "v%d.so", i + 1);
		replace(name, "guest.so");
		CHECK(dlreload(h) == h);
	}
	close_guest(h);
	return 0;
}
C
cat >commands <<'G'
break guest.c:4
run
python
for i in range(5):
    say(where(), "y =", value("y"))
    gdb.execute("continue", to_string=True)
end
G
try() { # PLACE
	mkdir -p "$(dirname "$1")"
	cp v1.so guest.so
	cp v1/guest.debug "$1"
	for i in 1 2 3 4 5; do
		echo "gdb: guest.c:4 in guest_function y = 1$i"
		echo "host: 1$i"
	done >want.txt
	echo '[Inferior 1 exited normally]' >>want.txt
	run_it() { gdb_run commands --args ./host "$1" | grep -v '^warning: .*Temporarily'; }
	expect_output run_it "$1" <want.txt
	rm "$1"
}
try guest.debug
try .debug/guest.debug
expect_no_snapshots

# The control: without the file nothing is found; with another build's, gdb says so.
cp v1.so guest.so
gdb_run commands --args ./host guest.debug >without.txt
! grep -q 'y = 11' without.txt || fail "$(cat without.txt)"
cp v1.so guest.so
cp v2/guest.debug guest.debug
gdb_run commands --args ./host guest.debug >without.txt
grep -q 'warning: the debug information found in ".*" does not match' without.txt || fail "$(cat without.txt gdb.log)"

[ "$split" ] || exit 0
rm -f guest.debug
(cd src && gcc -g -O0 -gdwarf-4 -gsplit-dwarf -shared -fPIC -o ../split.so guest.c && dwp -e ../split.so -o ../guest.so.dwp)
find src -name '*.dwo' -delete
cp split.so guest.so
cat >commands <<'G'
break guest.c:4
run
python say(where(), "y =", value("y"))
kill
G
run_it() { gdb_run commands --args ./host x | grep '^gdb:'; }
expect_output run_it <<<'gdb: guest.c:4 in guest_function y = 15'
