#include "reaper.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "go/protocol.h"
#include "held.h"
#include "journal.h"
#include "retire.h"
#include "state.h"

#define BATCH 32

/* Between a module's leaving the runtime and its unmapping. */
#define GRACE_NS 10000000

/* Rounds that nobody has asked for take one part in so many of the time. */
#define OWN_SHARE 20

/* From a round whose holders were about to let go to the next one; doubled each
 * time, up to a second. */
#define SOON_NS 4000000
#define SOON_DOUBLED_MAX 8

/* How often goaudit_reclaim has the check repeated that came to no end. */
#define BUSY_TRIES 10

struct batch {
	struct goaudit *ga;
	unsigned n;
	struct generation *gen[BATCH];
	struct go_module module[BATCH];
	struct go_held held[BATCH][GO_HELD_MAX];
};

void reaper_add(struct goaudit *ga, struct generation *gen)
{
	struct reaper *r = &ga->reaper;

	if (!r->tail)
		r->tail = &r->queue;
	gen->next_retired = NULL;
	*r->tail = gen;
	r->tail = &gen->next_retired;
	r->queued++;
	reaper_wake(ga);
}

void reaper_wake(struct goaudit *ga)
{
	ga->reaper.wanted++;
	pthread_cond_signal(&ga->reaper.work);
}

void reaper_collected(struct goaudit *ga)
{
	pthread_mutex_lock(&ga->lock);
	ga->reaper.collected = true;
	pthread_cond_signal(&ga->reaper.work);
	pthread_mutex_unlock(&ga->lock);
}

/* Waits until somebody may have asked for a round, or asks for one that is due by
 * itself.  With our lock. */
static void wait_for_work(struct goaudit *ga)
{
	struct reaper *r = &ga->reaper;
	uint64_t due = r->ended + OWN_SHARE * (r->ended - r->began), soon, now;
	struct timespec t;

	if (!r->queue || (!r->collected && !r->soon)) {
		pthread_cond_wait(&r->work, &ga->lock);
		return;
	}
	if (!r->collected) {
		soon = (uint64_t)SOON_NS << (r->soon < SOON_DOUBLED_MAX ? r->soon : SOON_DOUBLED_MAX);
		due = due > r->ended + soon ? due : r->ended + soon;
	}
	now = clock_ns();
	if (now >= due) {
		r->wanted++;
		return;
	}
	clock_gettime(CLOCK_REALTIME, &t);
	due = due - now + t.tv_nsec;
	t.tv_sec += due / 1000000000;
	t.tv_nsec = due % 1000000000;
	pthread_cond_timedwait(&r->work, &ga->lock, &t);
}

/* Takes those out of the queue that have not been tried in this round. */
static void take_batch(struct goaudit *ga, struct batch *b, uint64_t round)
{
	struct generation *gen;

	b->n = 0;
	for (gen = ga->reaper.queue; gen && b->n < BATCH; gen = gen->next_retired) {
		if (gen->tried == round || gen->kept)
			continue;
		gen->tried = round;
		b->module[b->n] = (struct go_module){
			.lo = gen->info->lo, .hi = gen->info->hi,
			.held = b->held[b->n],
		};
		gen->in_batch = true;
		b->gen[b->n++] = gen;
	}
}

static void leave_queue(struct reaper *r, struct generation *gen)
{
	struct generation **p = &r->queue;

	while (*p && *p != gen)
		p = &(*p)->next_retired;
	if (!*p)
		return;
	*p = gen->next_retired;
	if (r->tail == &gen->next_retired)
		r->tail = p;
}

/* What an attempt has found, for those who ask. */
static void record(struct goaudit *ga, struct generation *gen,
		   const struct go_module *m)
{
	char holders[sizeof gen->info->holders];

	/* Names are looked up in tables; readers wait while the record changes. */
	held_text(ga, gen, m, holders, sizeof holders);
	journal_begin();
	gen->info->attempts++;
	gen->info->holder = m->verdict == GO_HELD ? m->holder : GO_HOLDER_NONE;
	gen->info->goroutine = m->goroutine;
	memcpy(gen->info->holder_text, m->text, sizeof gen->info->holder_text);
	memcpy(gen->info->holders, holders, sizeof holders);
	journal_end();
	if (m->verdict == GO_HELD)
		goaudit_log(ga, "%s: generation %u is held:\n%s", gen->guest->path,
			    gen->info->number, gen->info->holders);
}

static void unmap(void *arg)
{
	struct batch *b = arg;

	for (unsigned i = 0; i < b->n; i++)
		if (b->module[i].verdict != GO_HELD)
			retire_unmap(b->ga, b->gen[i]);
}

/* The runtime is asked without ld.so's lock: it may have to wait for a garbage
 * collection, and no dlopen of the host shall wait for that.  Returns whether some
 * that are held are worth another try soon. */
static bool reap(struct batch *b)
{
	struct goaudit *ga = b->ga;
	static const struct timespec grace = { .tv_nsec = GRACE_NS };
	uint64_t begin = clock_ns(), share;
	bool soon = gort_unlink(ga, b->module, b->n), any = false;

	share = (clock_ns() - begin) / b->n;
	pthread_mutex_lock(&ga->lock);
	for (unsigned i = 0; i < b->n; i++) {
		struct generation *gen = b->gen[i];

		record(ga, gen, &b->module[i]);
		if (b->module[i].verdict != GO_HELD) {
			any = true;
			leave_queue(&ga->reaper, gen);
			gen->info->unload_ns = share;
		}
	}
	pthread_mutex_unlock(&ga->lock);
	if (!any)
		return soon;
	/* Who has read the module list before the commit, a signal handler or a
	 * goroutine in the middle of a walk, may still stand on a module. */
	nanosleep(&grace, NULL);
	ldso_transaction(ga, unmap, b);
	return soon;
}

