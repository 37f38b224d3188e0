#include "reload/takeover.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "adapter/adapter.h"
#include "core/core.h"
#include "core/error.h"
#include "entry/entry.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "loader/elf.h"
#include "loader/ldso.h"
#include "loader/loader.h"
#include "loader/transaction.h"
#include "reload/commit.h"
#include "reload/init.h"
#include "reload/job.h"
#include "reload/move.h"
#include "reload/reloads.h"
#include "reload/retire.h"
#include "reload/state_hooks.h"

/* Function addresses of an open guest must lead somewhere in the new build.  After the
 * last dlclose nobody may call them; those that lead nowhere trap. */
static bool has_all_functions(struct job *job)
{
	const char *lacks;

	if (!entry_prepare(job->rl->entries, job->gen, &job->table, &lacks)) {
		job_out_of_memory(job);
		return false;
	}
	if (!job->reloading || (job->options.flags & GOAUDIT_RELOAD_LACKING))
		return true;
	if (lacks)
		error_set(job->rl->core,
			  "%s: the new build has no function %s, whose address "
			  "is in use: put it back, or restart the process",
			  job->guest->path, lacks);
	return !lacks;
}

/* Callers keep passing the arguments of the build whose address they took, so signatures
 * must not change while the guest is open. */
static bool has_same_signatures(struct job *job)
{
	const char **names;
	bool same = true;
	size_t n;

	if (!job->reloading || job->guest->raw ||
	    (job->options.flags & GOAUDIT_RELOAD_ANY_SIGNATURE) || !job->gen->described ||
	    !job->old || !job->old->described)
		return true;
	names = entry_names(job->rl->entries, job->guest, &n);
	if (!names) {
		job_out_of_memory(job);
		return false;
	}
	if (n)
		same = move_check_exports(job->rl, job->old, job->gen, names, n) == 0;
	free(names);
	return same;
}

/* Does the caller of dlreload2 take it? */
static bool is_accepted(struct job *job)
{
	const struct goaudit_reload_options *o = &job->options;
	char *why;

	if (!o->check)
		return true;
	why = o->check(o->check_symbol ? elf_lookup(job->gen->object.map, o->check_symbol) :
					 NULL,
		       o->check_arg);
	if (!why)
		return true;
	error_set(job->rl->core, "%s", why);
	job->rl->loader->host.free(why);
	return false;
}

/* What the old generation leaves to the new one, which is initialised. */
static bool take_over_state(struct job *job)
{
	if (job->old && (job->options.flags & GOAUDIT_RELOAD_VARIABLES) &&
	    move_variables(job->rl, job->old, job->gen, job->options.variables) != 0)
		return false;
	return state_hooks_run(job->rl, job->old, job->gen);
}

/* While inits and goaudit_load ran, functions of the old generation may have been looked
 * up. */
static bool fits_still(struct job *job)
{
	if (entry_is_complete(job->rl->entries, job->gen, job->table))
		return true;
	entry_discard(job->rl->entries, job->table);
	job->table = NULL;
	return has_all_functions(job) && has_same_signatures(job);
}

static void nothing(void *arg)
{
	(void)arg;
}

/* Does ld.so call us?  What has been settled with the runtime cannot be taken back. */
static bool can_commit(struct job *job)
{
	if (transaction_run(job->rl->loader, nothing, NULL))
		return true;
	error_set(job->rl->core, "%s: %s", job->guest->path, LDSO_NOT_CALLED);
	return false;
}

/* Neither committed nor rolled back.  The old generation goes on, and the next step that
 * ld.so lets us make takes the new one out. */
static void strand(struct job *job)
{
	struct reloads *rl = job->rl;

	entry_discard(rl->entries, job->table);
	pthread_mutex_lock(&rl->core->lock);
	job->gen->owner = NULL;
	job->gen->rolled_back = true;
	job->guest->current = job->old;
	pthread_mutex_unlock(&rl->core->lock);
	retire_strand(rl, job->gen);
	error_set(rl->core, "%s: %s", job->guest->path, LDSO_NOT_CALLED);
	job->outcome = FAILED;
	job->handle = NULL;
}

bool takeover_prepare(struct job *job)
{
	struct reloads *rl = job->rl;
	struct generation *gen = job->gen;
	unsigned limit = job->options.init_timeout_ms;

	if (!has_all_functions(job) || !has_same_signatures(job))
		return false;
	if (gen->adapter->initialise &&
	    init_run(rl, gen, limit ? limit : rl->core->settings.init_timeout) != INIT_GOOD)
		return false;
	job->initialised = true;
	pthread_mutex_lock(&rl->core->lock);
	gen->started = true;
	pthread_mutex_unlock(&rl->core->lock);
	return is_accepted(job) && take_over_state(job) && fits_still(job);
}

void takeover_end(struct job *const *jobs, unsigned n, bool good)
{
	struct commit commit = { jobs, n };
	struct reloads *rl = jobs[0]->rl;

	good = good && can_commit(jobs[0]);
	for (unsigned i = 0; i < n; i++)
		if (jobs[i]->initialised && jobs[i]->gen->adapter->end_takeover)
			jobs[i]->gen->adapter->end_takeover(rl->adapters, jobs[i]->gen, !good);
	if (transaction_run(rl->loader, good ? commit_switch : commit_roll_back, &commit))
		return;
	for (unsigned i = 0; i < n; i++)
		strand(jobs[i]);
}
