#include "reload/reload.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapter/adapter.h"
#include "adapter/languages.h"
#include "core/arch.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "entry/entry.h"
#include "goaudit-debug.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/instances.h"
#include "guest/records.h"
#include "guest/registry.h"
#include "guest/snapshot.h"
#include "guest/stamp.h"
#include "loader/debugger.h"
#include "loader/elf.h"
#include "loader/folder.h"
#include "loader/host.h"
#include "loader/ldso.h"
#include "loader/loader.h"
#include "loader/locks.h"
#include "loader/real.h"
#include "loader/transaction.h"
#include "reload/close.h"
#include "reload/commit.h"
#include "reload/farewell.h"
#include "reload/forget.h"
#include "reload/init.h"
#include "reload/job.h"
#include "reload/leave.h"
#include "reload/load.h"
#include "reload/move.h"
#include "reload/needed.h"
#include "reload/reaper.h"
#include "reload/recover.h"
#include "reload/reloads.h"
#include "reload/retire.h"
#include "reload/takeover.h"

static void initialise(struct job *job)
{
	bool good = takeover_prepare(job);

	takeover_end(&job, 1, good);
}

/* --- opening -------------------------------------------------------------- */

static bool hideable(struct job *job)
{
	const char *why = ldso_validate(job->rl->loader);

	if (!why)
		return true;
	pthread_mutex_lock(&job->rl->core->lock);
	records_begin_locked();
	snprintf(goaudit_debug.refusal, sizeof goaudit_debug.refusal, "%s", why);
	records_end_locked();
	pthread_mutex_unlock(&job->rl->core->lock);
	if (!job->request->reloadable)
		return true; /* it runs, and is kept for ever */
	if (job->rl->loader->ldso.checked)
		error_set(job->rl->core,
			  "%s: reloading is off in this process: %s: use a glibc "
			  "that goaudit(7) lists",
			  job->guest->path, why);
	else
		error_set(job->rl->core,
			  "%s: ld.so cannot be checked now: %s: free memory, space "
			  "or descriptors",
			  job->guest->path, why);
	job->outcome = FAILED;
	return false;
}

static void promote(struct job *job, struct generation *gen)
{
	void *h;

	if (!(job->request->mode & RTLD_GLOBAL))
		return;
	gen->opened_global = true;
	h = dlmopen(LM_ID_BASE, gen->info->snapshot, RTLD_LAZY | RTLD_NOLOAD | RTLD_GLOBAL);
	if (h)
		dlclose(h);
}

static void in_its_own_hook(struct job *job)
{
	error_set(job->rl->core,
		  "%s: its own goaudit_leave or goaudit_return cannot reload it: "
		  "do so later",
		  job->guest->path);
	job->outcome = FAILED;
}

/* One look at the guest, and one step.  In a transaction. */
static void open_step(void *arg)
{
	struct job *job = arg;
	struct reloads *rl = job->rl;
	struct generation *cur;
	uint32_t state;
	bool own;

	recover(rl);
	cur = job->guest->current;
	state = cur ? cur->info->state : GOAUDIT_FREE;
	own = cur && cur->owner == arch_thread_pointer();
	job->handle = NULL;
	job->outcome = DONE;
	if ((state == GOAUDIT_INITIALISING && !own) ||
	    (state == GOAUDIT_PARKED && leave_is_anothers(cur))) {
		job->outcome = BUSY;
	} else if (state == GOAUDIT_PARKED && leave_is_below(job, cur)) {
		in_its_own_hook(job);
	} else if (state == GOAUDIT_OPEN || state == GOAUDIT_INITIALISING ||
		   (state == GOAUDIT_LOADING && cur->object.map)) {
		promote(job, cur);
		pthread_mutex_lock(&rl->core->lock);
		commit_add_reference_locked(cur, job->request->mode);
		cur->reloadable |= job->request->reloadable;
		pthread_mutex_unlock(&rl->core->lock);
		job->handle = cur->object.map;
	} else if (job->request->mode & RTLD_NOLOAD) {
		job->handle = NULL;
	} else if (state == GOAUDIT_PARKED && job->unchanged && cur == job->seen) {
		retire_relist(rl, cur);
		pthread_mutex_lock(&rl->core->lock);
		commit_add_reference_locked(cur, job->request->mode);
		registry_set_state_locked(rl->guests, cur, GOAUDIT_OPEN);
		pthread_mutex_unlock(&rl->core->lock);
		job->handle = cur->object.map;
		promote(job, cur);
	} else if (!job->snapshot.file[0]) {
		job->outcome = PREPARE;
	} else if (hideable(job)) {
		job->outcome = LEAVE;
		if (!leave_claim(job, cur))
			load_generation(job);
		if (job->outcome == INITIALISE && !job->old && !job->gen->adapter->initialise)
			commit_switch(&(struct commit){ &job, 1 }); /* nothing takes time */
	}
	commit_show_map(job);
}

