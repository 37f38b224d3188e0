#include "reload/threads.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/arch.h"
#include "core/cancel.h"
#include "core/core.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "guest/retired.h"
#include "loader/elf.h"
#include "loader/loader.h"
#include "loader/real.h"
#include "reload/reloads.h"

/* One thread-local object of a guest. */
struct destructor {
	struct destructor *next;
	struct generation *gen;
	void (*function)(void *);
	void *object;
};

/* Those that were registered without one of another object between them: one call of
 * libc's runs them, the newest first. */
struct group {
	struct group *next;
	struct thread *thread;
	struct destructor *destructors;
};

/* A thread that has something in guests; ends with it. */
struct thread {
	struct arch_start start; /* first: what a new thread begins with */
	struct thread *next;
	const void *self;       /* NULL: it has not begun */
	int tid;                /* for messages */
	struct group *groups;   /* newest first */
	bool open;              /* libc has been told of nothing since the newest */
	struct generation *gen; /* whose code it was started with; NULL: none */
	const void *function;   /* of gen, that it runs; NULL: not known */
	unsigned rounds;        /* of destructors of keys at its end; the thread's own */
};

/* What libc calls has no argument of ours but the thread. */
static struct reloads *reloads;

/* --- records; all with core.lock ------------------------------------------ */

static struct thread *find_thread_locked(struct reloads *rl, const void *self)
{
	struct thread *t = rl->linger.threads;

	while (t && t->self != self)
		t = t->next;
	return t;
}

static struct thread *add_thread_locked(struct reloads *rl)
{
	struct thread *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	reloads = rl;
	t->next = rl->linger.threads;
	rl->linger.threads = t;
	return t;
}

static void begins_locked(struct thread *t)
{
	t->self = arch_thread_pointer();
	t->tid = (int)syscall(SYS_gettid);
}

static void let_go_locked(struct generation *gen)
{
	gen->threads--;
	gen->tries = 0;
}

static void remove_group_locked(struct group *g)
{
	struct thread *t = g->thread;
	struct group **p = &t->groups;

	while (*p != g)
		p = &(*p)->next;
	if (p == &t->groups)
		t->open = false;
	*p = g->next;
	free(g);
}

static void free_thread_locked(struct reloads *rl, struct thread *t)
{
	struct thread **p = &rl->linger.threads;
	struct destructor *d;

	while (t->groups) {
		while ((d = t->groups->destructors)) {
			t->groups->destructors = d->next;
			let_go_locked(d->gen);
			free(d);
		}
		remove_group_locked(t->groups);
	}
	if (t->gen)
		let_go_locked(t->gen);
	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	free(t);
}

/* --- at a thread's end ---------------------------------------------------- */

/* Takes and runs one destructor.  It counts until it has run, so that nobody unmaps its
 * code meanwhile.  Enters and returns with core.lock. */
static void run_locked(struct reloads *rl, struct destructor **at)
{
	struct destructor *d = *at;

	*at = d->next;
	pthread_mutex_unlock(&rl->core->lock);
	d->function(d->object);
	pthread_mutex_lock(&rl->core->lock);
	let_go_locked(d->gen);
	free(d);
}

static void run_group(void *arg)
{
	struct reloads *rl = reloads;
	struct group *g = arg;

	pthread_mutex_lock(&rl->core->lock);
	while (g->destructors)
		run_locked(rl, &g->destructors);
	remove_group_locked(g);
	pthread_mutex_unlock(&rl->core->lock);
}

/* Registered before all of the thread's destructors in guests, so it runs after them
 * (stdlib/cxa_thread_atexit_impl.c: the last one first).  Nothing is unmapped here: a
 * destructor of the object's own may wait for this very thread. */
static void thread_ended(void *arg)
{
	struct reloads *rl = reloads;

	pthread_mutex_lock(&rl->core->lock);
	free_thread_locked(rl, arg);
	if (rl->reaper.started)
		retired_ask_locked(rl->guests);
	pthread_mutex_unlock(&rl->core->lock);
}

