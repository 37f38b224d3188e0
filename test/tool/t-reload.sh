#!/bin/bash
# goaudit reload: a host that knows nothing of reloading, and that has opened its guests once,
# takes new builds when it is asked to from outside; GOAUDIT_WATCH has it take them by itself.
. "$(dirname "$0")/../lib.sh"

tool=$GOAUDIT_BUILD/goaudit
for n in 1 2 3 4; do
	cc_so a$n.so <<<"int value(void) { return $n; }"
	cc_so b$n.so <<<"int value(void) { return 10 * $n; }"
done
use() { cp "$1$2.so" "$1.so.new" && mv "$1.so.new" "$1.so"; }
cc_host host <<'C'
#include "host.h"
#include <sys/wait.h>
/* Only dlopen, dlsym, dlclose.  Reads commands; answers each with a line. */
int main(int argc, char **argv)
{
	int (*a)(void) = NULL, (*b)(void) = NULL;
	void *h = NULL;
	char line[100];

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	printf("%d\n", getpid());
	while (fgets(line, sizeof line, stdin)) {
		if (line[0] == 'o') {
			h = dlopen("./a.so", RTLD_NOW);
			a = (int (*)(void))dlsym(h, "value");
			b = (int (*)(void))dlsym(dlopen("./b.so", RTLD_NOW), "value");
			CHECK(a && b);
		} else if (line[0] == 'c') {
			CHECK(dlclose(h) == 0);
		} else if (line[0] == 'd') {
			for (int fd = 3; fd < 100; fd++)
				close(fd);
		} else if (line[0] == 'f') {
			fflush(stdout);
			if (fork() == 0) {
				printf("%d\n", getpid());
				continue;
			}
			CHECK(wait(NULL) > 0);
			continue;
		} else if (line[0] == 'e') {
			_exit(0);
		}
		if (line[0] == 'v')
			printf("%d %d\n", a(), b());
		else
			puts("done");
	}
	return 0;
}
C
start() { # COMMAND...
	rm -f in out
	mkfifo in out
	"$@" <in >out 2>err & host=$!
	exec 3>in 4<out
	read -r pid <&4
}
say() { # COMMAND ANSWER
	echo "$1" >&3
	local got
	read -r got <&4
	[ "$got" = "$2" ] || fail "$1: $got instead of $2: $(cat err)"
}
stop() {
	exec 3>&-
	wait $host || fail "host: $?: $(cat err)"
	exec 4<&-
}
asked() { # ARGUMENT...: what it prints and its exit status, without what differs
	local status=0
	"$tool" reload "$@" >text 2>&1 || status=$?
	sed "s|$PWD|DIR|g; s/\<$pid\>/PID/g" text
	[ $status = 0 ] || echo "status $status"
}

use a 1; use b 1
start "$tool" run -r '*.so' ./host
expect_output asked "$pid" <<'E'
goaudit: process PID: it is not to be asked, or has opened no guest yet: start it with goaudit run or GOAUDIT_CONTROL=1
status 1
E
say o 'done'
say v '1 10'
use a 2; use b 2
say v '1 10'	# the control: nobody has asked
expect_output asked "$pid" a.so <<<'DIR/a.so: generation 2'
say v '2 10'
expect_output asked "$pid" <<'E'
DIR/a.so: unchanged, generation 2
DIR/b.so: generation 2
E
say v '2 20'
# One is bad: the other one is taken all the same.
echo 'no ELF' >a.so.new && mv a.so.new a.so; use b 3
expect_output asked "$pid" <<'E'
goaudit: DIR/a.so: not an ELF file: 7 bytes are fewer than an ELF header: rebuild it for this machine, or copy it again
DIR/b.so: generation 3
status 1
E
say v '2 30'
use a 3
expect_output asked --json "$pid" ./a.so b.so <<'E'
[
  {"path": "DIR/a.so", "result": "new", "generation": 3},
  {"path": "DIR/b.so", "result": "same", "generation": 3}
]
E
say v '3 30'
expect_output asked "$pid" c.so <<'E'
goaudit: c.so: process PID has no such guest open: goaudit status PID lists them
status 1
E
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	cp "$tool" tool && chmod 755 tool .
	other() { setpriv --reuid 65534 --clear-groups ./tool reload "$pid" 2>&1 | sed "s/\<$pid\>/PID/" || :; }
	expect_output other <<<'goaudit: process PID: not allowed to look into it: be its user, or root'
	# Who knows the socket's name all the same gets no answer.
	python3 - <<'P'
