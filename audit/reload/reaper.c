#include "reload/reaper.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "adapter/adapter.h"
#include "adapter/languages.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "entry/calls.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/records.h"
#include "guest/retired.h"
#include "loader/host.h"
#include "loader/ldso.h"
#include "loader/locks.h"
#include "loader/transaction.h"
#include "reload/forget.h"
#include "reload/linger.h"
#include "reload/reloads.h"
#include "reload/retire.h"

/* Between a module's leaving the runtime and its unmapping. */
#define GRACE_NS 10000000

/* From a round whose holders were about to let go to the next one; doubled each
 * time, up to a second. */
#define SOON_NS          4000000
#define SOON_DOUBLED_MAX 8

/* How long exit waits for the thread. */
#define FINISH_NS 1000000000

/* How often goaudit_reclaim has the check repeated that came to no end. */
#define BUSY_TRIES 10

struct batch {
	struct reloads *rl;
	unsigned n;
	struct adapter_answer answer[ADAPTER_BATCH];
	char holders[sizeof((struct goaudit_generation *)0)->holders];
};

/* The time before which no round begins unless a thread waits for it: the reaper
 * takes its share of a processor and no more. */
static uint64_t next_round(const struct reloads *rl)
{
	const struct reaper *r = &rl->reaper;
	const struct retired *q = &rl->guests->retired;
	unsigned share = rl->core->settings.reaper_share; /* not 0 */
	uint64_t due = r->ended + r->spent * (100 - share) / share, soon;

	if (r->done != q->wanted || q->collected)
		return due;
	soon = r->ended +
	       ((uint64_t)SOON_NS << (r->soon < SOON_DOUBLED_MAX ? r->soon : SOON_DOUBLED_MAX));
	return due > soon ? due : soon;
}

/* Is a round to begin?  If not, waits for whatever may change that.  With our
 * lock. */
static bool wait_for_round(struct reloads *rl)
{
	struct reaper *r = &rl->reaper;
	struct retired *q = &rl->guests->retired;
	bool asked = r->done != q->wanted;
	uint64_t due, now;
	struct timespec end;

	if (asked && r->hurry)
		return true;
	if (!rl->core->settings.reaper_share ||
	    (!asked && (!q->queue || (!q->collected && !r->soon)))) {
		pthread_cond_wait(&q->work, &rl->core->lock);
		return false;
	}
	due = next_round(rl);
	now = clock_ns();
	if (now >= due) {
		if (!asked)
			q->wanted++;
		return true;
	}
	end = clock_deadline(due - now);
	clock_wait(&q->work, &rl->core->lock, &end);
	return false;
}

/* Takes those of one language out of the queue that have not been tried in this round. */
static void take_batch(struct reloads *rl, struct batch *b, uint64_t round)
{
	struct generation *gen;

	b->n = 0;
	for (gen = rl->guests->retired.queue; gen && b->n < ADAPTER_BATCH;
	     gen = gen->next_retired) {
		if (gen->tried == round || gen->kept ||
		    (b->n && gen->adapter != b->answer[0].gen->adapter))
			continue;
		gen->tried = round;
		b->answer[b->n++] = (struct adapter_answer){ .gen = gen };
	}
}

/* What an attempt has found, for those who ask.  Names are looked up before the
 * lock is taken: that may cost a millisecond. */
static void record(struct batch *b, const struct adapter_answer *a)
{
	struct reloads *rl = b->rl;
	struct generation *gen = a->gen;

	b->holders[0] = 0;
	if (a->held && a->detail)
		gen->adapter->holders(rl->adapters, a, b->holders, sizeof b->holders);
	else if (a->held)
		memcpy(b->holders, a->text, sizeof a->text);
	pthread_mutex_lock(&rl->core->lock);
	records_begin_locked();
	gen->info->attempts++;
	gen->info->holder = a->holder;
	gen->info->goroutine = a->goroutine;
	memcpy(gen->info->holder_text, a->text, sizeof gen->info->holder_text);
	memcpy(gen->info->holders, b->holders, sizeof b->holders);
	records_end_locked();
	pthread_mutex_unlock(&rl->core->lock);
	if (a->held)
		log_line(rl->core, "%s: generation %u is held:\n%s", gen->guest->path,
			 gen->info->number, gen->info->holders);
}

/* A generation that a thread of the host is inside of, or will be at its end, is not asked
 * about. */
static bool leave_out_busy(struct batch *b)
{
	struct reloads *rl = b->rl;
	unsigned n = 0, all = b->n;

	calls_barrier(rl->entries);
	for (unsigned i = 0; i < b->n; i++) {
		struct adapter_answer *a = &b->answer[i];

		a->held = true;
		if (calls_under_way(rl->entries, a->gen)) {
			a->holder = HOLDER_CALL;
			text_copy(a->text, sizeof a->text, "a call of the host is under way");
			record(b, a);
		} else if (retire_is_used(rl, a->gen)) {
			a->holder = HOLDER_LOADER;
			linger_name(rl, a->gen, false, a->text, sizeof a->text);
			record(b, a);
		} else {
			b->answer[n++] = (struct adapter_answer){ .gen = a->gen };
		}
	}
	b->n = n;
	return n < all;
}

