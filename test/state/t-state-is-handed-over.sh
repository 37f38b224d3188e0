#!/bin/bash
# goaudit_save and goaudit_load: ten generations in a row keep a counter, a map and an
# open listener; a generation that refuses the state is not taken, and the old one
# goes on with its state, its flags and its listener; so it is on a reopen.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file keeper/main.go <<'GO'
package main

// #include <stdlib.h>
// typedef unsigned int version_t;
import "C"

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"unsafe"
)

var (
	generation = "generation 00"
	manner     = flag.String("manner", generation, "how it does it")
)

type state struct {
	Counter int
	Map     map[string][]int
	Socket  int
}

var (
	now      = state{Map: map[string][]int{}, Socket: -1}
	listener net.Listener
)

//export goaudit_save
func goaudit_save(size *C.size_t, version *C.version_t) unsafe.Pointer {
	now.Socket = -1
	if l, ok := listener.(*net.TCPListener); ok {
		f, err := l.File() // a descriptor of its own
		if err != nil {
			*size = 1
			return nil
		}
		now.Socket, _ = dup(f)
	}
	b, _ := json.Marshal(now)
	*size, *version = C.size_t(len(b)), 7
	return C.CBytes(b)
}

//export goaudit_load
func goaudit_load(data unsafe.Pointer, size C.size_t, version C.version_t) C.int {
	s := state{}
	if err := json.Unmarshal(C.GoBytes(data, C.int(size)), &s); err != nil || version != 7 {
		return 1
	}
	if s.Socket >= 0 {
		f := os.NewFile(uintptr(s.Socket), "listener")
		defer f.Close()
		if generation == "refuses    00" {
			return 5
		}
		l, err := net.FileListener(f)
		if err != nil {
			return 2
		}
		listener = l
	}
	now = s
	return 0
}

func dup(f *os.File) (int, error) {
	defer f.Close()
	return dupFd(int(f.Fd()))
}

//export Listen
func Listen() C.int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0
	}
	listener = l
	return C.int(l.Addr().(*net.TCPAddr).Port)
}

// Serve answers one connection with what the generation knows.
//
//export Serve
func Serve() C.int {
	c, err := listener.Accept()
	if err != nil {
		return 1
	}
	defer c.Close()
	now.Counter++
	now.Map["of "+generation] = append(now.Map["of "+generation], now.Counter)
	fmt.Fprintf(c, "%s: %d, %d, %s", generation, now.Counter, len(now.Map), *manner)
	return 0
}

//export Done
func Done() { listener.Close() }

func main() {}
GO
go_file keeper/dup.go <<'GO'
package main

import "syscall"

func dupFd(fd int) (int, error) { return syscall.Dup(fd) }
GO
build_guests keeper
for i in 01 02 03 04 05 06 07 08 09 10; do variant keeper.so v$i.so "generation 00" "generation $i"; done
variant keeper.so refuses.so "generation 00" "refuses    00"
cc_host host -pthread <<'C'
#include "host.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>

static int port;

/* Listeners of generations that are gone are closed by the collector, when it likes;
 * the reaper, when at work, has descriptors of its own. */
static bool come_down_to(int descriptors)
{
	struct goaudit_runtime rt;

	for (int i = 0; i < 500 && open_files() != descriptors; i++) {
		CHECK(goaudit_runtime_stats(&rt, sizeof rt, 1) == 0);
		goaudit_reclaim(NULL, -1);
		usleep(1000);
	}
	return open_files() == descriptors;
}

static void *ask(void *arg)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	ssize_t n, done = 0;
	char *text = arg;

	CHECK(connect(s, (struct sockaddr *)&to, sizeof to) == 0);
	while ((n = read(s, text + done, 200 - done)) > 0)
		done += n;
	text[done] = 0;
	close(s);
	return NULL;
}

static void serve(int (*function)(void))
{
	char text[201];
	pthread_t t;

	CHECK(pthread_create(&t, NULL, ask, text) == 0);
	CHECK(function() == 0);
	pthread_join(t, NULL);
	puts(text);
}

int main(int argc, char **argv)
{
	char name[] = "v01.so";
	int (*function)(void), descriptors;
	void *h;

	replace("v01.so", "keeper.so");
	h = open_guest("./keeper.so");
	port = call(h, "Listen");
	function = (int (*)(void))find(h, "Serve");
	serve(function);
	serve(function);
	descriptors = open_files();
	for (int i = 2; i <= 9; i++) {
		name[2] = '0' + i;
		replace(name, "keeper.so");
		CHECK(dlreload(h) == h);
		serve(function);
	}
	CHECK(come_down_to(descriptors));
	replace("refuses.so", "keeper.so");
	for (int i = 0; i < 20; i++) {
		CHECK(!dlreload(h));
		if (i == 0)
			puts(strstr(dlerror(), "keeper.so:"));
	}
	serve(function);
	close_guest(h);
	CHECK(!dlopen("./keeper.so", FLAGS));
	puts(strstr(dlerror(), "keeper.so:"));
	CHECK(come_down_to(descriptors));
	replace("v10.so", "keeper.so");
	CHECK(open_guest("./keeper.so") == h);
	serve(function);
	((void (*)(void))find(h, "Done"))();
	close_guest(h);
	CHECK(come_down_to(descriptors - 1));
	return 0;
}
C
# Its size depends on the number of the descriptor in it.
run() { run_audited ./host | sed 's/[0-9]* bytes/N bytes/'; }
expect_output run <<'E'
generation 01: 1, 1, generation 01
generation 01: 2, 1, generation 01
generation 02: 3, 2, generation 02
generation 03: 4, 3, generation 03
generation 04: 5, 4, generation 04
generation 05: 6, 5, generation 05
generation 06: 7, 6, generation 06
generation 07: 8, 7, generation 07
generation 08: 9, 8, generation 08
generation 09: 10, 9, generation 09
keeper.so: the new build does not take the state over (goaudit_load returned 5, of version 7, N bytes): have it accept that version
generation 09: 11, 9, generation 09
keeper.so: the new build does not take the state over (goaudit_load returned 5, of version 7, N bytes): have it accept that version
generation 10: 12, 10, generation 10
E
expect_no_snapshots
