#!/bin/bash
# fork while Go guests are open, parked and held: the child calls the C parts,
# closes, execs, exits; opening a Go guest in it is refused; the parent is not
# affected.  exit and _exit in every state of a guest, also from another thread.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file forked/main.go <<'GO'
package main

// static int plain_c(int n) { return n + 1; }
import "C"

import (
	"fmt"
	"os"
)

const generation = "generation 1"

//export Test
func Test() *C.char { return C.CString(fmt.Sprint(generation, " ", C.plain_c(1))) }

//export Park
func Park(fd C.int) {
	ready := make(chan bool)
	go func() {
		close(ready)
		os.NewFile(uintptr(fd), "pipe").Read(make([]byte, 1))
	}()
	<-ready
}

func main() {}
GO
build_guest forked.1 forked
variant forked.1 forked.2 "generation 1" "generation 2"
cc_host host -pthread <<'C'
#include "gohost.h"
#include <pthread.h>
#include <sys/wait.h>

static void *open_h, *parked_h;

static void finish(const char *what, pid_t pid)
{
	int status;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	printf("%s: %s %d\n", what, WIFEXITED(status) ? "exit status" : "signal",
	       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void *exit_elsewhere(void *arg)
{
	exit(7);
}

static void end(const char *how)
{
	pthread_t t;

	if (strcmp(how, "return") == 0)
		exit(0);
	if (strcmp(how, "_exit") == 0)
		_exit(5);
	if (strcmp(how, "quick_exit") == 0)
		quick_exit(6);
	pthread_create(&t, NULL, exit_elsewhere, NULL);
	pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
	int fd[2];
	pid_t pid;
	void *h;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (strcmp(argv[1], "exec") == 0) {
		printf("in the new program: %s\n", getenv("LD_AUDIT") ? "audited" : "not audited");
		print_text(open_guest("./open.so"), "Test");
		return 3;
	}
	CHECK(pipe2(fd, O_CLOEXEC) == 0);
	replace("forked.1", "open.so");
	replace("forked.1", "parked.so");
	replace("forked.1", "held.so");
	open_h = open_guest("./open.so");
	parked_h = open_guest("./parked.so");
	close_guest(parked_h);
	h = open_guest("./held.so");
	((void (*)(int))find(h, "Park"))(fd[0]);
	close_guest(h);
	replace("forked.2", "held.so");
	h = open_guest("./held.so");
	CHECK(goaudit_reclaim(NULL, 10000) == 1);
	if (strcmp(argv[1], "fork") != 0)
		end(argv[1]);

	if ((pid = fork()) == 0)
		_exit(4);
	finish("child that _exits", pid);
	if ((pid = fork()) == 0)
		exit(4);
	finish("child that exits", pid);
	if ((pid = fork()) == 0) {
		execl("/proc/self/exe", "host", "exec", NULL);
		_exit(1);
	}
	finish("child that execs", pid);
	if ((pid = fork()) == 0) {
		close_guest(open_h);
		close_guest(h);
		exit(8);
	}
	finish("child that closes", pid);
	if ((pid = fork()) == 0) {
		struct goaudit_runtime rt;

		replace("forked.1", "new.so");
		CHECK(dlopen("./new.so", FLAGS) == NULL);
		printf("%s\n", strstr(dlerror(), "new.so: "));
		CHECK(goaudit_runtime_stats(&rt, sizeof rt, 1) == -1);
		CHECK(dlopen("libm.so.6", RTLD_NOW) != NULL);
		exit(9);
	}
	finish("child that opens", pid);
	if ((pid = vfork()) == 0)
		_exit(2);
	finish("child of vfork", pid);

	print_text(open_h, "Test");
	print_text(open_guest("./parked.so"), "Test");
	close(fd[1]);
	while (goaudit_reclaim(NULL, 1000) > 0)
		;
	runtime_now(10);
	print_text(h, "Test");
	CHECK(maps_with(record_of("held.so", 1).snapshot) == 0);
	return 0;
}
C
expect_output run_audited ./host fork <<'E'
child that _exits: exit status 4
child that exits: exit status 4
in the new program: audited
generation 1 2
child that execs: exit status 3
child that closes: exit status 8
new.so: the Go runtime does not run in a forked child: exec a program first
child that opens: exit status 9
child of vfork: exit status 2
generation 1 2
generation 1 2
generation 2 2
E
expect_no_snapshots
for how in "return 0" "_exit 5" "quick_exit 6" "elsewhere 7"; do
	for _ in 1 2 3; do
		status=0
		run_audited ./host ${how% *} >out 2>&1 || status=$?
		[ "$status $(cat out)" = "${how#* } " ] || fail "$how: status $status: $(head -c 2000 out)"
	done
done