/* ld.so did not let us unmap them, which have left the runtime: they are tried again,
 * and the runtime does not know them any more. */
static void put_back(struct batch *b)
{
	struct reloads *rl = b->rl;

	for (unsigned i = 0; i < b->n; i++) {
		struct adapter_answer held = {
			.gen = b->answer[i].gen,
			.held = true,
			.holder = HOLDER_LOADER,
			.text = LDSO_NOT_CALLED,
		};

		record(b, &held);
		pthread_mutex_lock(&rl->core->lock);
		held.gen->unmapping = false;
		retired_queue_locked(rl->guests, held.gen);
		pthread_mutex_unlock(&rl->core->lock);
	}
}

static void unmap(void *arg)
{
	struct batch *b = arg;

	for (unsigned i = 0; i < b->n; i++)
		retire_unmap(b->rl, b->answer[i].gen);
}

/* Notes the answers, and leaves in the batch what is to be unmapped.  A generation
 * whose names a newer one is taking over stays for another round, in which the
 * runtime will not know it any more. */
static void take_verdicts(struct batch *b, uint64_t share)
{
	struct reloads *rl = b->rl;
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++)
		record(b, &b->answer[i]);
	pthread_mutex_lock(&rl->core->lock);
	for (unsigned i = 0; i < b->n; i++) {
		struct generation *gen = b->answer[i].gen;

		if (b->answer[i].held || gen->kept)
			continue;
		retired_remove_locked(rl->guests, gen);
		gen->unmapping = true;
		gen->info->unload_ns = share;
		b->answer[n++].gen = gen;
	}
	b->n = n;
	pthread_mutex_unlock(&rl->core->lock);
}

/* The runtime is asked without ld.so's lock: it may have to wait for a garbage
 * collection, and no dlopen of the host shall wait for that.  Returns whether some
 * that are held are worth another try soon. */
static bool reap(struct batch *b)
{
	struct reloads *rl = b->rl;
	static const struct timespec grace = { .tv_nsec = GRACE_NS };
	uint64_t begin = clock_ns();
	bool soon = leave_out_busy(b);

	if (b->n) {
		soon |= b->answer[0].gen->adapter->unlink(rl->adapters, b->answer, b->n);
		take_verdicts(b, (clock_ns() - begin) / b->n);
	}
	rl->reaper.spent += clock_ns() - begin; /* only this thread does so */
	if (!b->n)
		return soon;
	/* Who has read the module list before the commit, a signal handler or a
	 * goroutine in the middle of a walk, may still stand on a module. */
	nanosleep(&grace, NULL);
	if (transaction_run(rl->loader, unmap, b))
		return soon;
	put_back(b);
	return true;
}

static void *reaper_thread(void *arg)
{
	struct reloads *rl = arg;
	struct reaper *r = &rl->reaper;
	struct retired *q = &rl->guests->retired;
	static struct batch batch; /* there is one reaper */
	uint64_t round;
	bool soon;

	batch.rl = rl;
	pthread_mutex_lock(&rl->core->lock);
	while (!r->stop) {
		if (!wait_for_round(rl))
			continue;
		round = q->wanted;
		q->queued = 0;
		q->collected = soon = false;
		r->spent = 0;
		for (take_batch(rl, &batch, round); batch.n && !r->stop;
		     take_batch(rl, &batch, round)) {
			pthread_mutex_unlock(&rl->core->lock);
			soon = reap(&batch) || soon;
			pthread_mutex_lock(&rl->core->lock);
			pthread_cond_broadcast(&rl->core->changed);
		}
		pthread_mutex_unlock(&rl->core->lock);
		retire_try(rl, false);
		forget_surplus(rl);
		pthread_mutex_lock(&rl->core->lock);
		r->ended = clock_ns();
		r->soon = soon ? r->soon + 1 : 0;
		r->done = round;
		pthread_cond_broadcast(&rl->core->changed);
	}
	r->started = false;
	pthread_cond_broadcast(&rl->core->changed);
	pthread_mutex_unlock(&rl->core->lock);
	return NULL;
}

void reaper_start(struct reloads *rl)
{
	int error;

	pthread_mutex_lock(&rl->core->lock);
	if (rl->reaper.started || rl->core->exiting || !languages_reaped(rl->adapters)) {
		pthread_mutex_unlock(&rl->core->lock);
		return;
	}
	rl->reaper.started = true;
	pthread_mutex_unlock(&rl->core->lock);
	error = host_start_thread(rl->loader, reaper_thread, rl);
	if (error == 0)
		return;
	log_line(rl->core,
		 "no thread for the reaper: error %d: nothing is unmapped "
		 "until the next guest is opened",
		 error);
	pthread_mutex_lock(&rl->core->lock);
	rl->reaper.started = false;
	pthread_mutex_unlock(&rl->core->lock);
}