import os, re, socket
names = [l.split()[-1][1:] for l in open("/proc/net/unix") if re.search(r" @[0-9a-f]{5}$", l)]
def answers():
    n = 0
    for name in names:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            s.connect("\0" + name)
            s.send(b"reload\0no such guest\0")
            n += s.recv(100) == b"end\x000\0"
        except OSError:
            pass
    return n
assert answers() >= 1
os.setresuid(65534, 65534, 65534)
assert answers() == 0
P
fi
# A host that closes all descriptors, as daemons do: until it opens a guest again.
say d 'done'
asked "$pid" >/dev/null		# the thread sees it
say c 'done'
use a 4
say o 'done'
for ((i = 0; i < 600; i++)); do	# a thread that waited in the old one leaves it
	[ "$(asked "$pid" a.so)" = 'DIR/a.so: unchanged, generation 4' ] && break
	read -r -t 0.1 <> <(:) || :
	say c 'done'; say o 'done'
done
expect_output asked "$pid" a.so <<<'DIR/a.so: unchanged, generation 4'
# A forked child is not asked in its parent's place: once it opens a guest, by itself.
echo f >&3; read -r child <&4
pid=$child
expect_output asked "$child" <<'E'
goaudit: process PID: it is not to be asked, or has opened no guest yet: start it with goaudit run or GOAUDIT_CONTROL=1
status 1
E
say o 'done'
use a 2
expect_output asked "$child" a.so <<<'DIR/a.so: generation 5'
say v '2 30'
echo e >&3
exec 3>&-; wait $host || fail "host: $?"; exec 4<&-

threads() { find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l; }
# Without the setting nobody is asked.
use a 1
start env GOAUDIT_RELOADABLE='*.so' LD_AUDIT="$AUDIT" ./host
say o 'done'
expect_output asked "$pid" <<'E'
goaudit: process PID: it is not to be asked, or has opened no guest yet: start it with goaudit run or GOAUDIT_CONTROL=1
status 1
E
[ "$(threads)" = 1 ] || fail "a thread where nobody is to be asked"
stop

# GOAUDIT_WATCH: a.so is watched, b.so is not; the log tells of what cannot be taken.
use a 1; use b 1
start env GOAUDIT_RELOADABLE='*.so' GOAUDIT_WATCH='*/a.so' GOAUDIT_LOG=1 LD_AUDIT="$AUDIT" ./host
say o 'done'
until_value() {
	for ((i = 0; i < 3000; i++)); do
		echo v >&3; read -r got <&4
		[ "$got" != "$1" ] || return 0
		read -r -t 0.02 <> <(:) || :
	done
	fail "$got instead of $1: $(cat err)"
}
use b 2; use a 2
until_value '2 10'
echo 'no ELF' >a.so.new && mv a.so.new a.so
for ((i = 0; i < 3000; i++)); do
	! grep -q "a.so: not an ELF file" err || break
	read -r -t 0.02 <> <(:) || :
done
grep -q "a.so: not an ELF file" err || fail "the log does not tell: $(cat err)"
use a 3
until_value '3 10'
# A closed guest is not watched, and is again when it is opened.
say c 'done'
for ((i = 0; i < 3000; i++)); do
	[ "$(threads)" != 1 ] || break
	read -r -t 0.02 <> <(:) || :
done
[ "$(threads)" = 1 ] || fail "a closed guest is still watched"
say o 'done'
use a 4
until_value '4 10'
stop
