#include "reload/reload.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/arch.h"
#include "core/clock.h"
#include "reload/close.h"
#include "loader/debugger.h"
#include "reload/state_hooks.h"
#include "loader/host.h"
#include "reload/move.h"
#include "reload/init.h"
#include "loader/redirect.h"
#include "guest/records.h"
#include "reload/needed.h"
#include "reload/recover.h"
#include "reload/retire.h"
#include "api/goaudit.h"
#include "core/text.h"

enum outcome {
	DONE,		/* job.handle is the answer */
	PREPARE,	/* a new generation is needed, but no snapshot was made */
	BUSY,		/* another thread initialises the guest: wait, try again */
	INITIALISE,	/* loaded; a Go generation's inits are to be run */
	FAILED,		/* dlerror is set */
};

/* One open or reload while it is under way; lives on its thread's stack. */
struct job {
	struct goaudit *ga;
	const struct open_request *request;
	struct guest *guest;
	struct snapshot snapshot;	/* what has been read and made so far */
	bool unchanged;			/* the file is that of `seen` */
	bool turned;			/* request->path is not where the guest's name led */
	struct generation *seen;	/* current generation when the file was looked at */
	struct generation *reloading;	/* dlreload: the caller's generation; else NULL */
	struct goaudit_reload_options options;
	struct generation *old, *gen;	/* current before, and new */
	struct gate_table *table;	/* for the entries, from initialise to the end */
	enum outcome outcome;
	void *handle;
};

static void out_of_memory(struct job *job)
{
	error_set(job->ga, "%s: out of memory: close some guests", job->guest->path);
}

static void add_reference(struct generation *gen, int mode)
{
	journal_begin();
	gen->info->references++;
	journal_end();
	gen->permanent |= (mode & RTLD_NODELETE) != 0;
}

/* --- loading -------------------------------------------------------------- */

/* ld.so's words (elf/dl-reloc.c, _dl_allocate_static_tls). */
static bool is_about_static_tls(const char *text)
{
	return text && strstr(text, "static TLS");
}

/* dlerror's text of a failed dlmopen, with the user's name for the file. */
static void loader_error(struct goaudit *ga, const struct generation *gen, const char *text)
{
	const char *snapshot = gen->info->snapshot, *cure = "";
	size_t n = strlen(snapshot);

	if (is_about_static_tls(text))
		cure = ": each generation takes its share: start the program with "
		       "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536, or build the "
		       "guest with -ftls-model=global-dynamic";
	if (text && strncmp(text, snapshot, n) == 0)
		error_set(ga, "%s%s%s", gen->guest->path, text + n, cure);
	else
		error_set(ga, "%s: %s%s", gen->guest->path,
			  text ? text : "cannot be loaded", cure);
}

static struct generation *new_generation(struct job *job)
{
	struct goaudit *ga = job->ga;
	const struct snapshot *s = &job->snapshot;
	struct generation *gen = registry_generation(ga, job->guest);

	if (!gen)
		return NULL;
	gen->owner = arch_thread_pointer();
	registry_describe(gen, s, job->request->path);
	gen->reloadable = job->request->reloadable;
	gen->guarded = s->facts.kind == IMAGE_GO_GUEST &&
		       (job->request->guarded || ga->settings.panic_return);
	gen->opened_global = (job->request->mode & RTLD_GLOBAL) != 0;
	return gen;
}

/* The new generation did not load: it never was. */
static void discard(struct job *job)
{
	struct goaudit *ga = job->ga;
	struct generation *gen = job->gen;

	if (gen->map && ldso_lists(ga, gen->map, gen->info->snapshot)) {
		job->snapshot.file[0] = 0;	/* the generation's, until it is out */
		retire_failed(ga, gen);
		return;
	}
	pthread_mutex_lock(&ga->lock);
	gen->guest->generations--;
	registry_set_state(ga, gen, GOAUDIT_GONE);
	pthread_mutex_unlock(&ga->lock);
}

