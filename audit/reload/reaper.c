#include "reload/reaper.h"

#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "go/protocol.h"
#include "reload/holders.h"
#include "loader/host.h"
#include "guest/records.h"
#include "reload/retire.h"
#include "api/goaudit.h"

#define BATCH 32

/* Between a module's leaving the runtime and its unmapping. */
#define GRACE_NS 10000000

/* From a round whose holders were about to let go to the next one; doubled each
 * time, up to a second. */
#define SOON_NS 4000000
#define SOON_DOUBLED_MAX 8

/* How long exit waits for the thread. */
#define FINISH_NS 1000000000

/* How often goaudit_reclaim has the check repeated that came to no end. */
#define BUSY_TRIES 10

struct batch {
	struct goaudit *ga;
	unsigned n;
	struct generation *gen[BATCH];
	struct go_module module[BATCH];
	struct go_held held[BATCH][GO_HELD_MAX];
	char holders[sizeof ((struct goaudit_generation *)0)->holders];
};

static void enqueue(struct reaper *r, struct generation *gen)
{
	if (!r->tail)
		r->tail = &r->queue;
	gen->next_retired = NULL;
	*r->tail = gen;
	r->tail = &gen->next_retired;
}

void reaper_add(struct goaudit *ga, struct generation *gen)
{
	enqueue(&ga->reaper, gen);
	ga->reaper.queued++;
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

/* The time before which no round begins unless a thread waits for it: the reaper
 * takes its share of a processor and no more. */
static uint64_t next_round(const struct goaudit *ga)
{
	const struct reaper *r = &ga->reaper;
	unsigned share = ga->settings.reaper_share;	/* not 0 */
	uint64_t due = r->ended + r->spent * (100 - share) / share, soon;

	if (r->done != r->wanted || r->collected)
		return due;
	soon = r->ended + ((uint64_t)SOON_NS << (r->soon < SOON_DOUBLED_MAX ?
							 r->soon : SOON_DOUBLED_MAX));
	return due > soon ? due : soon;
}

/* Is a round to begin?  If not, waits for whatever may change that.  With our
 * lock. */
static bool wait_for_round(struct goaudit *ga)
{
	struct reaper *r = &ga->reaper;
	bool asked = r->done != r->wanted;
	uint64_t due, now;
	struct timespec end;

	if (asked && r->hurry)
		return true;
	if (!ga->settings.reaper_share ||
	    (!asked && (!r->queue || (!r->collected && !r->soon)))) {
		pthread_cond_wait(&r->work, &ga->lock);
		return false;
	}
	due = next_round(ga);
	now = clock_ns();
	if (now >= due) {
		if (!asked)
			r->wanted++;
		return true;
	}
	end = clock_deadline(due - now);
	clock_wait(&r->work, &ga->lock, &end);
	return false;
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

/* What an attempt has found, for those who ask.  Names are looked up before the
 * lock is taken: that may cost a millisecond. */
static void record(struct batch *b, struct generation *gen, const struct go_module *m)
{
	struct goaudit *ga = b->ga;

	held_text(ga, gen, m, b->holders, sizeof b->holders);
	pthread_mutex_lock(&ga->lock);
	journal_begin();
	gen->info->attempts++;
	gen->info->holder = m->verdict == GO_HELD ? m->holder : GO_HOLDER_NONE;
	gen->info->goroutine = m->goroutine;
	memcpy(gen->info->holder_text, m->text, sizeof gen->info->holder_text);
	memcpy(gen->info->holders, b->holders, sizeof b->holders);
	journal_end();
	pthread_mutex_unlock(&ga->lock);
	if (m->verdict == GO_HELD)
		goaudit_log(ga, "%s: generation %u is held:\n%s", gen->guest->path,
			    gen->info->number, gen->info->holders);
}

/* A generation that a thread of the host is inside of, or will be at its end, is not asked
 * about. */
static bool leave_out_busy(struct batch *b)
{
	struct goaudit *ga = b->ga;
	static const struct go_module held = {
		.verdict = GO_HELD, .holder = GO_HOLDER_CALL,
		.text = "a call of the host is under way",
	};
	static struct go_module ending;		/* there is one reaper */
	unsigned n = 0, all = b->n;

	gate_settle(ga);
	for (unsigned i = 0; i < b->n; i++) {
		if (gate_busy(ga, b->gen[i])) {
			record(b, b->gen[i], &held);
			continue;
		}
		if (b->gen[i]->unseen) {
			ending.verdict = GO_HELD;
			ending.holder = GO_HOLDER_LOADER;
			linger_name(ga, b->gen[i], false, ending.text, sizeof ending.text);
			record(b, b->gen[i], &ending);
			continue;
		}
		b->gen[n] = b->gen[i];
		b->module[n++] = b->module[i];
	}
	b->n = n;
	return n < all;
}

/* ld.so did not let us unmap them, which have left the runtime: they are tried again,
 * and the runtime does not know them any more (GO_NOT_FOUND). */
static void put_back(struct batch *b)
{
	static const struct go_module held = {
		.verdict = GO_HELD, .holder = GO_HOLDER_LOADER, .text = LDSO_NOT_CALLED,
	};
	struct goaudit *ga = b->ga;

	for (unsigned i = 0; i < b->n; i++) {
		record(b, b->gen[i], &held);
		pthread_mutex_lock(&ga->lock);
		b->gen[i]->unmapping = false;
		enqueue(&ga->reaper, b->gen[i]);
		pthread_mutex_unlock(&ga->lock);
	}
}

static void unmap(void *arg)
{
	struct batch *b = arg;

	for (unsigned i = 0; i < b->n; i++)
		retire_unmap(b->ga, b->gen[i]);
}

/* Notes the answers, and leaves in the batch what is to be unmapped.  A generation
 * whose names a newer one is taking over stays for another round, in which the
 * runtime will not know it any more (GO_NOT_FOUND). */
static void settle(struct batch *b, uint64_t share)
{
	struct goaudit *ga = b->ga;
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++)
		record(b, b->gen[i], &b->module[i]);
	pthread_mutex_lock(&ga->lock);
	for (unsigned i = 0; i < b->n; i++) {
		struct generation *gen = b->gen[i];

		if (b->module[i].verdict == GO_HELD || gen->kept)
			continue;
		leave_queue(&ga->reaper, gen);
		gen->unmapping = true;
		gen->info->unload_ns = share;
		b->gen[n++] = gen;
	}
	b->n = n;
	pthread_mutex_unlock(&ga->lock);
}

/* The runtime is asked without ld.so's lock: it may have to wait for a garbage
 * collection, and no dlopen of the host shall wait for that.  Returns whether some
 * that are held are worth another try soon. */
static bool reap(struct batch *b)
{
	struct goaudit *ga = b->ga;
	static const struct timespec grace = { .tv_nsec = GRACE_NS };
	uint64_t begin = clock_ns();
	bool soon = leave_out_busy(b);

	if (b->n) {
		soon |= gort_unlink(ga, b->module, b->n);
		settle(b, (clock_ns() - begin) / b->n);
	}
	ga->reaper.spent += clock_ns() - begin;		/* only this thread does so */
	if (!b->n)
		return soon;
	/* Who has read the module list before the commit, a signal handler or a
	 * goroutine in the middle of a walk, may still stand on a module. */
	nanosleep(&grace, NULL);
	if (ldso_transaction(ga, unmap, b))
		return soon;
	put_back(b);
	return true;
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
		if (!wait_for_round(ga))
			continue;
		round = r->wanted;
		r->queued = 0;
		r->collected = soon = false;
		r->spent = 0;
		for (take_batch(ga, &batch, round); batch.n && !r->stop;
		     take_batch(ga, &batch, round)) {
			pthread_mutex_unlock(&ga->lock);
			soon = reap(&batch) || soon;
			pthread_mutex_lock(&ga->lock);
			pthread_cond_broadcast(&ga->changed);
		}
		pthread_mutex_unlock(&ga->lock);
		retire_try(ga, false);
		pthread_mutex_lock(&ga->lock);
		r->ended = clock_ns();
		r->soon = soon ? r->soon + 1 : 0;
		r->done = round;
		pthread_cond_broadcast(&ga->changed);
	}
	r->started = false;
	pthread_cond_broadcast(&ga->changed);
	pthread_mutex_unlock(&ga->lock);
	return NULL;
}

