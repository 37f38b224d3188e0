#!/bin/bash
# Forks while generations of Go are proven to be free, in a C and in a Go host, by fork(2),
# by os/exec: the proofs come to an end, and all goes; a child calls C, asks, opens a C
# guest, starts a program, ends.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
export GODEBUG=clobberfree=1	# gccheckmark stops the world too long for this

go_file guest/main.go <<'GO'
package main

import "C"
import "os"

const build = "build:one"

//export Use
func Use() { os.Setenv("GUEST_NOTE", build) }

func Build() string { return build }

func main() {}
GO
# Much to look at, so that a proof lasts.
go_file heap/main.go <<'GO'
package main

import "C"

type node struct {
	next *node
	fill [6]uintptr
}

var all *node

//export Fill
func Fill() {
	for i := 0; i < 400000; i++ {
		all = &node{next: all}
	}
}

func main() {}
GO
build_guests guest heap
variant guest.so guest.2 build:one build:two
cp guest.so guest.1
cc_so plain.so <<'C'
int value(void) { return 7; }
C

cc_host host -pthread <<'C'
#include "gohost.h"
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>

static void *handle;
static volatile bool begun;

static void *reload(void *arg)
{
	for (int i = 1; i <= *(int *)arg; i++) {
		((void (*)(void))find(handle, "Use"))();
		replace(i % 2 ? "guest.2" : "guest.1", "guest.so");
		CHECK(dlreload(handle) == handle);
		begun = true;
		CHECK(goaudit_reclaim(NULL, -1) == 0);
	}
	begun = false;
	return NULL;
}

static void in_child(int i)
{
	void *h;

	alarm(100);
	if (i % 3 == 0)
		execl("/bin/true", "true", NULL);
	CHECK(!dlsym(handle, "nothing") && dlerror());
	h = open_guest("./plain.so");
	CHECK(call(h, "value") == 7);
	close_guest(h);
	i % 3 == 1 ? exit(0) : _exit(0);
}

int main(int argc, char **argv)
{
	int n = atoi(argv[1]), forks = 0, status;
	pthread_t t;
	pid_t child;

	((void (*)(void))find(open_guest("./heap.so"), "Fill"))();
	handle = open_guest("./guest.so");
	CHECK(pthread_create(&t, NULL, reload, &n) == 0);
	while (!begun)
		sched_yield();
	for (; begun; forks++) {
		child = fork();
		CHECK(child >= 0);
		if (child == 0)
			in_child(forks);
		CHECK(waitpid(child, &status, 0) == child && status == 0);
	}
	pthread_join(t, NULL);
	CHECK(forks > 0);
	for (int i = 1; i <= n; i++)
		CHECK(record_of("guest.so", i).state == GOAUDIT_GONE);
	puts("ok");
	return 0;
}
C
cp guest.1 guest.so
expect_output run_audited ./host "${RELOADS:-15}" <<<ok
expect_no_snapshots

case $(go env GOVERSION) in go1.2[2-5]*) exit 0 ;; esac
go_file gohost/main.go <<'GO'
package main

/*
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

// In the child only C runs.
static int fork_once(int how)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		Dl_info info;

		alarm(100);
		if (how == 0)
			execl("/bin/true", "true", NULL);
		if (!dladdr((void *)fork_once, &info) || dlsym(RTLD_DEFAULT, "no such name") || !dlerror())
			_exit(1);
		how == 1 ? exit(0) : _exit(0);
	}
	return waitpid(child, &status, 0) == child ? status : -1;
}
*/
import "C"

import (
	"fmt"
	"os/exec"
	"time"

	"goaudit/guest"
)

var all [][]*int

func main() {
	for i := 0; i < 4000; i++ {
		all = append(all, make([]*int, 100))
		for j := range all[i] {
			all[i][j] = new(int)
		}
	}
	put("guest.1")
	g, err := guest.Open("guest.so")
	if err != nil {
		panic(err)
	}
	build, err := guest.Bind[func() string](g, "Build")
	if err != nil {
		panic(err)
	}
	done := make(chan bool)
	go func() {
		for i := 1; i <= 15; i++ {
			put([]string{"guest.1", "guest.2"}[i%2])
			if err := g.Reload(); err != nil {
				panic(err)
			}
			for guest.Reclaim(10*time.Second) != 0 {
			}
		}
		close(done)
	}()
	for i := 0; ; i++ {
		select {
		case <-done:
			fmt.Println(build.Get()(), i > 0, guest.Reclaim(10*time.Second))
			return
		default:
		}
		if status := C.fork_once(C.int(i % 3)); status != 0 {
			panic(fmt.Sprint("child: ", status))
		}
		if err := exec.Command("/bin/true").Run(); err != nil {
			panic(err)
		}
	}
}
GO
imports_guest_package gohost
cp "$HOSTS/put.go" src/gohost/
(cd src/gohost && "$GOAUDIT_BUILD/goaudit" build -exe -o "$TEST_DIR/gohost" .) || fail "gohost: does not build"
cp guest.1 guest.so
expect_output run_audited ./gohost <<<"build:two true 0"
