#!/bin/bash
# Eight threads open, call, close and reload guests that keep changing, through
# references of their own, for SECONDS_OF_THREADS seconds: a result is always
# that of a whole generation; in the end all but the current ones are unmapped.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
export GODEBUG=clobberfree=1	# gccheckmark stops the world too long for this

go_file busy/main.go <<'GO'
package main

import "C"

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

var generation = "generation 1"

type item struct {
	N    int
	Name string
	Sub  map[string]*item
}

var (
	mu    sync.Mutex
	calls = map[string]int{}
)

// Whole answers the generation's number, or -1 when its parts do not agree.
//
//export Whole
func Whole(n C.int) C.int {
	mu.Lock()
	calls[fmt.Sprint(n)]++
	mu.Unlock()
	b, err := json.Marshal(item{int(n), generation, map[string]*item{"s": {N: 1}}})
	var back item
	if err != nil || json.Unmarshal(b, &back) != nil || back.N != int(n) || back.Name != generation {
		return -1
	}
	c := make(chan item)
	go func() { c <- back }()
	t := time.AfterFunc(time.Minute, func() { calls = nil })
	defer t.Stop()
	if (<-c).Sub["s"].N != 1 {
		return -1
	}
	return C.int(generation[len(generation)-1] - '0')
}

func main() {}
GO
build_guest busy.1 busy
for n in 2 3 4 5; do variant busy.1 busy.$n "generation 1" "generation $n"; done
cc_host host -pthread <<'C'
#include "gohost.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <time.h>

#define THREADS 8
#define GUESTS 3

static atomic_bool stop;
static atomic_long opens, reloads, calls, changes;
static char path[GUESTS][32];

static void whole(void *h, int n)
{
	int got = ((int (*)(int))find(h, "Whole"))(n);

	calls++;
	CHECK(1 <= got && got <= 5);
}

static void *work(void *arg)
{
	unsigned seed = (uintptr_t)arg;
	void *kept[GUESTS] = { 0 };	/* a reference of this thread's */

	while (!stop) {
		int g = rand_r(&seed) % GUESTS, n = rand_r(&seed) % 1000;

		switch (rand_r(&seed) % 4) {
		case 0: {
			void *h = open_guest(path[g]);

			opens++;
			whole(h, n);
			close_guest(h);
			break;
		}
		case 1:
			if (!kept[g]) {
				kept[g] = open_guest(path[g]);
				opens++;
			} else {
				void *h = dlreload(kept[g]);

				if (!h)
					printf("dlreload: %s\n", dlerror());
				CHECK(h != NULL);
				kept[g] = h;
				reloads++;
			}
			whole(kept[g], n);
			break;
		case 2:
			if (kept[g]) {
				whole(kept[g], n);
				close_guest(kept[g]);
				kept[g] = NULL;
			}
			break;
		default:
			if (kept[g])
				whole(kept[g], n);
		}
	}
	for (int g = 0; g < GUESTS; g++)
		if (kept[g])
			close_guest(kept[g]);
	return NULL;
}

static void *change(void *arg)
{
	unsigned seed = 1;

	while (!stop) {
		char from[32];

		snprintf(from, sizeof from, "busy.%d", 1 + rand_r(&seed) % 5);
		replace(from, path[rand_r(&seed) % GUESTS]);
		changes++;
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	return arg;
}

int main(int argc, char **argv)
{
	struct goaudit_runtime rt;
	pthread_t t[THREADS], changer;
	int left;

	for (int g = 0; g < GUESTS; g++) {
		snprintf(path[g], sizeof path[g], "./guest%d.so", g);
		replace("busy.1", path[g]);
	}
	pthread_create(&changer, NULL, change, NULL);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, work, (void *)(i + 1));
	sleep(atoi(argv[1]));
	stop = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	pthread_join(changer, NULL);
	/* A goroutine that has sent its answer may take a moment to end. */
	while ((left = goaudit_reclaim(NULL, 10000)) > 0)
		;
	CHECK(left == 0);
	rt = runtime_now(20);
	printf("%lu modules, %d snapshots\n", (unsigned long)rt.modules - 1, snapshot_files());
	fprintf(stderr, "%ld opens, %ld reloads, %ld calls, %ld changes\n", opens, reloads,
		calls, changes);
	CHECK(opens > 50 && reloads > 50 && changes > 50);
	for (int g = 0; g < GUESTS; g++) {
		void *h = open_guest(path[g]);

		whole(h, 1);
		close_guest(h);
	}
	return 0;
}
C
out=$(run_audited ./host "${SECONDS_OF_THREADS:-20}" 2>counts) || fail "$out $(head -c 3000 counts)"
cat counts
[ "$out" = "3 modules, 3 snapshots" ] || fail "$out"