void reaper_start(struct goaudit *ga)
{
	int error;

	pthread_mutex_lock(&ga->lock);
	if (ga->reaper.started || ga->exiting || !gort_runs_here(&ga->gort)) {
		pthread_mutex_unlock(&ga->lock);
		return;
	}
	ga->reaper.started = true;
	pthread_mutex_unlock(&ga->lock);
	error = host_start_thread(ga, reaper_thread, ga);
	if (error == 0)
		return;
	goaudit_log(ga, "no thread for the reaper: error %d: nothing is unmapped "
		    "until the next guest is opened", error);
	pthread_mutex_lock(&ga->lock);
	ga->reaper.started = false;
	pthread_mutex_unlock(&ga->lock);
}

/* A thread waits for a round, or does no more.  With our lock. */
static void hurry(struct reaper *r, int more)
{
	r->hurry += more;
	if (more > 0)
		pthread_cond_signal(&r->work);
}

void reaper_throttle(struct goaudit *ga)
{
	struct reaper *r = &ga->reaper;

	/* In a constructor this thread holds the lock that the reaper needs. */
	if (ldso_lock_is_mine(ga, true))
		return;
	pthread_mutex_lock(&ga->lock);
	hurry(r, 1);
	while (r->queued > REAPER_BACKLOG && r->started)
		pthread_cond_wait(&ga->changed, &ga->lock);
	hurry(r, -1);
	pthread_mutex_unlock(&ga->lock);
}