/* la_objopen: the object is mapped, nothing of it has run. */
void reload_mapped(struct goaudit *ga, struct link_map *map)
{
	struct generation *gen;

	if (!snapshot_is_ours(ga, map->l_name))
		return;
	pthread_mutex_lock(&ga->lock);
	gen = registry_find_snapshot(ga, map->l_name);
	if (gen && gen->info->state == GOAUDIT_LOADING) {
		gen->map = map;
		journal_begin();
		gen->info->handle = (uintptr_t)registry_handle(gen);
		ldso_range(map, (uintptr_t *)&gen->info->lo,
			   (uintptr_t *)&gen->info->hi);
		journal_end();
	}
	pthread_mutex_unlock(&ga->lock);
}

/* glibc gives static TLS back where what is unmapped had it last, so with the old
 * generation out of the way its successor gets its share.  Only of a C guest that
 * everybody has closed; it is gone even if the new one does not load.  Returns whether
 * there is room now.  In a transaction. */
static bool make_way(struct job *job)
{
	struct goaudit *ga = job->ga;
	struct generation *old = job->old;

	if (!old || old->info->is_go || old->info->state != GOAUDIT_PARKED)
		return false;
	goaudit_log(ga, "%s: static TLS is short: generation %u goes before the new one comes",
		    job->guest->path, old->info->number);
	retire_generation(ga, old);
	job->old = NULL;
	return old->info->state == GOAUDIT_GONE;
}

/* ld.so's handle for the new generation; NULL: dlerror is set. */
static struct link_map *map_snapshot(struct job *job, struct call *plain)
{
	struct goaudit *ga = job->ga;
	const struct generation *gen = job->gen;
	int mode = job->request->mode & ~RTLD_NODELETE;
	const char *text;
	struct link_map *map;

	call_push(ga, plain);
	map = dlmopen(LM_ID_BASE, gen->info->snapshot, mode);
	text = map ? NULL : dlerror();
	if (is_about_static_tls(text) && make_way(job)) {
		plain->needed->over = false;
		map = dlmopen(LM_ID_BASE, gen->info->snapshot, mode);
		text = map ? NULL : dlerror();
	}
	call_pop(ga, plain);
	if (!map && !plain->needed->failed)
		loader_error(ga, gen, text);
	return map;
}

/* Loads job->snapshot as the guest's next generation.  In a transaction. */
static void load(struct job *job)
{
	struct goaudit *ga = job->ga;
	struct needed_load needed = { .guest = job->guest };
	struct call plain = { .kind = CALL_PLAIN, .needed = &needed };
	struct generation *gen;
	struct link_map *map;
	uint64_t begin;

	pthread_mutex_lock(&ga->lock);
	job->old = job->guest->current;
	gen = job->gen = new_generation(job);
	if (gen)
		gen->before = job->old;
	/* Its constructors may open it themselves. */
	if (gen)
		job->guest->current = gen;
	pthread_mutex_unlock(&ga->lock);
	if (!gen) {
		error_set(ga, "%s: no room for the record of another generation, there are %u: "
			  "close some guests, or raise the limit of address space",
			  job->guest->path, goaudit_debug.records);
		job->outcome = FAILED;
		return;
	}
	/* Two generations in the list at once would mix up their symbols. */
	if (job->old && !job->old->hidden)
		retire_hide(ga, job->old);
	needed_begin(ga, &needed);
	begin = clock_ns();
	map = map_snapshot(job, &plain);
	needed_end(ga, &needed, map != NULL);
	if (!map) {
		pthread_mutex_lock(&ga->lock);
		job->guest->current = job->old;
		pthread_mutex_unlock(&ga->lock);
		retire_undo(ga, job->old);
		needed_settle(ga, &needed);
		discard(job);
		job->outcome = FAILED;
		return;
	}
	gen->module = plain.module;
	pins_take_needed(ga, gen);
	needed_settle(ga, &needed);
	pthread_mutex_lock(&ga->lock);
	journal_begin();
	gen->info->load_ns = clock_ns() - begin;
	journal_end();
	registry_set_state(ga, gen, GOAUDIT_INITIALISING);
	pthread_mutex_unlock(&ga->lock);
	job->snapshot.file[0] = 0;	/* the generation's from now on */
	job->handle = map;
	job->outcome = INITIALISE;
}

/* What a program that takes a handle for a link_map reads there.  In a transaction:
 * later the object may be gone, or another one stand for the handle. */
static void show_map(struct job *job)
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
	struct goaudit *ga = job->ga;

	if (!retire_is_unreferenced(gen)) {
		pthread_mutex_lock(&ga->lock);
		registry_set_state(ga, gen, GOAUDIT_SUPERSEDED);
		pthread_mutex_unlock(&ga->lock);
	} else if (job->reloading) {
		retire_below_caller(ga, gen);
	} else {
		retire_generation(ga, gen);
	}
}