/* Reads the file: is its content that hash's?  false: dlerror is set. */
static bool look_at_content(struct job *job, struct generation *cur, const uint64_t *hash,
			    const struct file_stamp *now)
{
	struct reloads *rl = job->rl;
	struct snapshot *s = &job->snapshot;

	if (!s->file[0] && !snapshot_know(rl->guests, now, job->guest, s) &&
	    snapshot_read(rl->guests, job->request->fd, job->request->path, s) != 0)
		return false;
	/* Elsewhere, the same bytes have another $ORIGIN. */
	job->unchanged = memcmp(s->hash, hash, sizeof s->hash) == 0 && !job->turned;
	if (job->unchanged) {
		pthread_mutex_lock(&rl->core->lock);
		/* It may be gone by now, and its record another one's. */
		if (job->guest->current == cur)
			registry_restamp_locked(rl->guests, cur, &s->stamp);
		pthread_mutex_unlock(&rl->core->lock);
	}
	return true;
}

/* Are the file, and the libraries that it needs, what the current generation was made
 * from?  Without locks: the
 * answer is about `seen`, and a step checks that it is still the current one.
 * Reads the file when its stamps do not tell.  false: dlerror is set. */
static bool look_at_file(struct job *job)
{
	struct reloads *rl = job->rl;
	struct generation *cur;
	struct file_stamp then, now;
	uint64_t hash[2];
	struct stat st;

	job->unchanged = false;
	pthread_mutex_lock(&rl->core->lock);
	cur = job->seen = job->guest->current;
	if (cur) {
		then = cur->stamp;
		memcpy(hash, cur->hash, sizeof hash);
	}
	/* An open guest is what it is, unless it is to be reloaded. */
	if (!job->reloading && cur && cur->info->state != GOAUDIT_PARKED)
		cur = NULL;
	pthread_mutex_unlock(&rl->core->lock);
	if (!cur || fstat(job->request->fd, &st) != 0)
		return true;
	now = stamp_of(&st);
	job->unchanged = stamp_same(&now, &then) && !then.racy && !job->turned;
	if (job->request->mode & RTLD_NOLOAD)
		return true;
	if (!job->unchanged && !look_at_content(job, cur, hash, &now))
		return false;
	job->unchanged = job->unchanged && !needed_changed(rl, cur);
	return true;
}

/* Makes the snapshot, and the runtime run that it needs. */
static bool prepare(struct job *job)
{
	struct reloads *rl = job->rl;
	struct snapshot *s = &job->snapshot;
	const char *path = job->guest->path;
	const struct adapter *a;

	if (s->file[0])
		return true;
	if (!s->data && !s->known && job->request->fd >= 0 &&
	    snapshot_read(rl->guests, job->request->fd, job->request->path, s) != 0)
		return false;
	if (snapshot_make(rl->guests, job->request->path, s) != 0)
		return false;
	host_hook(rl->loader);
	a = languages_find(&s->facts);
	if (a->reaped && reaper_admit(rl, path) != 0)
		return false;
	if (a->prepare &&
	    a->prepare(rl->adapters, &s->facts, path,
		       job->request->panic_return || rl->core->settings.panic_return) != 0)
		return false;
	if (a->reaped) {
		reaper_start(rl);
		reaper_throttle(rl);
	}
	return true;
}

/* Waits until the guest is not being initialised by another thread. */
static bool wait_for_guest(struct job *job)
{
	struct reloads *rl = job->rl;
	bool bounded = locks_load_is_mine(rl->loader, true), in_time = true, late = false;
	struct timespec end = clock_deadline(CONSTRUCTOR_WAIT_NS);
	struct generation *cur;

	pthread_mutex_lock(&rl->core->lock);
	while ((cur = job->guest->current) && in_time && !late &&
	       (cur->info->state == GOAUDIT_INITIALISING || leave_is_anothers(cur))) {
		late = leave_is_late(cur);
		in_time = late || clock_wait(&rl->core->changed, &rl->core->lock,
					     bounded ? &end : NULL);
	}
	pthread_mutex_unlock(&rl->core->lock);
	if (late)
		error_set(rl->core,
			  "%s: goaudit_leave or goaudit_return, which an earlier reload has "
			  "called, has not ended: wait for it, or mend it",
			  job->guest->path);
	if (in_time)
		return !late;
	error_set(rl->core,
		  "%s: another thread is initialising it, and this one is in a "
		  "constructor: open it from outside of constructors",
		  job->guest->path);
	return false;
}

