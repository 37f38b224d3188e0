#!/bin/bash
# Functions with more arguments than an entry passes by itself get them all: many words, a
# struct, a variable number, aligned vectors, through a jump to another function; as
# compilers make them at each level, with and without frame pointers, unwind tables and
# debug information on either side.  A build may want more than the last one did.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

cat >types.h <<'C'
#define WORDS_20 long a1, long a2, long a3, long a4, long a5, long a6, long a7, long a8, \
	long a9, long a10, long a11, long a12, long a13, long a14, long a15, long a16, \
	long a17, long a18, long a19, long a20
#define WORDS_40 WORDS_20, long b1, long b2, long b3, long b4, long b5, long b6, long b7, \
	long b8, long b9, long b10, long b11, long b12, long b13, long b14, long b15, long b16, \
	long b17, long b18, long b19, long b20
#define ALL_20(c) c##1, c##2, c##3, c##4, c##5, c##6, c##7, c##8, c##9, c##10, c##11, c##12, \
	c##13, c##14, c##15, c##16, c##17, c##18, c##19, c##20
#define SUM_20(c) (c##1 + 2 * c##2 + 3 * c##3 + 4 * c##4 + 5 * c##5 + 6 * c##6 + 7 * c##7 + \
	8 * c##8 + 9 * c##9 + 10 * c##10 + 11 * c##11 + 12 * c##12 + 13 * c##13 + 14 * c##14 + \
	15 * c##15 + 16 * c##16 + 17 * c##17 + 18 * c##18 + 19 * c##19 + 20 * c##20)
#define LARGE 1000
struct large { long v[LARGE]; };
#define HUGE 131072	/* words: a megabyte */
struct huge { long v[HUGE]; };
struct middle { long v[40]; };
struct small { long v[16]; };
typedef long quad __attribute__((vector_size(32)));
struct result { long a, b, c; };
C
cat >guest.c <<'C'
#include "types.h"
#include <stdarg.h>
#include <stdlib.h>

long many(WORDS_40) { return SUM_20(a) - SUM_20(b); }
long few(long a, long b) { return a - b; }
__attribute__((noinline)) long behind(WORDS_40) { return many(ALL_20(b), ALL_20(a)); }
long hidden(WORDS_40) { return many(ALL_20(a), ALL_20(b)) + 1; }
struct result structs(WORDS_40)
{
	return (struct result){ a20, b20, many(ALL_20(a), ALL_20(b)) };
}
long large(long x, struct large s)
{
	long n = x;
	for (int i = 0; i < LARGE; i++)
		n += i * s.v[i];
	return n;
}
long huge(struct huge s, long i)
{
	long n = 0;
	while ((i -= 1000) >= 0)
		n += s.v[i] * i;
	return n;
}
long middle(struct middle s, long i) { return s.v[i] + 100 * s.v[i - 3]; }
long last(struct middle s) { return s.v[39]; }
long small(struct small s) { return s.v[0] + s.v[15]; }
long several(int n, ...)
{
	va_list l;
	long sum = 0;

	va_start(l, n);
	for (int i = 0; i < n; i++)
		sum += i * va_arg(l, long);
	va_end(l);
	return sum;
}
long double doubles(long double a, long double b, long double c, long double d,
		    long double e, long double f, long double g, long double h,
		    long double i, long double j)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
}
long (*volatile other)(WORDS_40) = many;
long indirect(WORDS_40) { return other(ALL_20(a), ALL_20(b)); }
long chosen(long a1, long a2, long a3, long a4, long a5, long a6, long a7, long a8,
	    struct middle s)
{
	switch (a1) {
	case 0: return a2;
	case 1: return a3 + a8;
	case 2: return s.v[39];
	case 3: return s.v[20] * 3;
	case 4: abort();
	case 5: return s.v[1] + a4;
	case 6: return s.v[30] - a5;
	}
	return -1;
}
#ifdef __AVX__
long quads(quad a, quad b, quad c, quad d, quad e, quad f, quad g, quad h, quad i, quad j)
{
	return a[0] + b[1] + c[2] + d[3] + e[0] + f[1] + g[2] + h[3] + 100 * i[0] + 10000 * j[3];
}
#endif
#ifdef NARROW
long grows(struct middle s) { return -1; }
#else
long grows(struct middle s) { return s.v[0] + s.v[39]; }
#endif
long calls(struct middle s, void (*back)(void)) { back(); return s.v[39]; }
C