/* A thread waits for a round, or does no more.  With our lock. */
static void hurry_locked(struct reloads *rl, int more)
{
	rl->reaper.hurry += more;
	if (more > 0)
		pthread_cond_signal(&rl->guests->retired.work);
}

void reaper_throttle(struct reloads *rl)
{
	struct reaper *r = &rl->reaper;
	struct retired *q = &rl->guests->retired;

	/* In a constructor this thread holds the lock that the reaper needs. */
	if (locks_load_is_mine(rl->loader, true))
		return;
	pthread_mutex_lock(&rl->core->lock);
	hurry_locked(rl, 1);
	while (q->queued > REAPER_BACKLOG && r->started)
		pthread_cond_wait(&rl->core->changed, &rl->core->lock);
	hurry_locked(rl, -1);
	pthread_mutex_unlock(&rl->core->lock);
}

static bool is_too_much(const struct reloads *rl, const struct retired_total *t)
{
	return t->n && (t->n >= rl->core->settings.held_max ||
			t->bytes >= rl->core->settings.held_bytes);
}

int reaper_admit(struct reloads *rl, const char *path)
{
	struct retired_total t;

	pthread_mutex_lock(&rl->core->lock);
	t = retired_count_locked(rl->guests);
	pthread_mutex_unlock(&rl->core->lock);
	if (!is_too_much(rl, &t))
		return 0;
	reaper_wait(rl, NULL, -1); /* they may be free by now */
	pthread_mutex_lock(&rl->core->lock);
	t = retired_count_locked(rl->guests);
	if (is_too_much(rl, &t))
		error_set(rl->core,
			  "%s: %u retired generations of guests are held, %llu KB, "
			  "as much as GOAUDIT_HELD allows; the oldest, generation %u of "
			  "%s, by %s: let go of them, or raise GOAUDIT_HELD",
			  path, t.n, (unsigned long long)t.bytes >> 10, t.oldest->info->number,
			  t.oldest->guest->path, t.oldest->info->holder_text);
	pthread_mutex_unlock(&rl->core->lock);
	return is_too_much(rl, &t) ? -1 : 0;
}

/* Is any of them held only because the check had no end? */
static bool any_busy(struct reloads *rl, const struct guest *guest)
{
	for (struct generation *g = rl->guests->registry.live; g; g = g->next_live)
		if (g->info->state == GOAUDIT_RETIRED && (!guest || g->guest == guest) &&
		    g->info->holder == HOLDER_BUSY)
			return true;
	return false;
}

int reaper_wait(struct reloads *rl, struct guest *guest, int timeout_ms)
{
	struct reaper *r = &rl->reaper;
	struct retired *q = &rl->guests->retired;
	struct timespec end = clock_deadline(timeout_ms * 1000000ull);
	struct timespec *deadline = timeout_ms < 0 ? NULL : &end;
	bool in_time = true;
	uint64_t round;
	int left;

	if (!locks_load_is_mine(rl->loader, true))
		retire_try(rl, true);
	pthread_mutex_lock(&rl->core->lock);
	left = retired_left_locked(rl->guests, guest);
	/* In a constructor this thread holds the lock that the reaper needs. */
	if (locks_load_is_mine(rl->loader, false)) {
		retired_ask_locked(rl->guests);
		pthread_mutex_unlock(&rl->core->lock);
		return left;
	}
	for (int i = 0; left && in_time && i < BUSY_TRIES; i++) {
		if (i > 0 && !any_busy(rl, guest))
			break;
		retired_ask_locked(rl->guests);
		round = q->wanted;
		hurry_locked(rl, 1);
		while (r->done < round && r->started && in_time)
			in_time = clock_wait(&rl->core->changed, &rl->core->lock, deadline);
		hurry_locked(rl, -1);
		left = retired_left_locked(rl->guests, guest);
	}
	pthread_mutex_unlock(&rl->core->lock);
	return left;
}

void reaper_forked(struct reloads *rl)
{
	struct reaper *r = &rl->reaper;
	struct retired *q = &rl->guests->retired;

	r->started = false;
	r->hurry = 0;
	pthread_cond_init(&q->work, NULL);
}

void reaper_finish(struct reloads *rl)
{
	struct reaper *r = &rl->reaper;
	struct retired *q = &rl->guests->retired;
	struct timespec end = clock_deadline(FINISH_NS);
	bool in_time = true;

	pthread_mutex_lock(&rl->core->lock);
	r->stop = true;
	pthread_cond_signal(&q->work);
	/* It is in the middle of a round for a moment only; a host that calls
	 * exit inside a constructor must not wait for it for ever. */
	while (r->started && in_time)
		in_time = clock_wait(&rl->core->changed, &rl->core->lock, &end);
	pthread_mutex_unlock(&rl->core->lock);
}