struct held_total {
	unsigned n;
	uint64_t bytes;
	const struct generation *oldest;
};

/* What has been retired and is not unmapped.  With our lock. */
static struct held_total count_held(const struct goaudit *ga)
{
	struct held_total t = { 0 };

	/* In the queue, or held by ld.so. */
	for (struct generation *g = ga->registry.live; g; g = g->next_live) {
		if (g->info->state != GOAUDIT_RETIRED || !g->info->is_go)
			continue;
		t.n++;
		t.bytes += g->info->hi - g->info->lo;
		t.oldest = g;
	}
	return t;
}

static bool is_too_much(const struct goaudit *ga, const struct held_total *t)
{
	return t->n && (t->n >= ga->settings.held_max ||
			t->bytes >= ga->settings.held_bytes);
}

int reaper_admit(struct goaudit *ga, const char *path)
{
	struct held_total t;

	pthread_mutex_lock(&ga->lock);
	t = count_held(ga);
	pthread_mutex_unlock(&ga->lock);
	if (!is_too_much(ga, &t))
		return 0;
	reaper_wait(ga, NULL, -1);	/* they may be free by now */
	pthread_mutex_lock(&ga->lock);
	t = count_held(ga);
	if (is_too_much(ga, &t))
		error_set(ga, "%s: %u retired generations of guests are held, %llu KB, "
			  "as much as GOAUDIT_HELD allows; the oldest, generation %u of "
			  "%s, by %s: let go of them, or raise GOAUDIT_HELD", path, t.n,
			  (unsigned long long)t.bytes >> 10, t.oldest->info->number,
			  t.oldest->guest->path, t.oldest->info->holder_text);
	pthread_mutex_unlock(&ga->lock);
	return is_too_much(ga, &t) ? -1 : 0;
}

/* Has it been retired, and is it the guest's (NULL: anyone's)? */
static bool is_left(const struct generation *gen, const struct guest *guest)
{
	return gen->info->state == GOAUDIT_RETIRED && (!guest || gen->guest == guest);
}

static int count_left(struct goaudit *ga, const struct guest *guest)
{
	int n = 0;

	for (struct generation *g = ga->registry.live; g; g = g->next_live)
		n += is_left(g, guest);
	return n;
}

/* Is any of them held only because the check had no end? */
static bool any_busy(struct goaudit *ga, const struct guest *guest)
{
	for (struct generation *g = ga->registry.live; g; g = g->next_live)
		if (is_left(g, guest) && g->info->holder == GO_HOLDER_BUSY)
			return true;
	return false;
}

int reaper_wait(struct goaudit *ga, struct guest *guest, int timeout_ms)
{
	struct reaper *r = &ga->reaper;
	struct timespec end = clock_deadline(timeout_ms * 1000000ull);
	struct timespec *deadline = timeout_ms < 0 ? NULL : &end;
	bool in_time = true;
	uint64_t round;
	int left;

	if (!ldso_lock_is_mine(ga, true))
		retire_try(ga, true);
	pthread_mutex_lock(&ga->lock);
	left = count_left(ga, guest);
	/* In a constructor this thread holds the lock that the reaper needs. */
	if (ldso_lock_is_mine(ga, false)) {
		reaper_wake(ga);
		pthread_mutex_unlock(&ga->lock);
		return left;
	}
	for (int i = 0; left && in_time && i < BUSY_TRIES; i++) {
		if (i > 0 && !any_busy(ga, guest))
			break;
		reaper_wake(ga);
		round = r->wanted;
		hurry(r, 1);
		while (r->done < round && r->started && in_time)
			in_time = clock_wait(&ga->changed, &ga->lock, deadline);
		hurry(r, -1);
		left = count_left(ga, guest);
	}
	pthread_mutex_unlock(&ga->lock);
	return left;
}

void reaper_forked(struct goaudit *ga)
{
	struct reaper *r = &ga->reaper;

	r->started = false;
	r->hurry = 0;
	pthread_cond_init(&r->work, NULL);
}

void reaper_finish(struct goaudit *ga)
{
	struct reaper *r = &ga->reaper;
	struct timespec end = clock_deadline(FINISH_NS);
	bool in_time = true;

	pthread_mutex_lock(&ga->lock);
	r->stop = true;
	pthread_cond_signal(&r->work);
	/* It is in the middle of a round for a moment only; a host that calls
	 * exit inside a constructor must not wait for it for ever. */
	while (r->started && in_time)
		in_time = clock_wait(&ga->changed, &ga->lock, &end);
	pthread_mutex_unlock(&ga->lock);
}