static bool step(struct job *job, void (*fn)(void *))
{
	if (transaction_run(job->rl->loader, fn, job))
		return true;
	error_set(job->rl->core, "%s: %s", job->guest->path, LDSO_NOT_CALLED);
	job->outcome = FAILED;
	return false;
}

/* For who looks from outside: the generation that goes on, if there is one, bears it. */
static void note_failure(struct reloads *rl, const struct guest *guest)
{
	struct timespec now;
	char text[512];

	error_copy(rl->core, text, sizeof text);
	clock_gettime(CLOCK_REALTIME, &now);
	pthread_mutex_lock(&rl->core->lock);
	if (guest->current && guest->current->info->state != GOAUDIT_INITIALISING) {
		struct goaudit_generation *info = guest->current->info;

		records_begin_locked();
		info->failed_at = now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
		text_copy(info->failure, sizeof info->failure, text);
		records_end_locked();
	}
	pthread_mutex_unlock(&rl->core->lock);
}

/* Is it clear before the step that a new generation is? */
static bool is_wanted(const struct job *job)
{
	if (job->unchanged || (job->request->mode & RTLD_NOLOAD))
		return false;
	return !job->seen || job->snapshot.data || job->snapshot.known;
}

/* Makes the first step, to where a new generation is to be initialised, or to the end. */
static void begin(struct job *job, void (*first)(void *))
{
	bool going = true;

	while (going) {
		job->outcome = FAILED;
		if (!look_at_file(job))
			break;
		if (is_wanted(job) && !prepare(job))
			break;
		if (!step(job, first))
			break;
		if (job->outcome == BUSY)
			going = wait_for_guest(job);
		else if (job->outcome == PREPARE)
			going = prepare(job);
		else if (job->outcome == LEAVE)
			going = leave_run(job);
		else
			going = job->outcome == RETRY;
	}
}

/* What is left of a job that has come to its outcome.  The guest has been kept, and is
 * released.  Returns the handle, or NULL with dlerror set. */
static void *end(struct job *job)
{
	struct reloads *rl = job->rl;
	void *handle = NULL;

	leave_end(job);
	if (job->snapshot.file[0])
		folder_remove(rl->loader, job->snapshot.file);
	snapshot_release(&job->snapshot);
	if (job->outcome != DONE)
		note_failure(rl, job->guest);
	retire_try(rl, false);
	if (job->outcome == DONE && job->handle)
		handle = job->guest->raw ? job->handle : &job->guest->handle;
	registry_release(rl->guests, job->guest);
	forget_surplus(rl);
	farewell_tell(rl);
	if (handle)
		debugger_loaded(rl->loader);
	return handle;
}

/* Runs one open or reload to its end. */
static void *run(struct job *job, void (*first)(void *))
{
	begin(job, first);
	if (job->outcome == INITIALISE)
		initialise(job);
	return end(job);
}

/* Has everybody closed it? */
static bool is_closed(const struct guest *guest)
{
	for (const struct generation *gen = guest->all; gen; gen = gen->next)
		if (gen->info->references || gen->owner)
			return false;
	return true;
}

/* The guest that a request means.  With our lock. */
static struct guest *find_guest_locked(struct job *job)
{
	const struct open_request *r = job->request;
	struct guest *guest = registry_find_path_locked(job->rl->guests, r->path);
	struct stat st;

	if (guest) {
		/* Of several names, one that can come to lead elsewhere is kept. */
		if (strcmp(r->name, r->path) != 0)
			registry_turn_locked(job->rl->guests, guest, r->path, r->name);
		return guest;
	}
	if (fstat(r->fd, &st) == 0 && (guest = registry_find_file_locked(job->rl->guests, &st)))
		return guest;
	guest = registry_find_name_locked(job->rl->guests, r->name);
	job->turned = guest && is_closed(guest);
	return job->turned ? guest : registry_guest_locked(job->rl->guests, r->path, r->name);
}

