#include "reload/leave.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "core/arch.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "loader/host.h"
#include "loader/locks.h"
#include "loader/transaction.h"
#include "reload/close.h"
#include "reload/hooks.h"
#include "reload/job.h"
#include "reload/reloads.h"
#include "reload/retire.h"
#include "reload/state_hooks.h"

/* Where neither the options nor GOAUDIT_INIT_TIMEOUT say anything. */
#define LIMIT_MS 10000

/* The leaver of a generation whose hook runs on, and nobody waits for it. */
static const char late;

/* One call.  The generation is kept for it. */
struct hook {
	struct reloads *rl;
	struct generation *gen;
	goaudit_leave_function *leave; /* one of the two */
	goaudit_return_function *back;
	int result;
	char why[512];        /* a result that is not 0 */
	bool done, abandoned; /* with core.lock */
};

static void call(struct hook *h)
{
	if (h->leave) {
		h->result = h->leave();
		if (h->result)
			state_hooks_reason(h->rl, h->gen, h->why, sizeof h->why);
	} else {
		h->back();
	}
}

static const char *name_of(const struct hook *h)
{
	return h->leave ? "goaudit_leave" : "goaudit_return";
}

/* The generation goes on after a leave or return that nobody has waited for. */
static void come_back(struct hook *h)
{
	struct reloads *rl = h->rl;
	goaudit_return_function *back =
		(goaudit_return_function *)hooks_find(rl, h->gen, "goaudit_return");

	if (h->leave && back)
		back();
	pthread_mutex_lock(&rl->core->lock);
	h->gen->leaver = NULL;
	pthread_cond_broadcast(&rl->core->changed);
	pthread_mutex_unlock(&rl->core->lock);
}

/* Who is in the hook is known: it must not wait for itself. */
static void take(struct hook *h)
{
	pthread_mutex_lock(&h->rl->core->lock);
	if (!h->abandoned) /* before it has begun */
		h->gen->leaver = arch_thread_pointer();
	pthread_mutex_unlock(&h->rl->core->lock);
}

static void *hook_thread(void *arg)
{
	struct hook *h = arg;
	struct reloads *rl = h->rl;
	struct generation *gen = h->gen;
	bool abandoned;

	take(h);
	call(h);
	pthread_mutex_lock(&rl->core->lock);
	h->done = true;
	abandoned = h->abandoned;
	pthread_cond_broadcast(&rl->core->changed);
	pthread_mutex_unlock(&rl->core->lock);
	if (!abandoned)
		return NULL;
	come_back(h);
	log_line(rl->core, "%s: %s of generation %u, which took too long, has ended",
		 gen->guest->path, name_of(h), gen->info->number);
	free(h);
	retire_let_go(rl, gen);
	return NULL;
}

/* Calls the hook, and waits so long at the most.  false: it runs on, `h` is its thread's, and
 * it lets go of the generation. */
static bool run(struct hook *h, unsigned limit_ms)
{
	struct reloads *rl = h->rl;
	struct timespec end;
	bool done, in_time = true;

	if (locks_load_is_mine(rl->loader, true) ||
	    host_start_thread(rl->loader, hook_thread, h) != 0) {
		call(h);
		return true;
	}
	end = clock_deadline(limit_ms * UINT64_C(1000000));
	pthread_mutex_lock(&rl->core->lock);
	while (!h->done && in_time)
		in_time = clock_wait(&rl->core->changed, &rl->core->lock, &end);
	done = h->done;
	h->abandoned = !done;
	h->gen->leaver = done ? arch_thread_pointer() : &late;
	pthread_mutex_unlock(&rl->core->lock);
	return done;
}

static unsigned limit_of(const struct job *job)
{
	unsigned limit = job->options.init_timeout_ms;

	if (!limit)
		limit = job->rl->core->settings.init_timeout;
	return limit ? limit : LIMIT_MS;
}

bool leave_claim(struct job *job, struct generation *cur)
{
	struct reloads *rl = job->rl;

	if (job->leaving || !cur || cur->owner || cur->leaver ||
	    (!hooks_find(rl, cur, "goaudit_leave") && !hooks_find(rl, cur, "goaudit_return")))
		return false;
	pthread_mutex_lock(&rl->core->lock);
	cur->leaver = arch_thread_pointer();
	cur->kept++;
	pthread_mutex_unlock(&rl->core->lock);
	job->leaving = cur;
	return true;
}

bool leave_is_anothers(const struct generation *gen)
{
	return gen->leaver && gen->leaver != arch_thread_pointer();
}

bool leave_is_below(const struct job *job, const struct generation *gen)
{
	return gen->leaver == arch_thread_pointer() && job->leaving != gen;
}

bool leave_is_late(const struct generation *gen)
{
	return gen->leaver == &late;
}

bool leave_run(struct job *job)
{
	struct reloads *rl = job->rl;
	struct generation *gen = job->leaving;
	struct hook *h = calloc(1, sizeof *h);
	unsigned limit = limit_of(job);
	bool good;

	if (!h) {
		job_out_of_memory(job);
		return false;
	}
	*h = (struct hook){ .rl = rl, .gen = gen };
	h->leave = (goaudit_leave_function *)hooks_find(rl, gen, "goaudit_leave");
	if (h->leave && !run(h, limit)) {
		job->leaving = NULL; /* the thread's from now on */
		error_set(rl->core,
			  "%s: goaudit_leave of the old generation has not ended within %u "
			  "ms, and runs on: mend it, or raise the limit",
			  job->guest->path, limit);
		return false;
	}
	good = h->result == 0;
	if (!good)
		error_set(rl->core,
			  "%s: the old generation does not leave (goaudit_leave returned "
			  "%d): %ssee what it says",
			  job->guest->path, h->result, h->why);
	free(h);
	return good;
}

/* All have closed it meanwhile, which had to wait. */
static void close_step(void *arg)
{
	struct job *job = arg;
	struct generation *gen = job->leaving;

	if (gen->info->state == GOAUDIT_OPEN && !gen->object.hidden)
		close_unreferenced(job->rl, gen);
}

/* It goes on.  false: goaudit_return runs on, and its thread lets go of it. */
static bool back(struct job *job)
{
	struct reloads *rl = job->rl;
	struct generation *gen = job->leaving;
	struct hook *h = calloc(1, sizeof *h);
	unsigned limit = limit_of(job);
	bool done = true;

	if (h)
		*h = (struct hook){
			.rl = rl,
			.gen = gen,
			.back = (goaudit_return_function *)hooks_find(rl, gen, "goaudit_return")
		};
	if (h && h->back && !run(h, limit)) {
		log_line(rl->core,
			 "%s: goaudit_return of generation %u has not ended within %u ms, "
			 "and runs on",
			 job->guest->path, gen->info->number, limit);
		done = false;
		h = NULL;
	}
	free(h);
	return done;
}

void leave_end(struct job *job)
{
	struct reloads *rl = job->rl;
	struct generation *gen = job->leaving;
	bool stays, done = true;

	if (!gen)
		return;
	pthread_mutex_lock(&rl->core->lock);
	stays = job->guest->current == gen && gen->info->state <= GOAUDIT_PARKED;
	gen->left = !stays;
	pthread_mutex_unlock(&rl->core->lock);
	if (stays)
		done = back(job);
	pthread_mutex_lock(&rl->core->lock);
	if (done)
		gen->leaver = NULL; /* else the thread's */
	pthread_mutex_unlock(&rl->core->lock);
	if (stays && retire_is_unreferenced(gen))
		transaction_run(rl->loader, close_step, job);
	if (done)
		retire_let_go(rl, gen);
	job->leaving = NULL;
}
