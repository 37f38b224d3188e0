#!/bin/bash
# gdb with instances of one plugin: a breakpoint that was set before any was opened is in all of
# them, also in their next build, and the frame and `info goaudit' say which one by number.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

mkdir src
for v in 1 2; do
	printf 'static int calls;\nint count(void)\n{\n\treturn %d * ++calls;\n}\n' $v >src/plugin.c
	gcc -g -O0 -shared -fPIC -o v$v.so src/plugin.c
done
cp v1.so plugin.so
cc_host host -O0 <<'C'
#include "host.h"
int main(void)
{
	int (*count[3])(void);

	for (long i = 0; i < 3; i++) {
		void *h = goaudit_open_instance("./plugin.so", RTLD_NOW, (void *)(0x10 + i));

		CHECK(h);
		count[i] = (int (*)(void))find(h, "count");
	}
	for (int i = 0; i < 3; i++)
		for (int n = 0; n <= i; n++)
			CHECK(count[i]() == n + 1);
	replace("v2.so", "plugin.so");
	CHECK(goaudit_reload_instances("./plugin.so", NULL) == 3);
	CHECK(count[2]() == 2);
	puts("host: over");
	return 0;
}
C
cat >commands <<'G'
break count
run
python
def where():
    calls = int(gdb.parse_and_eval("calls"))
    frame = re.sub("0x[0-9a-f]+ in ", "", gdb.execute("bt 1", to_string=True).splitlines()[0])
    say(re.sub(r" at .*/", " at ", frame), "after", calls, "calls")
for i in range(6):
    where()
    if i == 5:
        for line in gdb.execute("info goaudit", to_string=True).splitlines():
            if "plugin" in line:
                say(re.sub("0x[0-9a-f]{5,}", "ADDRESS", re.sub("  +", "  ", re.sub("/.*/", "", line))))
    gdb.execute("continue")
where()
end
continue
G
# gdb 13 warns at a stop when the locations of a breakpoint have just changed; the stop is right.
with_names() {
	gdb_run commands -iex "source $ROOT/gdb-scripts/goaudit-gdb.py" ./host |
		grep -v '^warning: location number not found for breakpoint'
}
expect_output with_names <<'E'
gdb: #0  count [plugin.so#1 generation 1, open] () at plugin.c:4 after 0 calls
gdb: #0  count [plugin.so#2 generation 1, open] () at plugin.c:4 after 0 calls
gdb: #0  count [plugin.so#2 generation 1, open] () at plugin.c:4 after 1 calls
gdb: #0  count [plugin.so#3 generation 1, open] () at plugin.c:4 after 0 calls
gdb: #0  count [plugin.so#3 generation 1, open] () at plugin.c:4 after 1 calls
gdb: #0  count [plugin.so#3 generation 1, open] () at plugin.c:4 after 2 calls
gdb: plugin.so#1  1  open  ADDRESS  ADDRESS  1 reference
gdb: plugin.so#2  1  open  ADDRESS  ADDRESS  1 reference
gdb: plugin.so#3  1  open  ADDRESS  ADDRESS  1 reference
gdb: #0  count [plugin.so#3 generation 2, open] () at plugin.c:4 after 0 calls
host: over
[Inferior 1 exited normally]
E