void *reload_open(struct reloads *rl, const struct open_request *request)
{
	struct job job = { .rl = rl, .request = request };

	pthread_mutex_lock(&rl->core->lock);
	job.guest = request->instance ? instances_add_locked(rl->guests, request->path,
							     request->name, request->context) :
					find_guest_locked(&job);
	if (job.guest && !job.guest->generations)
		job.guest->raw = request->raw;
	if (job.guest)
		registry_keep_locked(rl->guests, job.guest);
	pthread_mutex_unlock(&rl->core->lock);
	if (!job.guest) {
		error_set(rl->core, "%s: out of memory: close some guests", request->path);
		return NULL;
	}
	job.snapshot.shares = job.guest->instances;
	if (request->instance)
		snapshot_know(rl->guests, &request->stamp, job.guest, &job.snapshot);
	return run(&job, open_step);
}

bool reload_open_existing(struct reloads *rl, const char *path, void **handle)
{
	struct guest *guest;
	bool open;

	pthread_mutex_lock(&rl->core->lock);
	guest = registry_find_path_locked(rl->guests, path);
	open = guest && guest->current && guest->current->info->state == GOAUDIT_OPEN;
	if (open) {
		commit_add_reference_locked(guest->current, 0);
		*handle = registry_handle(guest->current);
	}
	pthread_mutex_unlock(&rl->core->lock);
	return open;
}

bool reload_adopt(struct reloads *rl, void **found, char *path)
{
	struct generation *gen;
	void *handle = *found;
	bool counted = true;

	pthread_mutex_lock(&rl->core->lock);
	gen = registry_find_handle_locked(rl->guests, handle);
	if (gen && gen->info->state <= GOAUDIT_OPEN) {
		commit_add_reference_locked(gen, 0);
		*found = registry_handle(gen);
	} else if (gen) {
		/* All others have closed it since ld.so found it. */
		text_copy(path, PATH_MAX, gen->guest->path);
		counted = false;
	}
	pthread_mutex_unlock(&rl->core->lock);
	if (gen)
		((int (*)(void *))real_dlclose)(handle);
	return counted;
}

bool reload_knows(struct reloads *rl, const void *handle)
{
	bool known;

	pthread_mutex_lock(&rl->core->lock);
	known = registry_find_handle_locked(rl->guests, handle) != NULL;
	pthread_mutex_unlock(&rl->core->lock);
	return known;
}

/* --- reloading ------------------------------------------------------------ */

static void reload_step(void *arg)
{
	struct job *job = arg;
	struct reloads *rl = job->rl;
	struct generation *gen, *cur;

	recover(rl);
	cur = job->guest->current;
	/* Another thread may have replaced what the handle stands for. */
	if (!job->guest->raw && job->guest->serving)
		job->reloading = job->guest->serving;
	gen = job->reloading;
	job->outcome = DONE;
	if (cur && ((cur->info->state == GOAUDIT_INITIALISING &&
		     cur->owner != arch_thread_pointer()) ||
		    leave_is_anothers(cur))) {
		job->outcome = BUSY;
	} else if (cur && leave_is_below(job, cur)) {
		in_its_own_hook(job);
	} else if (cur && cur->owner) {
		error_set(rl->core,
			  "%s: its own constructor or package init cannot "
			  "reload it: do so later",
			  job->guest->path);
		job->outcome = FAILED;
	} else if (cur != job->seen) {
		job->outcome = RETRY;
	} else if (job->unchanged && cur == gen) {
		retire_unlist(rl, gen);
		retire_relist(rl, gen);
		job->handle = gen->object.map;
	} else if (job->unchanged && cur) {
		/* Somebody else has brought the new file in: move over to it. */
		pthread_mutex_lock(&rl->core->lock);
		if (cur->info->state == GOAUDIT_PARKED) {
			pthread_mutex_unlock(&rl->core->lock);
			retire_relist(rl, cur);
			pthread_mutex_lock(&rl->core->lock);
			registry_set_state_locked(rl->guests, cur, GOAUDIT_OPEN);
		}
		commit_add_reference_locked(cur, 0);
		close_drop_reference_locked(gen);
		pthread_mutex_unlock(&rl->core->lock);
		if (retire_is_unreferenced(gen))
			retire_below_caller(rl, gen);
		job->handle = cur->object.map;
	} else if (!job->snapshot.file[0]) {
		job->outcome = PREPARE;
	} else if (hideable(job)) {
		job->outcome = LEAVE;
		if (!leave_claim(job, cur))
			load_generation(job);
	}
	commit_show_map(job);
}

/* One dlreload, and what it is asked for. */
struct reloading {
	struct job job;
	struct open_request request;
	char *name, *path;
};

/* Finds the guest, which is kept until the job's end, and opens its file.  Returns false, with
 * dlerror set and nothing left to do. */
