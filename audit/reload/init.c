#include "reload/init.h"

#include <stdlib.h>

#include "core/arch.h"
#include "core/clock.h"
#include "go/protocol.h"
#include "loader/host.h"
#include "guest/records.h"
#include "api/goaudit.h"
#include "core/text.h"

/* How often it is looked whether inits have begun whose time is over already. */
#define BEGIN_NS 1000000

struct init_run {
	struct goaudit *ga;
	struct generation *gen;
	struct generation **others;	/* kept for it */
	unsigned n;
	struct go_init init;
	bool done, abandoned;		/* with ga->lock */
};

/* The guest's other generations that are still mapped, newest first: the new one
 * takes over the names that they have registered.  They are not unmapped meanwhile;
 * the reaper may unlink them.  NULL: out of memory. */
static struct generation **keep_others(struct goaudit *ga, const struct generation *gen,
				       unsigned *n)
{
	struct generation **others, *other;
	unsigned all = 0;

	*n = 0;
	pthread_mutex_lock(&ga->lock);
	for (other = ga->registry.live; other; other = other->next_live)
		all++;
	others = malloc((all + 1) * sizeof *others);
	for (other = others ? ga->registry.live : NULL; other; other = other->next_live) {
		if (other->guest != gen->guest || other == gen || !other->info->is_go ||
		    other->unmapping || other->rolled_back)
			continue;
		other->kept++;
		others[(*n)++] = other;
	}
	pthread_mutex_unlock(&ga->lock);
	return others;
}

static void release(struct goaudit *ga, struct generation *const *gens, unsigned n)
{
	pthread_mutex_lock(&ga->lock);
	for (unsigned i = 0; i < n; i++)
		gens[i]->kept--;
	if (ga->reaper.queue)
		reaper_wake(ga);	/* a round may have passed them over */
	pthread_mutex_unlock(&ga->lock);
}

static void free_run(struct init_run *run)
{
	release(run->ga, run->others, run->n);
	free(run->others);
	free(run);
}

static void *init_thread(void *arg)
{
	struct init_run *run = arg;
	struct goaudit *ga = run->ga;
	struct generation *gen = run->gen;
	bool abandoned;

	/* So that they may open their own guest; the reload's thread only waits. */
	pthread_mutex_lock(&ga->lock);
	gen->owner = arch_thread_pointer();
	pthread_mutex_unlock(&ga->lock);
	gort_init(ga, gen, run->others, run->n, &run->init);
	pthread_mutex_lock(&ga->lock);
	run->done = true;
	abandoned = run->abandoned;
	pthread_cond_broadcast(&ga->changed);
	pthread_mutex_unlock(&ga->lock);
	if (!abandoned)
		return NULL;
	/* Names that they have registered after all. */
	if (run->init.verdict == GO_OK)
		gort_settle(ga, gen, true);
	goaudit_log(ga, "%s: the package init of generation %u, which took too long, has "
		    "ended", gen->guest->path, gen->info->number);
	free_run(run);
	release(ga, &gen, 1);
	return NULL;
}

/* Returns whether they have ended in time; if not, `run` is not the caller's any more.
 * What is abandoned has begun, so that the names of the older generations have been
 * taken over and can be given back. */
static bool wait_for_end(struct init_run *run, unsigned limit_ms)
{
	static const char text[] = "its package init has not ended";
	struct goaudit *ga = run->ga;
	struct goaudit_generation *info;
	struct timespec end = clock_deadline(limit_ms * 1000000ull);
	bool done;

	pthread_mutex_lock(&ga->lock);
	while (!run->done) {
		if (clock_wait(&ga->changed, &ga->lock, &end))
			continue;
		if (__atomic_load_n(&run->init.begun, __ATOMIC_ACQUIRE))
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
		journal_begin();
		info->holder = GO_HOLDER_FRAME;
		text_copy(info->holder_text, sizeof info->holder_text, text);
		text_copy(info->holders, sizeof info->holders, text);
		journal_end();
	}
	run->gen->owner = arch_thread_pointer();
	pthread_mutex_unlock(&ga->lock);
	return done;
}

/* The old generation has its names again, and may go when its time comes. */
static void abandon(struct goaudit *ga, struct generation *gen, struct generation **others,
		    unsigned n)
{
	gort_settle(ga, gen, true);
	release(ga, others, n);
	free(others);
}

static enum init_result result_of(struct goaudit *ga, const char *path,
				  const struct go_init *init)
{
	if (init->verdict == GO_OK)
		return INIT_GOOD;
	if (init->verdict == GO_PANIC)
		error_set(ga, "%s: its package init panicked: %s: mend the guest and "
			  "build it again", path, init->text);
	else if (init->text[0])
		error_set(ga, "%s: %s", path, init->text);
	else
		error_set(ga, "%s: the Go runtime does not find its module: rebuild "
			  "it with `goaudit build`", path);
	return INIT_FAILED;
}

enum init_result init_run(struct goaudit *ga, struct generation *gen, unsigned limit_ms)
{
	struct init_run *run = calloc(1, sizeof *run);
	const char *path = gen->guest->path;
	struct generation **others;
	enum init_result result;
	unsigned n;
	int error;

	others = run ? keep_others(ga, gen, &n) : NULL;
	if (!others) {
		free(run);
		error_set(ga, "%s: out of memory: close some guests", path);
		return INIT_FAILED;
	}
	*run = (struct init_run){ .ga = ga, .gen = gen, .others = others, .n = n };
	if (!limit_ms || ldso_lock_is_mine(ga, true)) {
		gort_init(ga, gen, run->others, run->n, &run->init);
	} else if ((error = host_start_thread(ga, init_thread, run)) != 0) {
		error_set(ga, "%s: no thread for its package init: error %d: end some "
			  "threads", path, error);
		free_run(run);
		return INIT_FAILED;
	} else if (!wait_for_end(run, limit_ms)) {
		abandon(ga, gen, others, n);
		error_set(ga, "%s: its package init has not ended within %u ms and runs "
			  "on without a use: mend the guest, or raise the limit", path,
			  limit_ms);
		return INIT_ABANDONED;
	}
	result = result_of(ga, path, &run->init);
	free_run(run);
	return result;
}
