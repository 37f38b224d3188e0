#include "entry/calls.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/cancel.h"
#include "entry/entries.h"
#include "entry/entrylib.h"
#include "goaudit.h"
#include "guest/guests.h"

/* What entries call has no argument of ours. */
static struct entries *entries;

void entries_init(struct entries *es)
{
	entries = es;
}

static bool is_alive(int tid)
{
	return syscall(SYS_tgkill, getpid(), tid, 0) == 0 || errno != ESRCH;
}

/* A block that nobody has yet. */
static bool add_block(struct entries *es)
{
	struct entry_thread *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (t == MAP_FAILED)
		return false;
	t->next = __atomic_load_n(&es->threads, __ATOMIC_ACQUIRE);
	while (!__atomic_compare_exchange_n(&es->threads, &t->next, t, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE))
		;
	return true;
}

static struct entry_thread *take_block(struct entries *es, int tid)
{
	for (struct entry_thread *t = __atomic_load_n(&es->threads, __ATOMIC_ACQUIRE); t;
	     t = t->next) {
		int32_t owner = __atomic_load_n(&t->tid, __ATOMIC_RELAXED);

		/* The number of a thread that is gone may be ours now. */
		if (owner && owner != tid && is_alive(owner))
			continue;
		if (!__atomic_compare_exchange_n(&t->tid, &owner, tid, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			continue;
		memset(t->calls, 0,
		       __atomic_load_n(&es->slots, __ATOMIC_ACQUIRE) * sizeof *t->calls);
		return t;
	}
	return NULL;
}

struct entry_thread *calls_enlist(void)
{
	static struct entry_thread lost;
	struct entries *es = entries;
	int tid = (int)syscall(SYS_gettid), saved = errno;
	CANCEL_OFF();
	struct entry_thread *t = take_block(es, tid);

	while (!t && add_block(es))
		t = take_block(es, tid);
	errno = saved;
	if (t)
		return t;
	__atomic_store_n(&es->lost, true, __ATOMIC_RELEASE);
	return &lost;
}

void calls_forking(struct entries *es)
{
	es->forking = (int)syscall(SYS_gettid);
}

void calls_forked(struct entries *es)
{
	for (struct entry_thread *t = es->threads; t; t = t->next)
		t->tid = t->tid == es->forking ? (int)syscall(SYS_gettid) : 0;
	/* What is left there is our parent's to write. */
	for (struct guest *g = es->guests->registry.guests; g; g = g->next)
		g->entries.room = NULL;
	entrylib_forked(es);
}

void calls_barrier(struct entries *es)
{
	/* A filter of system calls that the host has set since may forbid it. */
	if (__atomic_load_n(&es->prepare, __ATOMIC_ACQUIRE) &&
	    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
		__atomic_store_n(&es->lost, true, __ATOMIC_RELEASE);
}

/* A call that ends meanwhile may be seen; one that begins has its generation replaced. */
static bool has_calls(const struct call_count *c)
{
	uint32_t ended = __atomic_load_n(&c->ended, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&c->begun, __ATOMIC_ACQUIRE) != ended;
}

bool calls_under_way(const struct entries *es, const struct generation *gen)
{
	if (!gen->entered)
		return false;
	if (__atomic_load_n(&es->lost, __ATOMIC_ACQUIRE))
		return true;
	for (struct entry_thread *t = __atomic_load_n(&es->threads, __ATOMIC_ACQUIRE); t;
	     t = t->next)
		if (has_calls(&t->calls[gen->slot]) && t->tid && is_alive(t->tid))
			return true;
	return false;
}
