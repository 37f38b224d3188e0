#!/bin/bash
# goaudit_leave, goaudit_return and goaudit_close of guests in C and C++: called before the
# constructors of the next build, when it is not taken, and at the real close; what refuses,
# takes too long, or reloads its own guest in one of them.
. "$(dirname "$0")/../lib.sh"

cat >guest.c <<'C'
#ifdef __cplusplus
extern "C" {
#endif
#include <stdlib.h>
#include <string.h>
void *dlreload(void *);
void note(int build, const char *text);
int mood(void);		/* 1: refuse, 2: wait, 3: reload its own guest */
void waiting(void);
int reload_it(void);
__attribute__((constructor)) static void begin(void) { note(BUILD, "constructor"); }
int goaudit_leave(void)
{
	note(BUILD, "leave");
	if (mood() == 2)
		waiting();
	return mood() == 3 ? reload_it() : mood() == 1 ? 3 : 0;
}
void goaudit_return(void) { note(BUILD, "return"); }
void goaudit_close(void) { note(BUILD, "close"); }
char *goaudit_state_error(void) { return strdup("not now"); }
void *goaudit_save(size_t *size, unsigned *version) { *size = 1; *version = 0; return malloc(1); }
int goaudit_load(const void *data, size_t size, unsigned version) { return BUILD == 5; }
int f(void) { return BUILD; }
#if BUILD == 4
int lacking(void);
int g(void) { return lacking(); }
#endif
#ifdef __cplusplus
}
#endif
C
for i in 1 2 3 4 5; do cc_so $i.so -DBUILD=$i <guest.c; done
cxx_so 3.so -DBUILD=3 <guest.c
cc_host host -rdynamic -pthread <<'C'
#include "host.h"
#include <semaphore.h>
#include <stdbool.h>
static int is;
static sem_t in, out;
static void *h;

static sem_t go_on;

void note(int build, const char *text)
{
	if (build == 5 && strcmp(text, "close") == 0)
		sem_wait(&go_on);
	printf("%d %s\n", build, text);
}
int mood(void) { return is; }
void waiting(void) { sem_post(&in); sem_wait(&out); }
int reload_it(void)
{
	CHECK(!dlreload(h));
	puts(strstr(dlerror(), "guest.so:"));
	return 0;
}

static void reload(const char *file, int m)
{
	const struct goaudit_reload_options options = { .size = sizeof options,
							.init_timeout_ms = m == 2 ? 50 : 60000 };

	is = m;
	replace(file, "guest.so");
	if (!dlreload2(h, &options))
		puts(strstr(dlerror(), "guest.so:"));
	printf("f is %d\n", call(h, "f"));
}

