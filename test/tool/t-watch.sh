#!/bin/bash
# goaudit watch: a session of 20 saves, two of which do not compile and one of
# which panics in its init.  The host, which knows only dlopen, takes each build
# at its next open; the old one goes on over the bad ones.  A host that asks for
# it (goaudit_watch) takes them while the guest is open.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

tool=$GOAUDIT_BUILD/goaudit
unset GODEBUG
save() { # N [TEXT]: as editors do, over a temporary file
	cat >src/guest/main.go.tmp~ <<GO
package main

import "C"

import "example.com/guest/part"

//export Value
func Value() C.int { return C.int($1 + part.Zero) }

func main() {}
${2:-}
GO
	mv src/guest/main.go.tmp~ src/guest/main.go
}
mkdir -p src/guest/part
printf 'module example.com/guest\n\ngo 1.22\n' >src/guest/go.mod
printf 'package part\n\nconst Zero = 0\n' >src/guest/part/part.go
save 0

# Prints each new value, and each new error; ends at 99, with status 7.
cc_host host -pthread <<'C'
#include "host.h"
#include <poll.h>
#include <semaphore.h>
#include <sys/inotify.h>
static int replaced(int fd, const char *name)
{
	_Alignas(struct inotify_event) char buf[4096];
	struct pollfd p = { fd, POLLIN, 0 };
	int found = 0;
	ssize_t n;

	CHECK(poll(&p, 1, 60000) == 1 && (n = read(fd, buf, sizeof buf)) > 0);
	for (char *e = buf; e < buf + n; e += sizeof(struct inotify_event) + ((struct inotify_event *)e)->len)
		found |= strcmp(((struct inotify_event *)e)->name, name) == 0;
	return found;
}
static int value = -1;

static void show(void *h)
{
	if (call(h, "Value") != value)
		printf("value %d\n", value = call(h, "Value"));
}

/* Of the module's watch: on its thread. */
static void reloaded(void *h, const char *error, void *over)
{
	if (error)
		printf("error%s\n", strstr(error, ": its package init"));
	else
		show(h);
	if (value == 99)
		sem_post(over);
}

static int keep_open(const char *file)
{
	void *h = open_mode(file, RTLD_NOW);
	sem_t over;

	sem_init(&over, 0, 0);
	show(h);
	CHECK(goaudit_watch(h, reloaded, &over) == 0);
	while (sem_wait(&over) != 0)
		;
	CHECK(goaudit_watch(h, NULL, NULL) == 0);
	close_guest(h);
	return 7;
}

int main(int argc, char **argv)
{
	const char *file = getenv("GOAUDIT_WATCH"), *slash = strrchr(file, '/');
	char folder[PATH_MAX];
	int fd = inotify_init1(0);
	void *h;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		return keep_open(file);
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - file), file);
	CHECK(inotify_add_watch(fd, folder, IN_MOVED_TO) >= 0);
	while (value != 99) {
		h = dlopen(file, RTLD_NOW);
		if (h) {
			show(h);
			close_guest(h);
		} else {
			printf("error%s\n", strstr(dlerror(), ": its package init"));
		}
		while (value != 99 && !replaced(fd, slash + 1))
			;
	}
	return 7;
}
C
session() { # SAVES HOST-ARGUMENT...
	local n saves=$1
	shift
	save 0
	mkfifo out err
	"$tool" watch -o guest.so src/guest -- ./host "$@" >out 2>err &
	watcher=$!
	exec 5<out 6<err
	expect 5 'value 0'
	for n in $(seq 1 "$saves"); do
		drain
		case $n in
		5 | 12)
			save "$n" 'var broken int = "text"'
			expect 6 'goaudit: * the build failed: the old one goes on'
			continue ;;
		9)
			save "$n" 'func init() { panic("not today") }'
			expect 5 'error: its package init panicked: *not today*'
			continue ;;
		15)	# another package of the guest's, written in place
			printf 'package part\n\nconst Zero = 1000\n' >src/guest/part/part.go
			expect 5 'value 1014'
			printf 'package part\n\nconst Zero = 0\n' >src/guest/part/part.go
			expect 5 'value 14'
			continue ;;
		esac
		[ "$n" != "$saves" ] || n=99
		began=$EPOCHREALTIME
		save "$n"
		expect 5 "value $n"
		echo $(((${EPOCHREALTIME/./} - ${began/./}) / 1000)) >>took
	done
	status=0; wait $watcher || status=$?
	[ $status = 7 ] || fail "exit status $status instead of the host's"
	cat <&5 >rest; cat <&6 >>rest	# the last "built" lines only
	! grep -vE ': built in |: generation [0-9]+ (runs|goes on: )' rest || fail "more than was expected"
	exec 5<&- 6<&-
	rm out err
	[ -z "$(find . -maxdepth 1 -name '.goaudit-*')" ] || fail "a build folder is left"
}
expect() { # FD PATTERN: the next line that matters
	local line
	while IFS= read -t 60 -r line <&"$1"; do
		# shellcheck disable=SC2053
		[[ $line == $2 ]] && return
		[ "$1" = 6 ] || fail "$line instead of $2"
	done
	fail "no $2"
}
drain() { # what the builds have said
	local line
	while IFS= read -t 0.01 -r line <&6; do :; done
}
report() { # TEXT
	sort -n took | awk -v text="$1" '{ v[NR] = $1 }
		END { printf "%s: save to new code: median %d ms, best %d, worst %d\n", text, v[int((NR + 1) / 2)], v[1], v[NR] }'
	rm took
}
session 20
report "opened anew"
session 4 keep-open
report "kept open"
[ -z "$(ls -A "$GOAUDIT_SNAPSHOTS")" ] || expect_no_snapshots

# A first build that fails waits for a change; its errors name the file as of here.  A signal
# to the tool is the host's, and its end is the tool's.
save 0 'broken'
cc_host sleeper <<<'#include "host.h"
int main(void) { puts("up"); fflush(stdout); pause(); }'
mkfifo out err
"$tool" watch -tags sleeping src/guest -- ./sleeper >out 2>err &
watcher=$!
exec 5<out 6<err
expect 6 'src/guest/main.go:11:1: *'
expect 6 'goaudit: guest.so: the build failed: waiting for a change'
save 0
expect 6 'goaudit: guest.so: built in *'
expect 5 up
kill -USR1 $watcher
status=0; wait $watcher || status=$?
[ $status = 138 ] || fail "signal: exit status $status"