/* The new one is no good: the old generation is the current one again. */
static void roll_back(void *arg)
{
	struct job *job = arg;
	struct goaudit *ga = job->ga;

	gate_discard(ga, job->table);
	retire_hide(ga, job->gen);
	pthread_mutex_lock(&ga->lock);
	job->gen->owner = NULL;
	job->gen->rolled_back = true;
	pthread_mutex_unlock(&ga->lock);
	retire_generation(ga, job->gen);
	pthread_mutex_lock(&ga->lock);
	job->guest->current = job->old;
	pthread_mutex_unlock(&ga->lock);
	retire_undo(ga, job->old);
	job->outcome = FAILED;
	job->handle = NULL;
}

/* Whose references the new generation gets.  With our lock. */
static void take_references(struct job *job)
{
	struct generation *old = job->old, *gen = job->gen, *mine = job->reloading;

	if (!job->guest->raw && old) {
		journal_begin();
		gen->info->references += old->info->references;
		old->info->references = 0;
		journal_end();
		mine = NULL;
	}
	if (mine)
		close_drop_reference(mine);
	if (mine || !job->reloading)
		add_reference(gen, job->request->mode);
}

/* From one moment on handle, entries and references are the new generation's.
 * Returns false when out of memory. */
static bool switch_over(struct job *job)
{
	struct goaudit *ga = job->ga;
	const char *lacks;

	for (;;) {
		pthread_mutex_lock(&ga->lock);
		if (job->turned &&
		    !registry_turn(job->guest, job->request->path, job->request->name)) {
			pthread_mutex_unlock(&ga->lock);
			return false;
		}
		if (gate_switch(ga, job->gen, job->table))
			break;
		pthread_mutex_unlock(&ga->lock);
		/* Functions have been looked up meanwhile. */
		gate_discard(ga, job->table);
		if (!gate_prepare(ga, job->gen, &job->table, &lacks))
			return false;
	}
	job->table = NULL;
	job->gen->owner = NULL;
	take_references(job);
	registry_set_state(ga, job->gen, GOAUDIT_OPEN);
	pthread_mutex_unlock(&ga->lock);
	return true;
}

/* The new generation is good: it becomes the current one for all. */
static void commit(void *arg)
{
	struct job *job = arg;
	struct goaudit *ga = job->ga;
	struct generation *old = job->old, *gen = job->gen, *mine = job->reloading;

	if (!switch_over(job)) {
		out_of_memory(job);
		roll_back(job);
		return;
	}
	job->outcome = DONE;
	show_map(job);
	retire_replaced(ga, job->guest);
	if (old)
		supersede(job, old);
	/* The caller may have come from an older one still. */
	if (mine && mine != old && retire_is_unreferenced(mine))
		retire_below_caller(ga, mine);
	/* All have closed it while it was reloaded. */
	if (retire_is_unreferenced(gen))
		close_unreferenced(ga, gen);
}

/* Function addresses of an open guest must lead somewhere in the new build.  After the
 * last dlclose nobody may call them; those that lead nowhere trap. */
static bool has_all_functions(struct job *job)
{
	const char *lacks;

	if (!gate_prepare(job->ga, job->gen, &job->table, &lacks)) {
		out_of_memory(job);
		return false;
	}
	if (!job->reloading || (job->options.flags & GOAUDIT_RELOAD_LACKING))
		return true;
	if (lacks)
		error_set(job->ga, "%s: the new build has no function %s, whose address "
			  "is in use: put it back, or restart the process",
			  job->guest->path, lacks);
	return !lacks;
}

/* Who has an address of an open guest calls it with the arguments that he knows. */
static bool has_same_signatures(struct job *job)
{
	const char **names;
	bool same = true;
	size_t n;

	if (!job->reloading || job->guest->raw ||
	    (job->options.flags & GOAUDIT_RELOAD_ANY_SIGNATURE) || !job->gen->described ||
	    !job->old || !job->old->described)
		return true;
	names = gate_names(job->ga, job->guest, &n);
	if (!names) {
		out_of_memory(job);
		return false;
	}
	if (n)
		same = inherit_check_exports(job->ga, job->old, job->gen, &job->snapshot,
					     names, n) == 0;
	free(names);
	return same;
}

