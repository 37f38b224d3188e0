#include "reload/commit.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/core.h"
#include "core/error.h"
#include "entry/entry.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/records.h"
#include "guest/registry.h"
#include "reload/close.h"
#include "reload/job.h"
#include "reload/reloads.h"
#include "reload/retire.h"

void job_out_of_memory(struct job *job)
{
	error_set(job->rl->core, "%s: out of memory: close some guests", job->guest->path);
}

void commit_add_reference_locked(struct generation *gen, int mode)
{
	records_begin_locked();
	gen->info->references++;
	records_end_locked();
	gen->permanent |= (mode & RTLD_NODELETE) != 0;
}

void commit_show_map(struct job *job)
{
	const struct link_map *map = job->handle;
	struct link_map *shown = &job->guest->handle;

	if (job->outcome != DONE || !map)
		return;
	shown->l_addr = map->l_addr;
	shown->l_name = map->l_name;
	shown->l_ld = map->l_ld;
}

/* A newer generation has taken over from this one.  In a transaction. */
static void supersede(struct job *job, struct generation *gen)
{
	struct reloads *rl = job->rl;

	pthread_mutex_lock(&rl->core->lock);
	gen->left = true;
	pthread_mutex_unlock(&rl->core->lock);
	if (!retire_is_unreferenced(gen)) {
		pthread_mutex_lock(&rl->core->lock);
		registry_set_state_locked(rl->guests, gen, GOAUDIT_SUPERSEDED);
		pthread_mutex_unlock(&rl->core->lock);
	} else if (job->reloading) {
		retire_below_caller(rl, gen);
	} else {
		retire_generation(rl, gen);
	}
}

static void roll_back(struct job *job)
{
	struct reloads *rl = job->rl;

	entry_discard(rl->entries, job->table);
	retire_hide(rl, job->gen);
	pthread_mutex_lock(&rl->core->lock);
	job->gen->owner = NULL;
	job->gen->rolled_back = true;
	pthread_mutex_unlock(&rl->core->lock);
	retire_generation(rl, job->gen);
	pthread_mutex_lock(&rl->core->lock);
	job->guest->current = job->old;
	pthread_mutex_unlock(&rl->core->lock);
	retire_undo(rl, job->old);
	job->outcome = FAILED;
	job->handle = NULL;
}

void commit_roll_back(void *arg)
{
	const struct commit *c = arg;

	for (unsigned i = 0; i < c->n; i++)
		roll_back(c->jobs[i]);
}

/* Whose references the new generation gets.  With our lock. */
static void take_references_locked(struct job *job)
{
	struct generation *old = job->old, *gen = job->gen, *mine = job->reloading;

	if (!job->guest->raw && old) {
		records_begin_locked();
		gen->info->references += old->info->references;
		old->info->references = 0;
		records_end_locked();
		mine = NULL;
	}
	if (mine)
		close_drop_reference_locked(mine);
	if (mine || !job->reloading)
		commit_add_reference_locked(gen, job->request->mode);
}

/* Where a link has been turned, the guest's name leads to another path; all or none.  With our
 * lock. */
static bool turn_locked(const struct commit *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct job *job = c->jobs[i];

		if (!job->turned)
			continue;
		job->path = job->guest->path;
		job->name = job->guest->name;
		if (registry_turn_locked(job->rl->guests, job->guest, job->request->path,
					 job->request->name))
			continue;
		/* The texts of old are there. */
		while (i-- > 0)
			if (c->jobs[i]->turned)
				registry_turn_locked(job->rl->guests, c->jobs[i]->guest,
						     c->jobs[i]->path, c->jobs[i]->name);
		return false;
	}
	return true;
}

/* The first whose table does not lead from all entries; NULL: none.  With our lock. */
static struct job *incomplete_locked(const struct commit *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (!entry_fits_locked(c->jobs[i]->gen, c->jobs[i]->table))
			return c->jobs[i];
	return NULL;
}

static void switch_one_locked(struct job *job)
{
	struct reloads *rl = job->rl;

	entry_switch_locked(rl->entries, job->gen, job->table);
	job->table = NULL;
	job->gen->owner = NULL;
	take_references_locked(job);
	registry_set_state_locked(rl->guests, job->gen, GOAUDIT_OPEN);
}

/* From one moment on handles, entries and references are the new generations'.
 * Returns false when out of memory. */
static bool switch_over(const struct commit *c)
{
	struct reloads *rl = c->jobs[0]->rl;
	struct job *job;
	const char *lacks;
	bool good;

	pthread_mutex_lock(&rl->core->lock);
	while ((job = incomplete_locked(c))) {
		pthread_mutex_unlock(&rl->core->lock);
		/* Functions have been looked up meanwhile. */
		entry_discard(rl->entries, job->table);
		if (!entry_prepare(rl->entries, job->gen, &job->table, &lacks))
			return false;
		pthread_mutex_lock(&rl->core->lock);
	}
	good = turn_locked(c);
	for (unsigned i = 0; i < c->n && good; i++)
		switch_one_locked(c->jobs[i]);
	pthread_mutex_unlock(&rl->core->lock);
	return good;
}

/* What follows for the generations of before. */
static void settle(struct job *job)
{
	struct reloads *rl = job->rl;
	struct generation *old = job->old, *gen = job->gen, *mine = job->reloading;

	job->outcome = DONE;
	commit_show_map(job);
	retire_replaced(rl, job->guest);
	if (old)
		supersede(job, old);
	/* One more is kept, so another one is not. */
	if (old && retire_keeps(rl, old))
		retire_replaced(rl, job->guest);
	/* The caller may have come from an older one still. */
	if (mine && mine != old && retire_is_unreferenced(mine))
		retire_below_caller(rl, mine);
	/* All have closed it while it was reloaded. */
	if (retire_is_unreferenced(gen))
		close_unreferenced(rl, gen);
}

void commit_switch(void *arg)
{
	const struct commit *c = arg;

	if (!switch_over(c)) {
		job_out_of_memory(c->jobs[0]);
		commit_roll_back(arg);
		return;
	}
	for (unsigned i = 0; i < c->n; i++)
		settle(c->jobs[i]);
}
