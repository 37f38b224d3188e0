#!/bin/bash
# A generation that something else still needs when it has been closed is retired, not
# gone: mapped, with its snapshot, and the record names the holder.  When that is gone, it
# goes.  The holders: a thread with thread-local destructors, registered while the guest
# was open or while it was parked; an object that needs it, or is bound to it; the program,
# which is bound to it for good; a dlclose that is under way; a handle that somebody has
# from ld.so itself.
. "$(dirname "$0")/../lib.sh"

for v in 1 2; do
	cxx_so cxx$v.so <<C
struct Object { int n = 0; ~Object() { n = -1; } };
static thread_local Object object;
extern "C" int version() { return $v; }
extern "C" int use() { return ++object.n; }
C
	cc_so c$v.so -Wl,-soname,guest-c.so <<C
int version(void) { return $v; }
int bound(void) { return $v; }
int by_the_program(void) { return $v; }
C
done
cp c1.so guest-c.so
cc_so needs.so -Wl,--no-as-needed guest-c.so <<<'int version(void); int needs(void) { return version(); }'
cc_so binds.so <<<'int bound(void); int binds(void) { return bound(); }'
cc_so closes.so -I"$ROOT/include" <<'C'
#include <dlfcn.h>
#include "goaudit.h"
void *(*at_end)(void);
__attribute__((destructor)) static void end(void) { if (at_end) at_end(); }
C
cc_so lacks.so <<<'int nowhere(void); int lacks(void) { return nowhere(); }'
cc_host host -pthread -rdynamic -Wl,-z,lazy -Wl,--unresolved-symbols=ignore-all <<'C'
#include "host.h"
#include <pthread.h>
#include <stdbool.h>

int by_the_program(void);

static struct goaudit_generation all[300];
static size_t n;

/* What the records say is what /proc/self/maps and the snapshot folder say. */
static void look(const char *title)
{
	n = goaudit_generations(all, 300, sizeof *all);
	printf("%s:", title);
	for (size_t i = 0; i < n; i++) {
		const struct goaudit_generation *g = &all[i];
		bool mapped = maps_with(g->snapshot) > 0;

		if (mapped == (g->state == GOAUDIT_GONE))
			printf(" UNTRUE");
		if ((access(g->snapshot, F_OK) == 0) != mapped)
			printf(" ITS SNAPSHOT?");
		if ((g->holders[0] != 0) != (g->state == GOAUDIT_RETIRED))
			printf(" ITS HOLDER?");
		printf(" %s%s", strrchr(g->path, '/') + 1,
		       g->state == GOAUDIT_GONE ? " gone" : g->state == GOAUDIT_OPEN ? " open" :
		       g->state == GOAUDIT_PARKED ? " parked" :
		       g->state == GOAUDIT_RETIRED ? " retired" : " ?");
		if (g->state == GOAUDIT_RETIRED)
			printf(" (%.*s)", (int)strcspn(g->holders, "0123456789"), g->holders);
		printf(i + 1 < n ? "," : "\n");
	}
}

static pthread_barrier_t barrier;

static void *thread(void *f)
{
	((int (*)(void))f)();
	pthread_barrier_wait(&barrier);		/* it has used it */
	pthread_barrier_wait(&barrier);		/* it may end */
	return NULL;
}

static pthread_t start(void *f)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, thread, f) == 0);
	pthread_barrier_wait(&barrier);
	return t;
}

static void end(pthread_t t)
{
	pthread_barrier_wait(&barrier);
	pthread_join(t, NULL);
}

static void *h;

static void renew(const char *from)
{
	replace(from, "guest.so");
	h = open_guest("./guest.so");
}

static void by_thread(int hidden)
{
	pthread_t t;
	void *use;

	renew("cxx1.so");
	use = find(h, "use");
	if (!hidden)
		t = start(use);
	close_guest(h);
	if (hidden)		/* of a parked guest: not to be done, and done */
		t = start(use);
	renew("cxx2.so");
	look("replaced");
	CHECK(goaudit_reclaim(NULL, -1) == 1);
	end(t);
	CHECK(goaudit_reclaim(NULL, -1) == 0);
	look("the thread has ended");
	close_guest(h);
}

static void by_object(const char *name, int mode)
{
	void *other;

	replace("c1.so", "guest.so");
	h = open_mode("./guest.so", FLAGS | mode);
	other = open_mode(name, RTLD_NOW);
	close_guest(h);
	renew("c2.so");
	look("replaced");
	CHECK(dlclose(other) == 0);
	look("the other object is closed");
	close_guest(h);
}

static void by_handle(void)
{
	struct link_map *m;
	void *theirs;

	renew("c1.so");
	CHECK(dlinfo(h, RTLD_DI_LINKMAP, &m) == 0);
	theirs = ((void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen"))("guest-c.so", RTLD_NOW | RTLD_NOLOAD);
	printf("a reference %s\n", theirs == h ? "of the guest" : "of ld.so's");
	CHECK(dlopen(m->l_name, RTLD_NOW) == h && dlclose(h) == 0 && dlclose(theirs) == 0);
	close_guest(h);
	renew("c2.so");
	look("replaced");
	close_guest(h);
}

static void *reopen(void)
{
	renew("c2.so");
	look("below a dlclose");
	CHECK(!dlopen("./lacks.so", FLAGS));
	look("one that fails");
	return NULL;
}

static void by_dlclose(void)
{
	void *other = open_mode("./closes.so", RTLD_NOW);

	*(void *(**)(void))find(other, "at_end") = reopen;
	renew("c1.so");
	close_guest(h);
	CHECK(dlclose(other) == 0);
	look("behind it");
	close_guest(h);
}

static void by_program(void)
{
	replace("c1.so", "guest.so");
	h = open_mode("./guest.so", FLAGS | RTLD_GLOBAL);
	CHECK(by_the_program() == 1);
	close_guest(h);
	renew("c2.so");
	look("replaced");
	CHECK(goaudit_reclaim(NULL, -1) == 1);
	look("for good");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	pthread_barrier_init(&barrier, NULL, 2);
	switch (argv[1][0]) {
	case 't': by_thread(0); break;
	case 'p': by_thread(1); break;
	case 'n': by_object("./needs.so", 0); break;
	case 'b': by_object("./binds.so", RTLD_GLOBAL); break;
	case 'h': by_handle(); break;
	case 'd': by_dlclose(); break;
	case 'g': by_program(); break;
	}
	return 0;
}
C
for how in t p; do
	expect_output run_audited ./host $how <<'E'
replaced: guest.so retired (thread ), guest.so open
the thread has ended: guest.so gone, guest.so open
E
done
expect_output run_audited ./host n <<E
replaced: guest.so retired (./needs.so, which needs it), guest.so open
the other object is closed: guest.so gone, guest.so open
E
expect_output run_audited ./host b <<E
replaced: guest.so retired (./binds.so, which is bound to its bound), guest.so open
the other object is closed: guest.so gone, guest.so open
E
expect_output run_audited ./host h <<'E'
a reference of the guest
replaced: guest.so gone, guest.so open
E
expect_output run_audited ./host d <<'E'
below a dlclose: guest.so retired (a dlclose that is under way), guest.so open
one that fails: guest.so retired (a dlclose that is under way), guest.so open, lacks.so retired (a dlclose that is under way)
behind it: guest.so gone, guest.so open, lacks.so gone
E
expect_output run_audited ./host g <<'E'
replaced: guest.so retired (the program, which is bound to its by_the_program), guest.so open
for good: guest.so retired (the program, which is bound to its by_the_program), guest.so open
E
expect_no_snapshots