/* What the old generation leaves to the new one, which is initialised. */
static bool take_over_state(struct job *job)
{
	if (job->old && (job->options.flags & GOAUDIT_RELOAD_VARIABLES) &&
	    inherit_variables(job->ga, job->old, job->gen, &job->snapshot,
			      job->options.variables) != 0)
		return false;
	return handover(job->ga, job->old, job->gen);
}

/* While inits and goaudit_load ran, functions of the old generation may have been looked
 * up. */
static bool fits_still(struct job *job)
{
	if (gate_is_complete(job->ga, job->gen, job->table))
		return true;
	gate_discard(job->ga, job->table);
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
	if (ldso_transaction(job->ga, nothing, NULL))
		return true;
	error_set(job->ga, "%s: %s", job->guest->path, LDSO_NOT_CALLED);
	return false;
}

/* Neither committed nor rolled back.  The old generation goes on, and the next step that
 * ld.so lets us make takes the new one out. */
static void strand(struct job *job)
{
	struct goaudit *ga = job->ga;

	gate_discard(ga, job->table);
	pthread_mutex_lock(&ga->lock);
	job->gen->owner = NULL;
	job->gen->rolled_back = true;
	job->guest->current = job->old;
	pthread_mutex_unlock(&ga->lock);
	retire_strand(ga, job->gen);
	error_set(ga, "%s: %s", job->guest->path, LDSO_NOT_CALLED);
	job->outcome = FAILED;
	job->handle = NULL;
}

static void initialise(struct job *job)
{
	struct goaudit *ga = job->ga;
	struct generation *gen = job->gen;
	unsigned limit = job->options.init_timeout_ms;
	bool good = has_all_functions(job) && has_same_signatures(job);

	if (good && gen->info->is_go)
		good = init_run(ga, gen, limit ? limit : ga->settings.init_timeout) == INIT_GOOD;
	if (good) {
		good = take_over_state(job) && fits_still(job) && can_commit(job);
		if (gen->info->is_go)
			gort_settle(ga, gen, !good);
	}
	if (!ldso_transaction(ga, good ? commit : roll_back, job))
		strand(job);
}

/* --- opening -------------------------------------------------------------- */

static bool hideable(struct job *job)
{
	const char *why = ldso_validate(job->ga);

	if (!why)
		return true;
	pthread_mutex_lock(&job->ga->lock);
	journal_begin();
	snprintf(goaudit_debug.refusal, sizeof goaudit_debug.refusal, "%s", why);
	journal_end();
	pthread_mutex_unlock(&job->ga->lock);
	if (!job->request->reloadable)
		return true;	/* it runs, and is kept for ever */
	if (job->ga->ldso.checked)
		error_set(job->ga, "%s: reloading is off in this process: %s: use a glibc "
			  "that goaudit(7) lists", job->guest->path, why);
	else
		error_set(job->ga, "%s: ld.so cannot be checked now: %s: free memory, space "
			  "or descriptors", job->guest->path, why);
	job->outcome = FAILED;
	return false;
}

static void promote(struct job *job, struct generation *gen)
{
	void *h;

	if (!(job->request->mode & RTLD_GLOBAL))
		return;
	gen->opened_global = true;
	h = dlmopen(LM_ID_BASE, gen->info->snapshot,
		    RTLD_LAZY | RTLD_NOLOAD | RTLD_GLOBAL);
	if (h)
		dlclose(h);
}