cat >host.c <<'C'
#include "host.h"
#include "types.h"
#include <stdarg.h>
#include <ucontext.h>

#define F(type, name, ...) type (*name)(__VA_ARGS__) = (type (*)(__VA_ARGS__))find(h, #name)
#define COUNT(c) c+1, c+2, c+3, c+4, c+5, c+6, c+7, c+8, c+9, c+10, c+11, c+12, c+13, c+14, \
	c+15, c+16, c+17, c+18, c+19, c+20

static void *h;
static struct middle m;
static struct large l;
static struct huge g;

static void __attribute__((noinline)) words(long c)
{
	F(long, many, WORDS_40);
	F(long, behind, WORDS_40);
	F(long, hidden, WORDS_40);
	F(long, indirect, WORDS_40);
	F(struct result, structs, WORDS_40);
	F(long, few, long, long);
	struct result r = structs(COUNT(c), COUNT(2 * c));

	CHECK(few(7, 3) == 4);
	CHECK(many(COUNT(c), COUNT(2 * c)) == -210 * c);
	CHECK(behind(COUNT(c), COUNT(2 * c)) == 210 * c);
	CHECK(hidden(COUNT(c), COUNT(2 * c)) == -210 * c + 1);
	CHECK(indirect(COUNT(c), COUNT(2 * c)) == -210 * c);
	CHECK(r.a == c + 20 && r.b == 2 * c + 20 && r.c == -210 * c);
}

static void __attribute__((noinline)) structs(void)
{
	F(long, middle, struct middle, long);
	F(long, last, struct middle);
	F(long, small, struct small);
	F(long, chosen, long, long, long, long, long, long, long, long, struct middle);
	struct small s = { { 5, [15] = 7 } };

	for (long i = 3; i < 40; i++)
		CHECK(middle(m, i) == i + 2 + 100 * (i - 1));
	CHECK(last(m) == 41 && small(s) == 12);
	CHECK(chosen(0, 1, 2, 3, 4, 5, 6, 7, m) == 1);
	CHECK(chosen(1, 1, 2, 3, 4, 5, 6, 7, m) == 9);
	CHECK(chosen(2, 1, 2, 3, 4, 5, 6, 7, m) == 41);
	CHECK(chosen(3, 1, 2, 3, 4, 5, 6, 7, m) == 66);
	CHECK(chosen(5, 1, 2, 3, 4, 5, 6, 7, m) == 6);
	CHECK(chosen(6, 1, 2, 3, 4, 5, 6, 7, m) == 28);
}

static void __attribute__((noinline)) largest(void)
{
	F(long, large, long, struct large);

	CHECK(large(3, l) == 3 + 2 * 332833500L);
}

#ifndef NO_TABLES
static void __attribute__((noinline)) megabyte(void)
{
	F(long, huge, struct huge, long);
	long n = 0;

	for (long i = HUGE - 1000; i >= 0; i -= 1000)
		n += (i + 7) * i;
	CHECK(huge(g, HUGE) == n);
}
#endif

static void __attribute__((noinline)) others(void)
{
	F(long double, doubles, long double, long double, long double, long double,
	  long double, long double, long double, long double, long double, long double);
	long (*several)(int, ...) = (long (*)(int, ...))find(h, "several");

	CHECK(several(2, 1l, 2l) == 2);
	CHECK(several(40, COUNT(0l), COUNT(20l)) == 21320);
	CHECK(doubles(1, 1, 1, 1, 1, 1, 1, 1, 1, 2.5) == 70);
}

#ifdef __AVX__
static void __attribute__((noinline)) vectors(void)
{
	quad q = { 1, 2, 3, 4 };
	F(long, quads, quad, quad, quad, quad, quad, quad, quad, quad, quad, quad);

	CHECK(quads(q, q, q, q, q, q, q, q, q, q) == 20 + 100 + 40000);
}
#endif

/* The arguments end where nothing can be read behind them. */
static ucontext_t back, coroutine;
static void body(void)
{
	words(3);
	others();
	swapcontext(&coroutine, &back);
}

