#!/bin/bash
# A thread is inside a guest's C code, where the Go runtime does not see it, when
# the guest is closed: the guest is held by the call and released after it.  The
# control calls the function behind the entry, of which nobody knows: it crashes.
# Arguments of all kinds and results pass an entry unchanged.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file calls/part.c <<'C'
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "part.h"

int wait_in_c(int in, int out)
{
	char c = 'i';

	if (write(out, &c, 1) != 1 || read(in, &c, 1) != 1)
		return -1;
	return c + 1;
}

long double many(int a, long b, char c, short d, void *e, int f, float g, double h,
		 long double i, struct big big, int k, int l, double m, double n,
		 double o, double p, double q, double r, double s)
{
	return a + b + c + d + (long)e + f + g + h + i + big.v[0] + big.v[7] + k + l +
	       m + n + o + p + q + r + s;
}

struct big returned(int n)
{
	struct big b;

	for (int i = 0; i < 8; i++)
		b.v[i] = n + i;
	return b;
}

struct pair pair(double x) { return (struct pair){ x + 0.5, (int)x }; }

int sum(int n, ...)
{
	va_list ap;
	int total = 0;

	va_start(ap, n);
	for (int i = 0; i < n; i++)
		total += i % 2 ? (int)va_arg(ap, double) : va_arg(ap, int);
	va_end(ap);
	return total;
}

int nested(int depth, int (*again)(int, void *), void *self)
{
	return depth ? 1 + again(depth - 1, self) : 0;
}
C
go_file calls/part.h <<'C'
#pragma once
struct big { long v[8]; };
struct pair { double d; int i; };
C
go_file calls/main.go <<'GO'
package main

// #include "part.h"
import "C"

//export Add
func Add(a, b C.int) C.int { return a + b }

//export Mixed
func Mixed(a int8, b float32, c uint64, d bool, e, f, g, h, i, j int64, k float64) float64 {
	return float64(a) + float64(b) + float64(c) + float64(e+f+g+h+i+j) + k
}

func main() {}
GO
build_guests calls
cc_host host -pthread <<'C'
#include "host.h"
#include <pthread.h>

struct big { long v[8]; };
struct pair { double d; int i; };

static int in[2], out[2], late[2];
static int (*wait_in_c)(int, int);

static void *caller(void *arg)
{
	int result = wait_in_c(in[0], out[1]);
	char c = result;

	CHECK(write(late[1], &c, 1) == 1);
	return NULL;
}

static int again(int depth, void *self)
{
	return ((int (*)(int, int (*)(int, void *), void *))self)(depth, again, self);
}

static int (*add)(int, int);

static void *adder(void *arg)
{
	for (int i = 0; i < 2000; i++)
		CHECK(add(i, (int)(long)arg) == i + (int)(long)arg);
	return NULL;
}

static void many_threads(void *h)
{
	pthread_t t[8];

	add = find(h, "Add");
	for (int round = 0; round < 20; round++) {
		for (long i = 0; i < 8; i++)
			CHECK(pthread_create(&t[i], NULL, adder, (void *)i) == 0);
		for (int i = 0; i < 8; i++)
			pthread_join(t[i], NULL);
	}
}

static void arguments(void *h)
{
	long double (*many)(int, long, char, short, void *, int, float, double, long double,
			    struct big, int, int, double, double, double, double, double,
			    double, double) = find(h, "many");
	struct big (*returned)(int) = find(h, "returned");
	struct pair (*pair)(double) = find(h, "pair");
	int (*sum)(int, ...) = find(h, "sum");
	double (*mixed)(signed char, float, unsigned long, char, long, long, long, long, long,
			long, double) = find(h, "Mixed");
	struct big b = { { 100, 0, 0, 0, 0, 0, 0, 200 } };

	printf("%.2Lf\n", many(1, 2, 3, 4, (void *)5, 6, 7.25f, 8.5, 9.125L, b, 10, 11, 12, 13,
			       14, 15, 16, 17, 18));
	b = returned(40);
	printf("%ld %ld\n", b.v[0], b.v[7]);
	printf("%.1f %d\n", pair(3).d, pair(3).i);
	printf("%d\n", sum(10, 1, 2.0, 3, 4.0, 5, 6.0, 7, 8.0, 9, 10.0));
	printf("%.1f\n", mixed(-1, 0.5f, 2, 1, 3, 4, 5, 6, 7, 8, 0.25));
	printf("%d\n", again(50, find(h, "nested")));
}

static void show(const char *when)
{
	struct goaudit_generation g[8];
	size_t n = goaudit_generations(g, 8, sizeof *g);

	printf("%s: state %u%s%s\n", when, g[n - 1].state, *g[n - 1].holder_text ? ", " : "",
	       g[n - 1].holder_text);
}

int main(int argc, char **argv)
{
	void *h = open_mode("./calls.so", RTLD_NOW);
	pthread_t thread;
	Dl_info info;
	char c;

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(find(h, "Add") == find(h, "Add"));
	CHECK(dladdr(find(h, "Add"), &info) && strcmp(info.dli_sname, "Add") == 0);
	CHECK(info.dli_saddr != find(h, "Add"));
	if (argc == 1) {
		arguments(h);
		many_threads(h);
	}
	CHECK(pipe(in) == 0 && pipe(out) == 0 && pipe(late) == 0);
	wait_in_c = find(h, "wait_in_c");
	if (argc > 1) {
		CHECK(dladdr((void *)wait_in_c, &info));
		wait_in_c = (int (*)(int, int))info.dli_saddr;
	}
	CHECK(pthread_create(&thread, NULL, caller, NULL) == 0);
	CHECK(read(out[0], &c, 1) == 1);	/* it is inside */
	close_guest(h);
	CHECK(goaudit_reclaim(NULL, -1) == (argc == 1));
	show("closed");
	CHECK(write(in[1], "A", 1) == 1);
	CHECK(read(late[0], &c, 1) == 1);
	printf("returned %c\n", c);
	pthread_join(thread, NULL);
	CHECK(goaudit_reclaim(NULL, -1) == 0);
	show("reclaimed");
	return 0;
}
C
expect_output run_audited ./host <<'E'
471.88
40 47
3.5 3
55
34.8
50
closed: state 6, a call of the host is under way
returned B
reclaimed: state 7
E
expect_no_snapshots
status=0
run_audited ./host past-the-gate >control.txt 2>&1 || status=$?
grep -q 'closed: state 7' control.txt || fail "the control is held: $(cat control.txt)"
[ $status -ge 128 ] || fail "the control did not crash: status $status"