/* One look at the guest, and one step.  In a transaction. */
static void open_step(void *arg)
{
	struct job *job = arg;
	struct goaudit *ga = job->ga;
	struct generation *cur;
	uint32_t state;
	bool own;

	recover(ga);
	cur = job->guest->current;
	state = cur ? cur->info->state : GOAUDIT_FREE;
	own = cur && cur->owner == arch_thread_pointer();
	job->handle = NULL;
	job->outcome = DONE;
	if (state == GOAUDIT_INITIALISING && !own) {
		job->outcome = BUSY;
	} else if (state == GOAUDIT_OPEN || state == GOAUDIT_INITIALISING ||
		   (state == GOAUDIT_LOADING && cur->map)) {
		promote(job, cur);
		pthread_mutex_lock(&ga->lock);
		add_reference(cur, job->request->mode);
		cur->reloadable |= job->request->reloadable;
		pthread_mutex_unlock(&ga->lock);
		job->handle = cur->map;
	} else if (job->request->mode & RTLD_NOLOAD) {
		job->handle = NULL;
	} else if (state == GOAUDIT_PARKED && job->unchanged && cur == job->seen) {
		debugger_reinsert(ga, cur);
		pthread_mutex_lock(&ga->lock);
		add_reference(cur, job->request->mode);
		registry_set_state(ga, cur, GOAUDIT_OPEN);
		pthread_mutex_unlock(&ga->lock);
		job->handle = cur->map;
		promote(job, cur);
	} else if (!job->snapshot.file[0]) {
		job->outcome = PREPARE;
	} else if (hideable(job)) {
		load(job);
	}
	show_map(job);
}

/* Reads the file: is its content that hash's?  false: dlerror is set. */
static bool look_at_content(struct job *job, struct generation *cur, const uint64_t *hash)
{
	struct goaudit *ga = job->ga;
	struct snapshot *s = &job->snapshot;

	if (!s->file[0] &&
	    snapshot_read(ga, job->request->fd, job->request->path, s) != 0)
		return false;
	/* Elsewhere, the same bytes have another $ORIGIN. */
	job->unchanged = memcmp(s->hash, hash, sizeof s->hash) == 0 && !job->turned;
	if (job->unchanged) {
		pthread_mutex_lock(&ga->lock);
		cur->signature = s->signature;
		pthread_mutex_unlock(&ga->lock);
	}
	return true;
}

/* Are the file, and the libraries that it needs, what the current generation was made
 * from?  Without locks: the
 * answer is about `seen`, and a step checks that it is still the current one.
 * Reads the file when its stamps do not tell.  false: dlerror is set. */
static bool look_at_file(struct job *job)
{
	struct goaudit *ga = job->ga;
	struct generation *cur;
	struct signature then, now;
	uint64_t hash[2];
	struct stat st;

	job->unchanged = false;
	pthread_mutex_lock(&ga->lock);
	cur = job->seen = job->guest->current;
	if (cur) {
		then = cur->signature;
		memcpy(hash, cur->hash, sizeof hash);
	}
	/* An open guest is what it is, unless it is to be reloaded. */
	if (!job->reloading && cur && cur->info->state != GOAUDIT_PARKED)
		cur = NULL;
	pthread_mutex_unlock(&ga->lock);
	if (!cur || fstat(job->request->fd, &st) != 0)
		return true;
	now = signature_of(&st);
	job->unchanged = signature_same(&now, &then) && !then.racy && !job->turned;
	if (job->request->mode & RTLD_NOLOAD)
		return true;
	if (!job->unchanged && !look_at_content(job, cur, hash))
		return false;
	job->unchanged = job->unchanged && !needed_changed(ga, cur);
	return true;
}

/* Makes the snapshot, and the Go runtime run that it needs. */
static bool prepare(struct job *job)
{
	struct goaudit *ga = job->ga;
	struct snapshot *s = &job->snapshot;

	if (s->file[0])
		return true;
	if (!s->data &&
	    snapshot_read(ga, job->request->fd, job->request->path, s) != 0)
		return false;
	if (snapshot_make(ga, job->request->path, s) != 0)
		return false;
	host_hook(ga);
	if (s->facts.kind != IMAGE_GO_GUEST)
		return true;
	if (s->facts.symbolic)
		goaudit_log(ga, "%s: warning: linked with -Bsymbolic: types of the "
			    "runtime library are split in it; reflect, signal.Notify "
			    "and protobuf misbehave: build it with `goaudit build`",
			    job->guest->path);
	if (reaper_admit(ga, job->guest->path) != 0)
		return false;
	if (gort_ensure(ga, &s->facts, job->guest->path) != 0)
		return false;
	if ((job->request->guarded || ga->settings.panic_return) &&
	    guard_prepare(ga, job->guest->path) != 0)
		return false;
	reaper_start(ga);
	reaper_throttle(ga);
	return true;
}