static void at_the_top(void)
{
	size_t size = 65536;
	char *stack = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(stack != MAP_FAILED && mprotect(stack + size, 4096, PROT_NONE) == 0);
	for (size_t n = size - 4096; n <= size; n += 16) {
		getcontext(&coroutine);
		coroutine.uc_stack.ss_sp = stack;
		coroutine.uc_stack.ss_size = n;
		coroutine.uc_link = &back;
		makecontext(&coroutine, body, 0);
		swapcontext(&back, &coroutine);
	}
}

static void reloads(void)
{
	for (int i = 0; i < 2; i++) {
		replace(i ? "v1.so" : "v2.so", "guest.so");
		CHECK(dlreload(h) == h);
	}
}

int main(void)
{
	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	for (int i = 0; i < 40; i++)
		m.v[i] = i + 2;
	for (int i = 0; i < LARGE; i++)
		l.v[i] = 2 * i;
	for (int i = 0; i < HUGE; i++)
		g.v[i] = i + 7;
	F(long, grows, struct middle);
	F(long, calls, struct middle, void (*)(void));
	CHECK(grows(m) == -1);
	for (int i = 0; i < 3; i++) {
		words(i);
		structs();
		largest();
#ifndef NO_TABLES
		megabyte();
#endif
		others();
#ifdef __AVX__
		vectors();
#endif
		at_the_top();
		/* What calls back is there still when it returns. */
		CHECK(calls(m, reloads) == 41);
		CHECK(grows(m) == -1);
		replace("v2.so", "guest.so");
		CHECK(dlreload(h) == h && grows(m) == 43);
		replace("v1.so", "guest.so");
		CHECK(dlreload(h) == h && grows(m) == -1);
	}
	puts("good");
	return 0;
}
C
sed -i '/<ucontext.h>/i #include <sys/mman.h>' host.c

avx=
! grep -qw avx2 /proc/cpuinfo || avx=-mavx2
no_tables="-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-exceptions"

compilers=gcc
! command -v clang >/dev/null || compilers+=" clang"
hosts=("-O0" "-O2" "-O2 -fno-pie -no-pie" "-O2 -mstackrealign -fno-omit-frame-pointer"
	"-O1 -DNO_TABLES $no_tables")
echo good >expected.txt
for vectors in "" $avx; do
	for i in "${!hosts[@]}"; do
		gcc $CFLAGS -I. ${hosts[i]} $vectors -o "host$i$vectors" host.c $DL
	done
done
for cc in $compilers; do
	for guest in "-O0" "-O1" "-O2" "-O3 $avx" "-O2 -s" "-O2 $no_tables" \
		"-O2 -fno-omit-frame-pointer" "-O2 -mstackrealign $avx"; do
		$cc $CFLAGS -I. $guest -w -shared -fPIC -DNARROW -o v1.so guest.c
		$cc $CFLAGS -I. $guest -w -shared -fPIC -o v2.so guest.c
		vectors=
		case $guest in *-mavx2*) vectors=-mavx2 ;; esac
		for i in "${!hosts[@]}"; do
			run_audited "./host$i$vectors" >actual.txt 2>&1 || :
			cmp -s expected.txt actual.txt ||
				fail "$cc: guest $guest, host ${hosts[i]}: $(cat actual.txt)"
		done
	done
done
expect_no_snapshots

# The limit is real: an entry alone does not pass them.
gcc $CFLAGS -I. -O2 -shared -fPIC -DNARROW -o v1.so guest.c
gcc $CFLAGS -I. -O2 -shared -fPIC -o v2.so guest.c
gcc $CFLAGS -I. -O2 -o host host.c $DL
control_module blind wide_words <<'C'
#include <stdint.h>
struct link_map;
int64_t __wrap_wide_words(const struct link_map *map, const void *function) { return -1; }
C
LD_AUDIT=$PWD/blind/libgoaudit.so ./host >actual.txt 2>&1 && fail "it works without"
grep -q '^host.c:[0-9]*: not so: ' actual.txt || fail "$(cat actual.txt)"

# An ld.so without _dl_find_object, as those before 2.35: frames are found all the same.
control_module old dlsym <<'C'
#include <string.h>
void *__real_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name)
{
	return strcmp(name, "_dl_find_object") ? __real_dlsym(handle, name) : NULL;
}
C
LD_AUDIT=$PWD/old/libgoaudit.so expect_output env ./host <<<good