/* The program never goes, and ld.so counts what is registered in its name. */
static void tell_libc(struct reloads *rl, void (*function)(void *), void *arg)
{
	real_thread_atexit(function, arg, rl->loader->head->l_ld);
}

/* --- thread-local objects ------------------------------------------------- */

/* With core.lock. */
static struct group *open_group_locked(struct thread *t, bool *new)
{
	struct group *g;

	*new = !t->open;
	if (t->open)
		return t->groups;
	g = calloc(1, sizeof *g);
	if (!g)
		return NULL;
	g->thread = t;
	g->next = t->groups;
	t->groups = g;
	t->open = true;
	return g;
}

bool threads_register(struct reloads *rl, void (*function)(void *), void *object, void *dso)
{
	const void *self = arch_thread_pointer();
	bool new_thread = false, new_group = false;
	struct destructor *d = NULL;
	struct group *g = NULL;
	struct generation *gen;
	struct thread *t;

	pthread_mutex_lock(&rl->core->lock);
	gen = registry_find_address_locked(rl->guests, (uintptr_t)dso);
	if (!gen)
		gen = registry_find_address_locked(rl->guests, (uintptr_t)function);
	t = find_thread_locked(rl, self);
	if (!gen) {
		if (t)
			t->open = false;
		pthread_mutex_unlock(&rl->core->lock);
		return false;
	}
	if (!t && (t = add_thread_locked(rl))) {
		new_thread = true;
		begins_locked(t);
	}
	if (t)
		d = malloc(sizeof *d);
	if (d)
		g = open_group_locked(t, &new_group);
	if (g) {
		*d = (struct destructor){ g->destructors, gen, function, object };
		g->destructors = d;
		gen->threads++;
	} else {
		free(d);
		gen->permanent |= gen->object.hidden; /* ld.so would not count it */
	}
	pthread_mutex_unlock(&rl->core->lock);
	if (new_thread)
		tell_libc(rl, thread_ended, t);
	if (g && new_group)
		tell_libc(rl, run_group, g);
	return g != NULL;
}

/* The newest of a thread's in the generation; NULL: none.  With core.lock. */
static struct destructor **find_locked(struct thread *t, const struct generation *gen)
{
	for (struct group *g = t->groups; g; g = g->next)
		for (struct destructor **d = &g->destructors; *d; d = &(*d)->next)
			if ((*d)->gen == gen)
				return d;
	return NULL;
}

void threads_leave(struct reloads *rl, struct generation *gen)
{
	struct destructor **d;
	struct thread *t;

	pthread_mutex_lock(&rl->core->lock);
	t = gen->threads ? find_thread_locked(rl, arch_thread_pointer()) : NULL;
	while (t && (d = find_locked(t, gen)))
		run_locked(rl, d);
	pthread_mutex_unlock(&rl->core->lock);
}

/* --- threads that guests start -------------------------------------------- */

/* The first word of an object is the address of its class's table of functions, which lies
 * in the object that has the class; the argument may be anything, also no address. */
static const void *first_word(const void *arg)
{
	const void *word = NULL;
	struct iovec to = { &word, sizeof word }, from = { (void *)arg, sizeof word };

	if (!arg || (uintptr_t)arg % sizeof word ||
	    process_vm_readv(getpid(), &to, 1, &from, 1, 0) != (ssize_t)sizeof word)
		return NULL;
	return word;
}

/* The destructor of our key: libc runs those of keys behind all thread-local objects
 * (nptl/pthread_create.c, start_thread), in rounds.  The last one is waited for, since keys
 * of guests may run code of theirs in any. */
static void key_ended(void *arg)
{
	struct thread *t = arg;

	if (++t->rounds < PTHREAD_DESTRUCTOR_ITERATIONS &&
	    real_pthread_setspecific(reloads->linger.key, t) == 0)
		return;
	thread_ended(t);
}