/* Waits until the guest is not being initialised by another thread. */
static bool wait_for_guest(struct job *job)
{
	struct goaudit *ga = job->ga;
	bool bounded = ldso_lock_is_mine(ga, true), in_time = true;
	struct timespec end = clock_deadline(CONSTRUCTOR_WAIT_NS);
	struct generation *cur;

	pthread_mutex_lock(&ga->lock);
	while ((cur = job->guest->current) && in_time &&
	       cur->info->state == GOAUDIT_INITIALISING)
		in_time = clock_wait(&ga->changed, &ga->lock, bounded ? &end : NULL);
	pthread_mutex_unlock(&ga->lock);
	if (in_time)
		return true;
	error_set(ga, "%s: another thread is initialising it, and this one is in a "
		  "constructor: open it from outside of constructors",
		  job->guest->path);
	return false;
}

static bool step(struct job *job, void (*fn)(void *))
{
	if (ldso_transaction(job->ga, fn, job))
		return true;
	error_set(job->ga, "%s: %s", job->guest->path, LDSO_NOT_CALLED);
	job->outcome = FAILED;
	return false;
}

/* Runs one open or reload to its end. */
static void *run(struct job *job, void (*first)(void *))
{
	bool going = true;

	while (going) {
		job->outcome = FAILED;
		if (!look_at_file(job))
			break;
		if (job->snapshot.data && !job->unchanged && !prepare(job))
			break;
		if (!step(job, first))
			break;
		if (job->outcome == BUSY)
			going = wait_for_guest(job);
		else if (job->outcome == PREPARE)
			going = prepare(job);
		else
			going = false;
	}
	if (job->outcome == INITIALISE)
		initialise(job);
	if (job->snapshot.file[0])
		snapshot_remove(job->ga, job->snapshot.file);
	snapshot_release(&job->snapshot);
	retire_try(job->ga, false);
	if (job->outcome != DONE || !job->handle)
		return NULL;
	return job->guest->raw ? job->handle : &job->guest->handle;
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
static struct guest *find_guest(struct job *job)
{
	const struct open_request *r = job->request;
	struct guest *guest = registry_find_path(job->ga, r->path);
	struct stat st;

	if (guest) {
		/* Of several names, one that can come to lead elsewhere is kept. */
		if (strcmp(r->name, r->path) != 0)
			registry_turn(guest, r->path, r->name);
		return guest;
	}
	if (fstat(r->fd, &st) == 0 && (guest = registry_find_file(job->ga, &st)))
		return guest;
	guest = registry_find_name(job->ga, r->name);
	job->turned = guest && is_closed(guest);
	return job->turned ? guest : registry_guest(job->ga, r->path, r->name);
}

void *reload_open(struct goaudit *ga, const struct open_request *request)
{
	struct job job = { .ga = ga, .request = request };

	pthread_mutex_lock(&ga->lock);
	job.guest = find_guest(&job);
	if (job.guest && !job.guest->generations)
		job.guest->raw = request->raw;
	pthread_mutex_unlock(&ga->lock);
	if (!job.guest) {
		error_set(ga, "%s: out of memory: close some guests", request->path);
		return NULL;
	}
	return run(&job, open_step);
}

bool reload_open_existing(struct goaudit *ga, const char *path, void **handle)
{
	struct guest *guest;
	bool open;

	pthread_mutex_lock(&ga->lock);
	guest = registry_find_path(ga, path);
	open = guest && guest->current &&
	       guest->current->info->state == GOAUDIT_OPEN;
	if (open) {
		add_reference(guest->current, 0);
		*handle = registry_handle(guest->current);
	}
	pthread_mutex_unlock(&ga->lock);
	return open;
}

bool reload_adopt(struct goaudit *ga, void **found, char *path)
{
	struct generation *gen;
	void *handle = *found;
	bool counted = true;

	pthread_mutex_lock(&ga->lock);
	gen = registry_find_handle(ga, handle);
	if (gen && gen->info->state <= GOAUDIT_OPEN) {
		add_reference(gen, 0);
		*found = registry_handle(gen);
	} else if (gen) {
		/* All others have closed it since ld.so found it. */
		text_copy(path, PATH_MAX, gen->guest->path);
		counted = false;
	}
	pthread_mutex_unlock(&ga->lock);
	if (gen)
		((int (*)(void *))intercept_real_dlclose)(handle);
	return counted;
}

bool reload_knows(struct goaudit *ga, const void *handle)
{
	bool known;

	pthread_mutex_lock(&ga->lock);
	known = registry_find_handle(ga, handle) != NULL;
	pthread_mutex_unlock(&ga->lock);
	return known;
}

bool reload_is_go_guest(struct goaudit *ga, int fd)
{
	return snapshot_kind(ga, fd) == IMAGE_GO_GUEST;
}

/* --- reloading ------------------------------------------------------------ */

static void reload_step(void *arg)
{
	struct job *job = arg;
	struct goaudit *ga = job->ga;
	struct generation *gen, *cur;

	recover(ga);
	cur = job->guest->current;
	/* Another thread may have replaced what the handle stands for. */
	if (!job->guest->raw && job->guest->serving)
		job->reloading = job->guest->serving;
	gen = job->reloading;
	job->outcome = DONE;
	if (cur && cur->info->state == GOAUDIT_INITIALISING &&
	    cur->owner != arch_thread_pointer()) {
		job->outcome = BUSY;
	} else if (cur && cur->owner) {
		error_set(ga, "%s: its own constructor or package init cannot "
			  "reload it: do so later", job->guest->path);
		job->outcome = FAILED;
	} else if (cur != job->seen) {
		job->outcome = BUSY;	/* look again */
	} else if (job->unchanged && cur == gen) {
		debugger_hide(ga, gen);
		debugger_reinsert(ga, gen);
		job->handle = gen->map;
	} else if (job->unchanged && cur) {
		/* Somebody else has brought the new file in: move over to it. */
		pthread_mutex_lock(&ga->lock);
		if (cur->info->state == GOAUDIT_PARKED) {
			pthread_mutex_unlock(&ga->lock);
			debugger_reinsert(ga, cur);
			pthread_mutex_lock(&ga->lock);
			registry_set_state(ga, cur, GOAUDIT_OPEN);
		}
		add_reference(cur, 0);
		close_drop_reference(gen);
		pthread_mutex_unlock(&ga->lock);
		if (retire_is_unreferenced(gen))
			retire_below_caller(ga, gen);
		job->handle = cur->map;
	} else if (!job->snapshot.file[0]) {
		job->outcome = PREPARE;
	} else if (hideable(job)) {
		load(job);
	}
	show_map(job);
}

void *reload_reload(struct goaudit *ga, void *handle,
		    const struct goaudit_reload_options *options)
{
	struct open_request request = { .mode = RTLD_NOW, .reloadable = true };
	struct job job = { .ga = ga, .request = &request };
	char *name, *path;
	void *result;

	if (options)
		memcpy(&job.options, options, options->size < sizeof job.options ?
						      options->size : sizeof job.options);
	pthread_mutex_lock(&ga->lock);
	job.reloading = registry_find_handle(ga, handle);
	if (job.reloading && !job.reloading->info->references)
		job.reloading = NULL;
	pthread_mutex_unlock(&ga->lock);
	if (!job.reloading) {
		error_set(ga, "%p: not an open handle of a reloadable object: open it "
			  "with RTLD_RELOADABLE first", handle);
		return NULL;
	}
	job.guest = job.reloading->guest;
	name = registry_name(ga, job.guest);
	path = name ? realpath(name, NULL) : NULL;
	request.fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (request.fd < 0) {
		error_set(ga, "%s: cannot be read: %m: the old generation goes on",
			  name ? name : job.guest->path);
		free(path);
		free(name);
		return NULL;
	}
	request.path = path;
	request.name = name;
	job.turned = strcmp(path, job.guest->path) != 0;
	request.guarded = job.reloading->guarded;
	if (job.reloading->global)
		request.mode |= RTLD_GLOBAL;
	result = run(&job, reload_step);
	close(request.fd);
	free(path);
	free(name);
	return result;
}

/* --- exit ----------------------------------------------------------------- */

static void reinsert_all(void *arg)
{
	struct goaudit *ga = arg;

	recover(ga);
	for (struct generation *g = ga->registry.live; g; g = g->next_live)
		if (g->hidden && g->map) {
			ldso_reinsert(ga, g->map, g->global);
			g->hidden = false;
		}
}

void reload_finish(struct goaudit *ga)
{
	if (!ldso_transaction(ga, reinsert_all, ga))
		goaudit_log(ga, "destructors of closed guests do not run: %s",
			    LDSO_NOT_CALLED);
}
