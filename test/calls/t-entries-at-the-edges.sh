#!/bin/bash
# Entries of guests' functions where something is at its end: a stack, a process, a
# thread that has been cancelled, descriptors, the code's segment, what the kernel allows.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

cat >guest.c <<'C'
int two(void) { return BASE + 2; }
int three(void) { return BASE + 3; }
long fill(long a, long b, long c, long d, long e, long f, double g, long h, long i)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + (long)(7 * g) + 8 * h + 9 * i + BASE;
}
C
cc_so v1.so -DBASE=1000 <guest.c
cc_so v2.so -DBASE=2000 <guest.c

# A coroutine calls near the top of its stack, above which nothing can be read; stack
# arguments are there all the same, wherever a page ends.
cc_host stack <<'C'
#include "host.h"
#include <sys/mman.h>
#include <ucontext.h>

#define SIZE 65536

static ucontext_t back, coroutine;
static int (*two)(void);
static long (*fill)(long, long, long, long, long, long, double, long, long);
static int done;

static void body(void)
{
	CHECK(two() == 1002);
	CHECK(fill(1, 1, 1, 1, 1, 1, 1.0, 1, 1) == 1045);
	done++;
	swapcontext(&coroutine, &back);
}

static void run(char *stack, size_t size, void (*fn)(void))
{
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = stack;
	coroutine.uc_stack.ss_size = size;
	coroutine.uc_link = &back;
	makecontext(&coroutine, fn, 0);
	swapcontext(&back, &coroutine);
}