/* With core.lock, which libc's call never wants: it calls nobody. */
static bool has_key_locked(struct reloads *rl)
{
	struct lingering *l = &rl->linger;

	if (!l->has_key && real_pthread_setspecific)
		l->has_key = real_pthread_key_create(&l->key, key_ended) == 0;
	return l->has_key;
}

/* What runs first in the new thread.  It must not ask for ld.so's lock, as
 * __cxa_thread_atexit_impl does: a constructor may be waiting for this thread. */
static struct arch_call begin(void *arg)
{
	struct thread *t = arg;
	struct reloads *rl = reloads;
	struct arch_call call = { t->start.function, t->start.arg };
	CANCEL_OFF();

	pthread_mutex_lock(&rl->core->lock);
	begins_locked(t);
	pthread_mutex_unlock(&rl->core->lock);
	if (real_pthread_setspecific(rl->linger.key, t) != 0)
		tell_libc(rl, thread_ended, t); /* no memory */
	return call;
}

/* A record for a thread that is to run the guest's code; NULL: it is not the guest's, or
 * there is no memory. */
static struct thread *announce(struct reloads *rl, void *(*start)(void *), void *arg)
{
	const void *word = NULL;
	struct generation *gen;
	struct thread *t = NULL;

	/* Most programs' threads begin where there is no guest at all. */
	if (!__atomic_load_n(&rl->guests->registry.live, __ATOMIC_RELAXED))
		return NULL;
	pthread_mutex_lock(&rl->core->lock);
	gen = registry_find_address_locked(rl->guests, (uintptr_t)start);
	if (!gen && (word = first_word(arg)))
		gen = registry_find_address_locked(rl->guests, (uintptr_t)word);
	if (gen && has_key_locked(rl))
		t = add_thread_locked(rl);
	if (t) {
		t->start = (struct arch_start){ begin, start, arg };
		t->function = word ? NULL : (void *)start;
		t->gen = gen;
		gen->threads++;
	}
	pthread_mutex_unlock(&rl->core->lock);
	return t;
}

int threads_create(struct reloads *rl, pthread_t *thread, const pthread_attr_t *attr,
		   void *(*start)(void *), void *arg)
{
	struct thread *t = announce(rl, start, arg);
	int error;

	if (!t)
		return real_pthread_create(thread, attr, start, arg);
	error = real_pthread_create(thread, attr, arch_start, t);
	if (error) {
		pthread_mutex_lock(&rl->core->lock);
		free_thread_locked(rl, t);
		pthread_mutex_unlock(&rl->core->lock);
	}
	return error;
}

/* --- who holds ------------------------------------------------------------ */

bool threads_hold_locked(struct reloads *rl, const struct generation *gen)
{
	const void *self = arch_thread_pointer();
	struct thread *t;

	for (t = gen->threads ? rl->linger.threads : NULL; t; t = t->next)
		if (t->gen == gen || (t->self != self && find_locked(t, gen)))
			return true;
	return false;
}

static void name_start(const struct thread *t, char *out, size_t size)
{
	char of[256] = "code of it";

	if (t->function)
		elf_describe(t->gen->object.map, t->function, of, sizeof of);
	if (t->self)
		snprintf(out, size, "thread %d runs %s", t->tid, of);
	else
		snprintf(out, size, "a thread that begins runs %s", of);
}

void threads_name_locked(struct reloads *rl, const struct generation *gen,
			 void (*say)(void *arg, const char *line), void *arg)
{
	const void *self = arch_thread_pointer();
	char line[320];

	for (struct thread *t = rl->linger.threads; t; t = t->next) {
		if (t->gen == gen) {
			name_start(t, line, sizeof line);
			say(arg, line);
		}
		if (t->self == self || !find_locked(t, gen))
			continue;
		snprintf(line, sizeof line, "thread %d has a thread_local of it", t->tid);
		say(arg, line);
	}
}

void threads_forked(struct reloads *rl)
{
	struct thread *t, *next;

	for (t = rl->linger.threads; t; t = next) {
		next = t->next;
		if (t->self != arch_thread_pointer())
			free_thread_locked(rl, t);
	}
}