static bool begin_reload(struct reloads *rl, struct reloading *r, void *handle,
			 const struct goaudit_reload_options *options)
{
	struct job *job = &r->job;
	struct open_request *request = &r->request;

	*r = (struct reloading){ .job = { .rl = rl, .request = request },
				 .request = { .mode = RTLD_NOW, .reloadable = true } };
	if (options)
		memcpy(&job->options, options,
		       options->size < sizeof job->options ? options->size :
							     sizeof job->options);
	pthread_mutex_lock(&rl->core->lock);
	job->reloading = registry_find_handle_locked(rl->guests, handle);
	if (job->reloading && !job->reloading->info->references)
		job->reloading = NULL;
	job->guest = job->reloading ? job->reloading->guest : NULL;
	if (job->guest)
		registry_keep_locked(rl->guests, job->guest);
	pthread_mutex_unlock(&rl->core->lock);
	if (!job->reloading) {
		error_set(rl->core,
			  "%p: not an open handle of a reloadable object: open it "
			  "with RTLD_RELOADABLE first",
			  handle);
		return false;
	}
	r->name = registry_name(rl->guests, job->guest);
	r->path = r->name ? realpath(r->name, NULL) : NULL;
	request->fd = r->path ? open(r->path, O_RDONLY | O_CLOEXEC) : -1;
	if (request->fd < 0) {
		error_set(rl->core, "%s: cannot be read: %m: the old generation goes on",
			  r->name ? r->name : job->guest->path);
		note_failure(rl, job->guest);
		free(r->path);
		free(r->name);
		registry_release(rl->guests, job->guest);
		return false;
	}
	request->path = r->path;
	request->name = r->name;
	job->snapshot.shares = job->guest->instances;
	job->turned = strcmp(r->path, job->guest->path) != 0;
	request->panic_return = job->reloading->panic_return;
	if (job->reloading->object.global)
		request->mode |= RTLD_GLOBAL;
	return true;
}

/* After the job's end. */
static void end_reload(struct reloading *r)
{
	close(r->request.fd);
	free(r->path);
	free(r->name);
}

void *reload_reload(struct reloads *rl, void *handle,
		    const struct goaudit_reload_options *options)
{
	struct reloading r;

	if (!begin_reload(rl, &r, handle, options))
		return NULL;
	handle = run(&r.job, reload_step);
	end_reload(&r);
	return handle;
}

/* Loads and initialises the next generation of each.  The new ones, *n of them, are at
 * `news`.  Returns false when one has failed. */
static bool prepare_all(struct reloading *r, unsigned count, struct job **news, unsigned *n)
{
	bool good = true;

	for (unsigned i = 0; i < count && good; i++) {
		struct job *job = &r[i].job;

		begin(job, reload_step);
		if (job->outcome == INITIALISE) {
			news[(*n)++] = job;
			good = takeover_prepare(job);
		} else {
			good = job->outcome == DONE;
		}
	}
	return good;
}

int reload_together(struct reloads *rl, void *const *handles, unsigned count,
		    const struct goaudit_reload_options *options)
{
	struct reloading *r = calloc(count + 1, sizeof *r);
	struct job **news = calloc(count + 1, sizeof(struct job *));
	unsigned open = 0, n = 0;
	bool good = r && news;

	if (!good)
		error_set(rl->core, "%u instances: out of memory: close some guests", count);
	/* One that has been closed meanwhile is none of them. */
	for (unsigned i = 0; i < count && good; i++)
		if (begin_reload(rl, &r[open], handles[i], options))
			open++;
		else
			good = !reload_knows(rl, handles[i]);
	good = good && prepare_all(r, open, news, &n);
	if (n)
		takeover_end(news, n, good);
	for (unsigned i = 0; i < n; i++)
		good = good && news[i]->outcome == DONE;
	for (unsigned i = open; i-- > 0;) {
		if (!good)
			r[i].job.outcome = FAILED; /* those that need not move, too */
		end(&r[i].job);
		end_reload(&r[i]);
	}
	free(news);
	free(r);
	return good ? (int)open : -1;
}

/* --- exit ----------------------------------------------------------------- */

static void reinsert_all(void *arg)
{
	struct reloads *rl = arg;

	recover(rl);
	for (struct generation *g = rl->guests->registry.live; g; g = g->next_live)
		if (g->object.hidden && g->object.map) {
			ldso_reinsert(rl->loader, g->object.map, g->object.global);
			g->object.hidden = false;
		}
}

void reload_finish(struct reloads *rl)
{
	if (!transaction_run(rl->loader, reinsert_all, rl))
		log_line(rl->core, "destructors of closed guests do not run: %s",
			 LDSO_NOT_CALLED);
}