int main(void)
{
	char *stack = mmap(NULL, SIZE + 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *h;

	CHECK(stack != MAP_FAILED && mprotect(stack + SIZE, 4096, PROT_NONE) == 0);
	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	two = (int (*)(void))find(h, "two");
	fill = (long (*)(long, long, long, long, long, long, double, long, long))find(h, "fill");
	for (size_t size = SIZE - 2 * 4096; size <= SIZE; size += 16)
		run(stack, size, body);
	CHECK(munmap(stack + SIZE, 4096) == 0);
	run(stack, SIZE, body);
	run(stack, SIZE, (void (*)(void))two);	/* itself the first frame */
	printf("%d\n", done);
	return 0;
}
C
expect_output run_audited ./stack <<'E'
514
E

# There, too, it is unwound through at every instruction.
cp v1.so guest.so
cat >step.c <<'C'
#include "host.h"
#include <alloca.h>
int main(void)
{
	void *h = open_guest("./guest.so");
	int (*two)(void) = (int (*)(void))find(h, "two");
	char *at = alloca(16);
	memset(alloca(((uintptr_t)at - 4096 + 64) & 4095), 0, 16);
	int r = two();
	return r == 1002 ? 0 : 1;
}
C
gcc $CFLAGS -O0 -o step step.c $DL
cat >commands <<'G'
break step.c:9
run
python step_through(lambda name: name in ("entry_of_two", "goaudit_entry_copy", "two"))
continue
G
gdb_run commands ./step >out || :
expect_output cat out <<'E'
gdb: through entry_of_two goaudit_entry_copy two
[Inferior 1 exited normally]
E

# exit(3): a handler that was there before the module's finds functions still.
cc_host exits <<'C'
#include "host.h"
static void *h;
static int (*early)(void);
static void bye(void)
{
	printf("%d %d %d\n", early ? early() : 0, call(h, "two"), call(h, "three"));
	fflush(stdout);
}
int main(int argc, char **argv)
{
	atexit(bye);
	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	if (argc > 1)
		early = (int (*)(void))find(h, "two");
	return 0;
}
C
expect_output run_audited ./exits <<<'0 1002 1003'
expect_output run_audited ./exits early <<<'1002 1002 1003'

# An exception ends the calls that it leaves, on its way to the host or through it; the end
# of a thread is no call's end, but the thread's.
for n in 1 2; do
	cxx_so throws$n.so <<-C
	#include <pthread.h>
	extern "C" int throws(int depth, int (*call)(int))
	{
		if (depth == 0)
			throw $n;
		return call(depth - 1);
	}
	extern "C" void ends() { pthread_exit((void *)$n); }
	C
done
cxx_host catches -pthread <<'C'
#include "host.h"
#include <pthread.h>

static int (*throws)(int, int (*)(int));
static int again(int depth) { return throws(depth, again); }

static int retired(void)
{
	static struct goaudit_generation all[1024];
	size_t n = goaudit_generations(all, 1024, sizeof *all);
	int found = 0;

	while (n-- > 0)
		found += all[n].state == GOAUDIT_RETIRED;
	return found;
}

int main()
{
	pthread_t t;
	void *h, *end;

	replace("throws2.so", "guest.so");
	h = open_guest("./guest.so");
	throws = (int (*)(int, int (*)(int)))find(h, "throws");
	for (int i = 1; i < 10; i++) {
		int caught = 0;

		replace(i % 2 ? "throws1.so" : "throws2.so", "guest.so");
		CHECK(dlreload(h) == h);
		try {
			again(i % 4);
		} catch (int n) {
			caught = n;
		}
		CHECK(caught == 2 - i % 2);
		CHECK(pthread_create(&t, NULL, (void *(*)(void *))find(h, "ends"), NULL) == 0);
		CHECK(pthread_join(t, &end) == 0 && end == (void *)(long)caught);
		/* dlreload keeps the one before, which may be below it. */
		CHECK(retired() == 1);
	}
	puts("good");
	return 0;
}
C
expect_output run_audited ./catches <<<good

# A function that is looked up while a new build takes the state over is in use, too.
for n in 1 2; do
	cc_so state$n.so -DBUILD=$n <<'C'
#include <stddef.h>
void *malloc(size_t);
void *goaudit_save(size_t *size, unsigned *version) { return malloc(*size = 1); }
__attribute__((weak)) void meanwhile(void);
int goaudit_load(const void *data, size_t size, unsigned version) { meanwhile(); return 0; }
#if BUILD == 1
int late(void) { return 1; }
#endif
int build(void) { return BUILD; }
C
done
cc_host late -rdynamic <<'C'
#include "host.h"
static void *h;
static int (*late)(void);
void meanwhile(void) { late = (int (*)(void))find(h, "late"); }
int main(void)
{
	replace("state1.so", "guest.so");
	h = open_guest("./guest.so");
	replace("state2.so", "guest.so");
	CHECK(!dlreload(h));
	puts(strstr(dlerror(), "guest.so:"));
	printf("%d %d\n", late(), call(h, "build"));
	return 0;
}
C
expect_output run_audited ./late <<'E'
guest.so: the new build has no function late, whose address is in use: put it back, or restart the process
1 1
E

# dlsym is no cancellation point.
cc_host cancelled -pthread <<'C'
#include "host.h"
#include <pthread.h>
static void *h;
static void *thread(void *arg)
{
	pthread_cancel(pthread_self());
	CHECK(dlsym(h, "two"));
	puts("back from dlsym");
	pthread_testcancel();
	return NULL;
}
int main(void)
{
	pthread_t t;
	void *end;

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	CHECK(pthread_create(&t, NULL, thread, NULL) == 0 && pthread_join(t, &end) == 0);
	CHECK(end == PTHREAD_CANCELED);
	printf("%d\n", call(h, "three"));
	return 0;
}
C
expect_output run_audited ./cancelled <<'E'
back from dlsym
1003
E

# The host's thread-specific values are its own, whatever goes wrong in the module.
cc_host keys -pthread <<'C'
#include "host.h"
#include <pthread.h>
#include <sys/resource.h>
#define KEYS 32
int main(void)
{
	struct rlimit limit = { 1000, RLIM_INFINITY };
	void *h;
	static char mine[KEYS][4096], same[4096];
	pthread_key_t key[KEYS];

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	memset(mine, 'x', sizeof mine);
	memset(same, 'x', sizeof same);
	for (int i = 0; i < KEYS; i++)
		CHECK(pthread_key_create(&key[i], NULL) == 0);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0 && !dlsym(h, "two") && dlerror());
	for (int i = 0; i < KEYS; i++) {
		CHECK(!pthread_getspecific(key[i]));
		CHECK(pthread_setspecific(key[i], mine[i]) == 0);
	}
	CHECK(!dlsym(h, "two") && dlerror());
	for (int i = 0; i < KEYS; i++) {
		CHECK(pthread_getspecific(key[i]) == mine[i]);
		CHECK(memcmp(mine[i], same, sizeof same) == 0);
	}
	puts("untouched");
	return 0;
}
C
expect_output run_audited ./keys <<<untouched