static void wait_until_gone(const char *what, uint32_t number)
{
	struct goaudit_generation g[64];
	bool there = true;

	for (int i = 0; i < 60000 && there; i++, usleep(1000)) {
		size_t n = goaudit_generations(g, 64, sizeof *g);

		there = false;
		for (size_t k = 0; k < n; k++)
			there |= strstr(g[k].path, what) && g[k].number == number &&
				 g[k].state != GOAUDIT_GONE;
	}
	CHECK(!there);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	sem_init(&in, 0, 0);
	sem_init(&go_on, 0, 0);
	sem_init(&out, 0, 0);
	replace("1.so", "guest.so");
	h = open_guest("./guest.so");
	reload("2.so", 0);
	puts("-- one that does not load");
	reload("4.so", 0);
	puts("-- one that does not take the state");
	reload("5.so", 0);
	sem_post(&go_on);
	wait_until_gone("guest.so", 3);	/* its inits have run: it hears of its end */
	puts("-- refused");
	reload("3.so", 1);
	puts("-- its own");
	reload("3.so", 3);
	puts("-- too long");
	reload("1.so", 2);
	sem_wait(&in);
	reload("1.so", 0);
	sem_post(&out);
	for (bool late = true; late; usleep(1000)) {
		late = !dlreload(h);
		if (late)
			CHECK(strstr(dlerror(), "has not ended"));
	}
	printf("f is %d\n", call(h, "f"));
	puts("-- parked, and opened again");
	close_guest(h);
	replace("2.so", "guest.so");
	h = open_guest("./guest.so");
	puts("-- closed for good");
	void *i = goaudit_open_instance("./3.so", RTLD_NOW, NULL);
	CHECK(i);
	close_guest(i);
	wait_until_gone("3.so", 1);
	puts("-- the end");
	return 0;
}
C
expect_output run_audited ./host <<'E'
1 constructor
1 leave
2 constructor
f is 2
-- one that does not load
2 leave
2 return
guest.so: undefined symbol: lacking
f is 2
-- one that does not take the state
2 leave
5 constructor
2 return
guest.so: the new build does not take the state over (goaudit_load returned 1, of version 0, 1 bytes): not now: have it accept that version
f is 2
5 close
-- refused
2 leave
2 return
guest.so: the old generation does not leave (goaudit_leave returned 3): not now: see what it says
f is 2
-- its own
2 leave
guest.so: its own goaudit_leave or goaudit_return cannot reload it: do so later
3 constructor
f is 3
-- too long
3 leave
guest.so: goaudit_leave of the old generation has not ended within 50 ms, and runs on: mend it, or raise the limit
f is 3
guest.so: goaudit_leave or goaudit_return, which an earlier reload has called, has not ended: wait for it, or mend it
f is 3
3 return
3 leave
1 constructor
f is 1
-- parked, and opened again
1 leave
2 constructor
-- closed for good
3 constructor
3 close
-- the end
E
expect_no_snapshots

# A guest in D, of whose runtime they need nothing.
compiler=
for c in ldc2 gdc; do command -v $c >/dev/null && compiler=$c; done
[ -n "$compiler" ] || exit 0
cat >guest.d <<'D'
module guest;
version (V2) enum VERSION = 2; else enum VERSION = 1;
extern (C) void note(int, const(char)*) nothrow;
extern (C):
int goaudit_leave() nothrow { note(VERSION, "leave"); return 0; }
void goaudit_return() nothrow { note(VERSION, "return"); }
void goaudit_close() nothrow { note(VERSION, "close"); }
int f() { return VERSION; }
D
cc_host d_host -rdynamic <<'C'
#include "host.h"
static int closed;
void note(int build, const char *text)
{
	printf("%d %s\n", build, text);
	if (strcmp(text, "close") == 0)
		__atomic_store_n(&closed, 1, __ATOMIC_RELEASE);
}
int main(void)
{
	void *h;

	setvbuf(stdout, NULL, _IONBF, 0);
	replace("d1.so", "guest.so");
	h = goaudit_open_instance("./guest.so", RTLD_NOW, NULL);
	CHECK(h && call(h, "f") == 1);
	replace("not-elf", "guest.so");
	CHECK(!dlreload(h) && call(h, "f") == 1);
	replace("4.so", "guest.so");
	CHECK(!dlreload(h) && call(h, "f") == 1);
	replace("d2.so", "guest.so");
	CHECK(dlreload(h) == h && call(h, "f") == 2);
	close_guest(h);
	for (int i = 0; i < 60000 && !__atomic_load_n(&closed, __ATOMIC_ACQUIRE); i++)
		usleep(1000);
	return 0;
}
C
echo nothing >not-elf
for v in 1 2; do
	case $compiler in
	ldc2) ldc2 -shared -relocation-model=pic -link-defaultlib-shared -d-version=V$v -of=d$v.so guest.d ;;
	gdc) gdc -shared -shared-libphobos -fPIC -fversion=V$v -o d$v.so guest.d ;;
	esac || fail "$compiler"
done
expect_output run_audited ./d_host <<'E'
1 leave
1 return
1 leave
2 close
E
