#include "reload/init.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "adapter/adapter.h"
#include "core/arch.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/records.h"
#include "guest/retired.h"
#include "loader/host.h"
#include "loader/locks.h"
#include "reload/reloads.h"

/* How often it is looked whether inits have begun whose time is over already. */
#define BEGIN_NS 1000000

struct init_run {
	struct reloads *rl;
	struct generation *gen;
	struct generation **others; /* kept for it */
	unsigned n;
	struct adapter_init init;
	bool done, abandoned; /* with rl->core->lock */
};

/* The guest's other generations that are still mapped, newest first: the new one
 * takes over the names that they have registered.  They are not unmapped meanwhile;
 * the reaper may unlink them.  NULL: out of memory. */
static struct generation **keep_others(struct reloads *rl, const struct generation *gen,
				       unsigned *n)
{
	struct generation **others, *other;
	unsigned all = 0;

	*n = 0;
	pthread_mutex_lock(&rl->core->lock);
	for (other = gen->guest->all; other; other = other->next)
		all++;
	others = malloc((all + 1) * sizeof *others);
	for (other = others ? gen->guest->all : NULL; other; other = other->next) {
		if (other->info->state == GOAUDIT_GONE || other == gen ||
		    other->adapter != gen->adapter || other->unmapping || other->rolled_back)
			continue;
		other->kept++;
		others[(*n)++] = other;
	}
	pthread_mutex_unlock(&rl->core->lock);
	return others;
}

static void release(struct reloads *rl, struct generation *const *gens, unsigned n)
{
	pthread_mutex_lock(&rl->core->lock);
	for (unsigned i = 0; i < n; i++)
		gens[i]->kept--;
	if (rl->guests->retired.queue)
		retired_ask_locked(rl->guests); /* a round may have passed them over */
	pthread_mutex_unlock(&rl->core->lock);
}

static void free_run(struct init_run *run)
{
	release(run->rl, run->others, run->n);
	free(run->others);
	free(run->init.request);
	free(run);
}

/* It has failed after all: the older generations get their names back. */
static void end_takeover(struct reloads *rl, struct generation *gen)
{
	if (gen->adapter->end_takeover)
		gen->adapter->end_takeover(rl->adapters, gen, true);
}

/* Have they begun?  With core.lock, while they are not done. */
static bool have_begun_locked(const struct init_run *run)
{
	const uint64_t *begun = __atomic_load_n(&run->init.begun, __ATOMIC_ACQUIRE);

	return begun && __atomic_load_n(begun, __ATOMIC_ACQUIRE);
}

static void *init_thread(void *arg)
{
	struct init_run *run = arg;
	struct reloads *rl = run->rl;
	struct generation *gen = run->gen;
	bool abandoned;

	/* So that they may open their own guest; the reload's thread only waits. */
	pthread_mutex_lock(&rl->core->lock);
	gen->owner = arch_thread_pointer();
	pthread_mutex_unlock(&rl->core->lock);
	gen->adapter->initialise(rl->adapters, gen, run->others, run->n, &run->init);
	pthread_mutex_lock(&rl->core->lock);
	run->done = true;
	abandoned = run->abandoned;
	pthread_cond_broadcast(&rl->core->changed);
	pthread_mutex_unlock(&rl->core->lock);
	if (!abandoned)
		return NULL;
	if (run->init.verdict == ADAPTER_PANICKED)
		gen->adapter->init_panicked(rl->adapters, gen->guest->path, &run->init);
	/* Names that they have registered after all. */
	if (run->init.verdict == ADAPTER_GOOD)
		end_takeover(rl, gen);
	log_line(rl->core,
		 "%s: the package init of generation %u, which took too long, has "
		 "ended",
		 gen->guest->path, gen->info->number);
	free_run(run);
	release(rl, &gen, 1);
	return NULL;
}

/* Returns whether they have ended in time; if not, `run` is not the caller's any more.
 * What is abandoned has begun, so that the names of the older generations have been
 * taken over and can be given back. */
static bool wait_for_end(struct init_run *run, unsigned limit_ms)
{
	static const char text[] = "its package init has not ended";
	struct reloads *rl = run->rl;
	struct goaudit_generation *info;
	struct timespec end = clock_deadline(limit_ms * 1000000ull);
	bool done;

	pthread_mutex_lock(&rl->core->lock);
	while (!run->done) {
		if (clock_wait(&rl->core->changed, &rl->core->lock, &end))
			continue;
		if (have_begun_locked(run))
			break;
		end = clock_deadline(BEGIN_NS);
	}
	done = run->done;
	if (!done) {
		run->abandoned = true;
		run->others = NULL;
		run->n = 0;
		run->gen->kept++;
		info = run->gen->info;
		records_begin_locked();
		info->holder = HOLDER_RUNNING;
		text_copy(info->holder_text, sizeof info->holder_text, text);
		text_copy(info->holders, sizeof info->holders, text);
		records_end_locked();
	}
	run->gen->owner = arch_thread_pointer();
	pthread_mutex_unlock(&rl->core->lock);
	return done;
}

/* The old generation has its names again, and may go when its time comes. */
static void abandon(struct reloads *rl, struct generation *gen, struct generation **others,
		    unsigned n)
{
	end_takeover(rl, gen);
	release(rl, others, n);
	free(others);
}

static enum init_result result_of(struct reloads *rl, const struct generation *gen,
				  const struct adapter_init *init)
{
	const char *path = gen->guest->path;

	if (init->verdict == ADAPTER_GOOD)
		return INIT_GOOD;
	if (init->verdict == ADAPTER_PANICKED)
		gen->adapter->init_panicked(rl->adapters, path, init);
	if (init->verdict == ADAPTER_PANICKED)
		error_set(rl->core,
			  "%s: its package init panicked: %s: mend the guest and "
			  "build it again",
			  path, init->text);
	else
		error_set(rl->core, "%s: %s", path, init->text);
	return INIT_FAILED;
}

enum init_result init_run(struct reloads *rl, struct generation *gen, unsigned limit_ms)
{
	struct init_run *run = calloc(1, sizeof *run);
	const char *path = gen->guest->path;
	struct generation **others;
	enum init_result result;
	unsigned n;
	int error;

	others = run ? keep_others(rl, gen, &n) : NULL;
	if (!others) {
		free(run);
		error_set(rl->core, "%s: out of memory: close some guests", path);
		return INIT_FAILED;
	}
	*run = (struct init_run){ .rl = rl, .gen = gen, .others = others, .n = n };
	if (!limit_ms || locks_load_is_mine(rl->loader, true)) {
		gen->adapter->initialise(rl->adapters, gen, run->others, run->n, &run->init);
	} else if ((error = host_start_thread(rl->loader, init_thread, run)) != 0) {
		error_set(rl->core,
			  "%s: no thread for its package init: error %d: end some "
			  "threads",
			  path, error);
		free_run(run);
		return INIT_FAILED;
	} else if (!wait_for_end(run, limit_ms)) {
		abandon(rl, gen, others, n);
		error_set(rl->core,
			  "%s: its package init has not ended within %u ms and runs "
			  "on without a use: mend the guest, or raise the limit",
			  path, limit_ms);
		return INIT_ABANDONED;
	}
	result = result_of(rl, gen, &run->init);
	free_run(run);
	return result;
}