# Without descriptors dlsym says so, and is as good as ever when there are some again.
cc_host descriptors <<'C'
#include "host.h"
#include <sys/resource.h>
int main(void)
{
	struct rlimit normal, none = { .rlim_cur = 3 };
	int (*two)(void), before;
	void *h;

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	before = open_files();
	CHECK(getrlimit(RLIMIT_NOFILE, &normal) == 0);
	none.rlim_max = normal.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(!dlsym(h, "two"));
	puts(strstr(dlerror(), "guest.so: "));
	CHECK(setrlimit(RLIMIT_NOFILE, &normal) == 0);
	two = (int (*)(void))find(h, "two");
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(dlsym(h, "three") && dlsym(h, "two") == (void *)two);
	CHECK(setrlimit(RLIMIT_NOFILE, &normal) == 0);
	CHECK(open_files() == before);
	replace("v2.so", "guest.so");
	CHECK(dlreload(h) == h);
	printf("%d\n", two());
	return 0;
}
C
run_audited ./descriptors | sed "s|cannot be loaded: $GOAUDIT_BUILD/|cannot be loaded: |" >out ||
	fail "$(cat out)"
expect_output cat out <<'E'
guest.so: the library for the entries of its functions cannot be loaded: libgoaudit-entries.so: cannot open shared object file: Too many open files: free memory or descriptors, or install it
2002
E

# Constants that lie in the segment of the code are no functions.
cc_so constants.so -Wl,-z,noseparate-code <<'C'
const int table[] = { 7, 8, 9, 10 };
int first(void) { return table[0]; }
C
cc_host constants <<'C'
#include "host.h"
int main(void)
{
	void *h = open_guest("./constants.so");

	printf("%d %d\n", ((int *)find(h, "table"))[3], call(h, "first"));
	return 0;
}
C
readelf -lW constants.so | grep -q 'LOAD  *0x000000 .* R E ' || fail "they are apart"
expect_output run_audited ./constants <<<'10 7'
expect_no_snapshots

# A host that forbids itself membarrier(2): before the first entry there are none, and the
# log says so; later nothing is unmapped any more.
cc_host filters <<'C'
#include "host.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void forbid(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

int main(int argc, char **argv)
{
	static struct goaudit_generation all[64];
	int retired = 0;
	Dl_info info;
	void *h, *two;

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	if (argc > 1)
		forbid();
	two = find(h, "two");
	if (argc == 1)
		forbid();
	CHECK(dladdr(two, &info));
	printf("%s\n", info.dli_saddr == two ? "plain" : "an entry");
	for (int i = 1; i <= 4; i++) {
		replace(i % 2 ? "v2.so" : "v1.so", "guest.so");
		CHECK(dlreload(h) == h && call(h, "two") == (i % 2 ? 2002 : 1002));
	}
	for (size_t n = goaudit_generations(all, 64, sizeof *all); n-- > 0;)
		retired += all[n].state == GOAUDIT_RETIRED;
	printf("%d retired\n", retired);
	return 0;
}
C
GOAUDIT_LOG=$PWD/log expect_output run_audited ./filters <<'E'
an entry
4 retired
E
! grep "not counted" log || fail "it says so too early"
GOAUDIT_LOG=$PWD/log expect_output run_audited ./filters first <<'E'
plain
1 retired
E
grep -q ": calls into guests are not counted: no membarrier(2) or no XSAVE here$" log || fail "$(cat log)"
expect_no_snapshots