static void *reaper_thread(void *arg)
{
	struct goaudit *ga = arg;
	struct reaper *r = &ga->reaper;
	static struct batch batch;	/* there is one reaper; 150 KB are much for a stack */
	uint64_t round;
	bool soon;

	batch.ga = ga;
	pthread_mutex_lock(&ga->lock);
	while (!r->stop) {
		if (r->done == r->wanted) {
			wait_for_work(ga);
			continue;
		}
		round = r->wanted;
		r->queued = 0;
		r->working = true;
		r->collected = soon = false;
		r->began = clock_ns();
		for (take_batch(ga, &batch, round); batch.n && !r->stop;
		     take_batch(ga, &batch, round)) {
			pthread_mutex_unlock(&ga->lock);
			soon = reap(&batch) || soon;
			pthread_mutex_lock(&ga->lock);
			for (unsigned i = 0; i < batch.n; i++)
				batch.gen[i]->in_batch = false;
			pthread_cond_broadcast(&ga->changed);
		}
		r->ended = clock_ns();
		r->soon = soon ? r->soon + 1 : 0;
		r->done = round;
		r->working = false;
		pthread_cond_broadcast(&ga->changed);
	}
	r->started = false;
	pthread_cond_broadcast(&ga->changed);
	pthread_mutex_unlock(&ga->lock);
	return NULL;
}

void reaper_start(struct goaudit *ga)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int error;

	pthread_mutex_lock(&ga->lock);
	if (ga->reaper.started || ga->exiting || ga->forked) {
		pthread_mutex_unlock(&ga->lock);
		return;
	}
	ga->reaper.started = true;
	pthread_mutex_unlock(&ga->lock);
	/* The host's signals are for the host's threads; SIGURG is how Go
	 * preempts. */
	sigfillset(&all);
	sigdelset(&all, SIGURG);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	error = ga->host.pthread_create(&thread, &attr, reaper_thread, ga);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error == 0)
		return;
	goaudit_log(ga, "no thread for the reaper: error %d: nothing is unmapped "
		    "until the next guest is opened", error);
	pthread_mutex_lock(&ga->lock);
	ga->reaper.started = false;
	pthread_mutex_unlock(&ga->lock);
}

void reaper_throttle(struct goaudit *ga)
{
	struct reaper *r = &ga->reaper;

	/* In a constructor this thread holds the lock that the reaper needs. */
	if (ldso_lock_is_mine(ga, true))
		return;
	pthread_mutex_lock(&ga->lock);
	while (r->queued > REAPER_BACKLOG && r->started)
		pthread_cond_wait(&ga->changed, &ga->lock);
	pthread_mutex_unlock(&ga->lock);
}

static int count_left(struct goaudit *ga, const struct guest *guest)
{
	int n = 0;

	for (struct generation *g = ga->registry.live; g; g = g->next_live)
		n += g->info->state == GOAUDIT_RETIRED &&
		     (!guest || g->guest == guest);
	return n;
}

/* Is any of them held only because the check had no end? */
static bool any_busy(struct goaudit *ga, const struct guest *guest)
{
	for (struct generation *g = ga->registry.live; g; g = g->next_live)
		if (g->info->state == GOAUDIT_RETIRED && (!guest || g->guest == guest) &&
		    g->info->holder == GO_HOLDER_BUSY)
			return true;
	return false;
}

int reaper_wait(struct goaudit *ga, struct guest *guest, int timeout_ms)
{
	struct reaper *r = &ga->reaper;
	struct timespec end;
	uint64_t round;
	int error = 0, left;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += timeout_ms / 1000;
	end.tv_nsec += timeout_ms % 1000 * 1000000l;
	if (end.tv_nsec >= 1000000000l) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000l;
	}
	pthread_mutex_lock(&ga->lock);
	left = count_left(ga, guest);
	/* In a constructor this thread holds the lock that the reaper needs. */
	if (ldso_lock_is_mine(ga, false)) {
		reaper_wake(ga);
		pthread_mutex_unlock(&ga->lock);
		return left;
	}
	for (int i = 0; left && error == 0 && i < BUSY_TRIES; i++) {
		if (i > 0 && !any_busy(ga, guest))
			break;
		reaper_wake(ga);
		round = r->wanted;
		while (r->done < round && r->started && error == 0)
			error = timeout_ms < 0 ?
					pthread_cond_wait(&ga->changed, &ga->lock) :
					pthread_cond_timedwait(&ga->changed, &ga->lock, &end);
		left = count_left(ga, guest);
	}
	pthread_mutex_unlock(&ga->lock);
	return left;
}

void reaper_finish(struct goaudit *ga)
{
	struct reaper *r = &ga->reaper;
	struct timespec end;
	int error = 0;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 1;
	pthread_mutex_lock(&ga->lock);
	r->stop = true;
	pthread_cond_signal(&r->work);
	/* It is in the middle of a round for a moment only; a host that calls
	 * exit inside a constructor must not wait for it for ever. */
	while (r->started && error == 0)
		error = pthread_cond_timedwait(&ga->changed, &ga->lock, &end);
	pthread_mutex_unlock(&ga->lock);
}