# What is not passed whole is said: from code without tables, and with a frame for which
# the stack has no room.
sed 's/^int main(void)$/static void cut(void)\n{\n\tF(long, huge, struct huge, long);\n\thuge(g, HUGE);\n}\n&/
	s/^\tCHECK(grows(m) == -1);$/\tcut();\n\treturn 0;/' host.c >cut.c
for how in "$no_tables" -O2; do
	gcc $CFLAGS -I. $how -Wno-unused -o cut cut.c $DL
	cp v1.so guest.so
	(ulimit -s 1800; GOAUDIT_LOG=$PWD/log run_audited ./cut) >actual.txt 2>&1 || :
	case $how in
	-O2) grep -q ': a call from .* passes 65536 bytes of the stack, not all of its frame of 10[0-9]*: there is no room for that$' log ;;
	*) grep -q ': a call from .* passes 65536 bytes of the stack: its code has no unwind tables that tell how large its frame is$' log ;;
	esac || fail "host $how: not said: $(cat log actual.txt)"
	rm log
done

# inspect names them.
cc_so few.so -I. -O2 <<'C'
#include "types.h"
long few(long a, long b) { return a - b; }
long many(WORDS_40) { return SUM_20(a) - SUM_20(b); }
static struct middle keep;
void takes(struct middle s) { keep = s; __asm__ volatile("" : : "r"(&s) : "memory"); }
C
"$GOAUDIT_BUILD/goaudit" inspect few.so | grep many-arguments >actual.txt || fail "not named"
grep -q ': takes (any number), many (34 words): \|: many (34 words), takes (any number): ' actual.txt ||
	fail "$(cat actual.txt)"

# Unwound through at each instruction, by the plain tables of each frame; an exception
# that leaves such a call ends it.
cp v2.so guest.so
cat >step.c <<'C'
#include "host.h"
#include "types.h"
int main(void)
{
	struct middle m = { { 1, [39] = 5 } };
	void *h = open_guest("./guest.so");
	long (*last)(struct middle) = (long (*)(struct middle))find(h, "last");
	long (*grows)(struct middle) = (long (*)(struct middle))find(h, "grows");
	CHECK(last(m) == 5);
	long r = last(m);
	return r == 5 && grows(m) == 6 ? 0 : 1;
}
C
gcc $CFLAGS -I. -O0 -o step step.c $DL
cat >commands <<'G'
break step.c:10
run
python step_through(lambda name: name in ("entry_of_last", "goaudit_entry_wide", "last"))
tbreak grows
continue
python say("in", gdb.newest_frame().name(), "below it", *calls()[1:])
finish
continue
G
gdb_run commands ./step >out || :
expect_output cat out <<'E'
gdb: through entry_of_last goaudit_entry_wide last
gdb: in grows below it goaudit_entry_wide entry_of_grows main
[Inferior 1 exited normally]
E

# gdb's step leads into the function, its finish back out.
cat >commands <<'G'
break step.c:10
run
step
python say("stepped into", gdb.newest_frame().name())
finish
continue
G
gdb_run commands ./step >out || :
expect_output cat out <<'E'
gdb: stepped into last
[Inferior 1 exited normally]
E

cxx_so throws.so -I. <<'C'
#include "types.h"
extern "C" long throws(struct middle s) { throw s.v[39]; }
C
cxx_host catches -I. <<'C'
#include "host.h"
#include "types.h"
static int retired()
{
	static struct goaudit_generation all[64];
	size_t n = goaudit_generations(all, 64, sizeof *all);
	int found = 0;

	while (n-- > 0)
		found += all[n].state == GOAUDIT_RETIRED;
	return found;
}
int main()
{
	struct middle m = {};
	void *h;

	replace("throws.so", "guest.so");
	h = open_guest("./guest.so");
	auto throws = (long (*)(struct middle))find(h, "throws");
	for (m.v[39] = 1; m.v[39] < 5; m.v[39]++) {
		long caught = 0;

		replace(m.v[39] % 2 ? "throws2.so" : "throws.so", "guest.so");
		CHECK(dlreload(h) == h);
		try {
			throws(m);
		} catch (long n) {
			caught = n;
		}
		CHECK(caught == m.v[39] && retired() == 1);
	}
	puts("good");
	return 0;
}
C
cxx_so throws2.so -I. -DOTHER <<'C'
#include "types.h"
int other;
extern "C" long throws(struct middle s) { throw s.v[39]; }
C
expect_output run_audited ./catches <<<good
expect_no_snapshots
