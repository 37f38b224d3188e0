/* Part of the module that tests use: each lock has a rank, and a thread that takes one out
 * of order, waits with another one in hand, or calls ld.so with core.lock, ends the
 * process.  The linker leads the module's calls here (--wrap, Makefile).
 *
 * GOAUDIT_TEST_LOCKS does such a thing, as a control: see mistake(). */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "api/goaudit.h"
#include "api/locks.h"
#include "core/arch.h"

#define WRAPPED(type, name, parameters) \
	type __real_##name parameters;  \
	type __wrap_##name parameters;  \
	type __wrap_##name parameters

/* Unknown locks are libdlbind's. */
enum { RANK_CORE, RANK_LIBDLBIND, RANK_LEAF, RANK_MEMORY = RANK_LEAF + LOCKS_N_LEAVES - 1 };
static const char *const names[] = { "core.lock",        "libdlbind's", "loader.calls_lock",
				     "core.errors.lock", "panics.lock", "memory_lock" };
_Static_assert(sizeof names / sizeof *names == RANK_MEMORY + 1, "a name for each");

/* Only a thread writes to its entries.  In a forked child libdlbind makes its locks anew. */
static struct held {
	const void *thread; /* atomic; NULL: free */
	const void *lock;
	int rank;
	pid_t pid;
} held[256];

static bool is_mine(const struct held *h)
{
	return __atomic_load_n(&h->thread, __ATOMIC_RELAXED) == arch_thread_pointer() &&
	       h->pid == getpid();
}

static __attribute__((noreturn)) void wrong(const char *what, int rank, const char *with,
					    int other)
{
	char line[160];
	size_t n = 0;
	const char *const part[] = { "locks: ", names[rank], " ",          what,
				     " ",       with,        names[other], "\n" };

	for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
		memcpy(line + n, part[i], strlen(part[i]));
		n += strlen(part[i]);
	}
	if (write(2, line, n) < 0)
		_exit(99);
	abort();
}

/* Of ld.so, which a transaction gives back for a while: its owner is not ours to know. */
static bool is_foreign(const void *lock)
{
	return lock == goaudit_module.loader.locks.load ||
	       lock == goaudit_module.loader.locks.tls ||
	       lock == goaudit_module.loader.locks.write;
}

static int rank_of(const void *lock)
{
	pthread_mutex_t *const leaves[] = LOCKS_LEAVES(&goaudit_module);

	if (lock == &goaudit_module.core.lock)
		return RANK_CORE;
	for (int i = 0; i < LOCKS_N_LEAVES; i++)
		if (lock == leaves[i])
			return RANK_LEAF + i;
	return RANK_LIBDLBIND;
}

static void check(int rank)
{
	/* A fork holds all of them. */
	if (__atomic_load_n(&goaudit_module.loader.forks, __ATOMIC_RELAXED))
		return;
	for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
		if (!is_mine(&held[i]))
			continue;
		if (held[i].rank > rank || (held[i].rank == rank && rank != RANK_LIBDLBIND))
			wrong("is taken after", rank, "", held[i].rank);
		if (held[i].rank >= RANK_LEAF && rank != RANK_MEMORY)
			wrong("is taken under the leaf", rank, "", held[i].rank);
		/* Who takes it is about to call ld.so, or is called. */
		if (rank == RANK_LEAF)
			wrong("means ld.so: it is called with", rank, "", held[i].rank);
	}
}

static void add(const void *lock, int rank)
{
	const void *self = arch_thread_pointer(), *nobody;

	for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
		nobody = NULL;
		if (__atomic_load_n(&held[i].thread, __ATOMIC_RELAXED) ||
		    !__atomic_compare_exchange_n(&held[i].thread, &nobody, self, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		held[i].lock = lock;
		held[i].rank = rank;
		held[i].pid = getpid();
		return;
	}
}

static void remove_lock(const void *lock)
{
	for (size_t i = 0; i < sizeof held / sizeof *held; i++)
		if (is_mine(&held[i]) && held[i].lock == lock) {
			held[i].lock = NULL;
			__atomic_store_n(&held[i].thread, NULL, __ATOMIC_RELEASE);
			return;
		}
}

/* A thread that waits has the one lock only. */
static void check_wait(const void *lock)
{
	for (size_t i = 0; i < sizeof held / sizeof *held; i++)
		if (is_mine(&held[i]) && held[i].lock != lock)
			wrong("is waited with", rank_of(lock), "while it has ", held[i].rank);
}

#define TAKE(name, type)                            \
	WRAPPED(int, name, (type * lock))           \
	{                                           \
		int error, rank = rank_of(lock);    \
                                                    \
		if (is_foreign(lock))               \
			return __real_##name(lock); \
		check(rank);                        \
		error = __real_##name(lock);        \
		if (!error)                         \
			add(lock, rank);            \
		return error;                       \
	}
TAKE(pthread_mutex_lock, pthread_mutex_t)
TAKE(pthread_rwlock_rdlock, pthread_rwlock_t)
TAKE(pthread_rwlock_wrlock, pthread_rwlock_t)

/* It cannot hang. */
WRAPPED(int, pthread_mutex_trylock, (pthread_mutex_t * lock))
{
	int error = __real_pthread_mutex_trylock(lock);

	if (!error && !is_foreign(lock))
		add(lock, rank_of(lock));
	return error;
}

#define GIVE(name, type)                    \
	WRAPPED(int, name, (type * lock))   \
	{                                   \
		remove_lock(lock);          \
		return __real_##name(lock); \
	}
GIVE(pthread_mutex_unlock, pthread_mutex_t)
GIVE(pthread_rwlock_unlock, pthread_rwlock_t)

WRAPPED(int, pthread_cond_wait, (pthread_cond_t * cond, pthread_mutex_t *lock))
{
	int error;

	check_wait(lock);
	remove_lock(lock);
	error = __real_pthread_cond_wait(cond, lock);
	add(lock, rank_of(lock));
	return error;
}

WRAPPED(int, pthread_cond_clockwait,
	(pthread_cond_t * cond, pthread_mutex_t *lock, clockid_t clock,
	 const struct timespec *end))
{
	int error;

	check_wait(lock);
	remove_lock(lock);
	error = __real_pthread_cond_clockwait(cond, lock, clock, end);
	add(lock, rank_of(lock));
	return error;
}

static void take(pthread_mutex_t *lock)
{
	__wrap_pthread_mutex_lock(lock);
}

__attribute__((constructor)) static void mistake(void)
{
	const char *what = secure_getenv("GOAUDIT_TEST_LOCKS");
	struct goaudit *ga = &goaudit_module;

	if (!what)
		return;
	take(strcmp(what, "twice") == 0 || strcmp(what, "call") == 0 ||
			     strcmp(what, "wait") == 0 ?
		     &ga->core.lock :
		     &ga->core.errors.lock);
	if (strcmp(what, "order") == 0 || strcmp(what, "twice") == 0)
		take(&ga->core.lock);
	else if (strcmp(what, "leaf") == 0)
		take(&ga->adapters.panics.lock);
	else if (strcmp(what, "call") == 0)
		take(&ga->loader.calls_lock);
	else if (strcmp(what, "wait") == 0) {
		take(&ga->core.errors.lock);
		__wrap_pthread_cond_wait(&ga->core.changed, &ga->core.lock);
	}
}
