#!/bin/bash
# GOAUDIT_HELD bounds what is held: a new build is refused with the oldest holder's
# name while the bound is reached, the open guest goes on, and is accepted once
# something has been let go of.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file keeps/main.go <<'GO'
package main

import "C"

import "os"

var generation = "generation 0000"

//export Park
func Park(fd C.int) {
	ready := make(chan bool)
	go park(os.NewFile(uintptr(fd), "pipe"), ready)
	<-ready
}

func park(r *os.File, ready chan bool) {
	ready <- true
	r.Read(make([]byte, 1))
}

//export Generation
func Generation() C.int { return C.int(generation[14] - '0') }

func main() {}
GO
build_guests keeps
for i in 1 2 3 4; do variant keeps.so v$i.so "generation 0000" "generation 000$i"; done
cc_host host <<'C'
#include "host.h"

int main(int argc, char **argv)
{
	int in[4][2];
	void *h;

	for (int i = 1; i <= 3; i++) {
		char name[] = "v0.so";

		name[1] += i;
		replace(name, "keeps.so");
		CHECK(pipe(in[i]) == 0);
		h = open_guest("./keeps.so");
		((void (*)(int))find(h, "Park"))(in[i][0]);
		close_guest(h);		/* in[i][1] stays open */
	}
	replace("v4.so", "keeps.so");
	h = dlopen("./keeps.so", FLAGS);
	if (!h) {
		char *text = dlerror(), *where = strstr(text, "keeps.so"), *at;

		at = strstr(where, "/");
		printf("%.*s", (int)(at - where), where);
		at = strstr(at, "keeps.so, by");
		printf("...%s\n", at);
	}
	replace("v3.so", "keeps.so");
	h = open_guest("./keeps.so");
	printf("%d\n", call(h, "Generation"));
	close_guest(h);
	replace("v4.so", "keeps.so");
	close(in[1][1]);		/* the goroutine ends soon */
	do
		h = dlopen("./keeps.so", FLAGS);
	while (!h && strstr(dlerror(), "are held"));
	printf("%d\n", call(h, "Generation"));
	close_guest(h);
	return 0;
}
C
env GOAUDIT_HELD=2,1G LD_AUDIT="$AUDIT" ./host >actual
sed 's/held, [0-9]* KB/held, N KB/' actual >seen
expect_output cat seen <<'E'
keeps.so: 2 retired generations of guests are held, N KB, as much as GOAUDIT_HELD allows; the oldest, generation 1 of ...keeps.so, by main.Park.gowrap1 (main.go:12): let go of them, or raise GOAUDIT_HELD
3
4
E
