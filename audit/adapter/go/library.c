#include "adapter/go/library.h"

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

#include "adapter/adapters.h"
#include "adapter/go/gort.h"
#include "adapter/go/panic.h"
#include "adapter/go/types.h"
#include "core/arch.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "core/path.h"
#include "go/protocol.h"
#include "goaudit.h"
#include "guest/companion.h"
#include "guest/guests.h"
#include "image/image.h"
#include "loader/elf.h"
#include "loader/host.h"
#include "loader/ldso.h"
#include "loader/loader.h"
#include "loader/locks.h"
#include "loader/transaction.h"

/* c, but for `failed' and `running': L. */
struct library {
	struct library *next;
	char *name; /* what guests call it by */
	struct link_map *map;
	const char *list; /* of its packages; mapped */
	bool program;     /* the program was linked with it */
	bool running;     /* its package init takes longer than it may */
	char *failed;     /* it is mapped, and its package init has failed: how */
};

/* A library whose file has been looked at. */
struct candidate {
	const struct image_library *want;
	const char *guest;
	char path[PATH_MAX];
	struct image_facts facts;
	char *list; /* malloc'ed */
};

/* The path that is being opened, and by whom; see library_is_coming.  Atomic. */
static const char *coming;
static const void *coming_thread;

/* --- what the process has ------------------------------------------------------------ */

static struct library *find(struct adapters *ad, const char *name)
{
	struct library *lib = ad->gort->libraries;

	while (lib && strcmp(lib->name, name) != 0)
		lib = lib->next;
	return lib;
}

static struct library *add(struct adapters *ad, struct link_map *map, const char *name,
			   bool program)
{
	struct library *lib = calloc(1, sizeof *lib);

	if (!lib || !(lib->name = strdup(name))) {
		free(lib);
		return NULL;
	}
	lib->map = map;
	lib->list = elf_lookup(map, IMAGE_PACKAGES_SYMBOL);
	lib->program = program;
	pthread_mutex_lock(&ad->core->lock);
	lib->next = ad->gort->libraries;
	ad->gort->libraries = lib;
	pthread_mutex_unlock(&ad->core->lock);
	return lib;
}

struct search {
	struct adapters *ad;
	bool no_memory;
};

/* Libraries that are there without us are the program's.  In a transaction: nobody changes
 * the list meanwhile. */
static void take_programs(void *arg)
{
	struct search *s = arg;

	s->ad->gort->own = elf_lookup(s->ad->loader->head, IMAGE_OWN_SYMBOL);
	for (struct link_map *m = s->ad->loader->head; m; m = m->l_next)
		if (m->l_name && m->l_name[0] && elf_lookup(m, IMAGE_PACKAGES_SYMBOL) &&
		    !find(s->ad, path_base(m->l_name)) &&
		    !add(s->ad, m, path_base(m->l_name), true))
			s->no_memory = true;
}

struct link_map *library_at(struct adapters *ad, uint64_t address)
{
	struct link_map *map = NULL;
	uintptr_t lo, hi;

	pthread_mutex_lock(&ad->core->lock);
	for (struct library *lib = ad->gort->libraries; lib && !map; lib = lib->next)
		if (elf_range(lib->map, &lo, &hi) && address >= lo && address < hi)
			map = lib->map;
	pthread_mutex_unlock(&ad->core->lock);
	return map;
}

/* --- its file ------------------------------------------------------------------------ */

unsigned library_needed(struct adapters *ad, const struct link_map *map, struct go_range *out,
			unsigned n)
{
	const char *strings = (const char *)elf_dynamic_address(map, DT_STRTAB);

	for (const ElfW(Dyn) *d = map->l_ld; strings && d->d_tag != DT_NULL; d++) {
		struct library *lib;
		uintptr_t lo, hi;
		bool known = false;

		if (d->d_tag != DT_NEEDED)
			continue;
		pthread_mutex_lock(&ad->core->lock);
		lib = find(ad, path_base(strings + d->d_un.d_val));
		pthread_mutex_unlock(&ad->core->lock);
		if (!lib || !elf_range(lib->map, &lo, &hi))
			continue;
		for (unsigned i = 0; i < n; i++)
			known |= out[i].lo == lo;
		if (known || n == LIBRARIES_NEEDED)
			continue;
		out[n++] = (struct go_range){ .lo = lo, .hi = hi };
		n = library_needed(ad, lib->map, out, n);
	}
	return n;
}

static bool same_hash(const uint8_t *a, unsigned n, const uint8_t *b, unsigned m)
{
	return n == m && n && memcmp(a, b, n) == 0;
}

/* Is the file the library that is wanted?  Reads its facts and its list. */
static bool look(struct adapters *ad, struct candidate *c)
{
	if (companion_look(ad->guests, c->path, &c->facts, &c->list) && c->list &&
	    c->facts.kind == IMAGE_GO_PACKAGES &&
	    same_hash(c->facts.own_hash, c->facts.own_hash_len, c->want->hash,
		      c->want->hash_len) &&
	    same_hash(c->facts.abi_hash, c->facts.abi_hash_len, ad->gort->abi_hash,
		      ad->gort->abi_hash_len))
		return true;
	free(c->list);
	c->list = NULL;
	return false;
}

/* By the guest's RUNPATH, or beside the runtime library. */
static bool find_file(struct adapters *ad, struct candidate *c, const char *runpath)
{
	const char *entry = runpath, *runtime = ad->gort->path;

	while (path_next(&entry, c->path, sizeof c->path, c->guest))
		if (path_add(c->path, sizeof c->path, c->want->name) && look(ad, c))
			return true;
	if ((size_t)snprintf(c->path, sizeof c->path, "%.*s/packages/%s",
			     (int)path_folder(runtime), runtime,
			     c->want->name) < sizeof c->path &&
	    look(ad, c))
		return true;
	error_set(ad->core,
		  "%s: its package library (%s) is not on this machine, or was built anew: "
		  "build the guest again with `goaudit build`",
		  c->guest, c->want->name);
	return false;
}

/* --- can it come? -------------------------------------------------------------------- */

/* The guest would need this one: is it the one below it? */
static bool is_below(const struct candidate *c, const struct library *lib)
{
	for (unsigned i = 0; i < c->facts.libraries; i++)
		if (strcmp(c->facts.library[i].name, lib->name) == 0)
			return true;
	return false;
}

/* What the program brings is in the global scope, and would take the place of the library's
 * own.  What came with other guests is not, so that one build of a package may be there
 * beside another. */
static bool may_go_together(struct adapters *ad, const char *there, const char *list,
			    const char *guest)
{
	char text[512];

	if (!there || !ad->guests->companions.clash(there, list, text, sizeof text))
		return true;
	error_set(ad->core, "%s: %s", guest, text);
	return false;
}

static bool may_come(struct adapters *ad, const struct candidate *c)
{
	for (const struct library *lib = ad->gort->libraries; lib; lib = lib->next)
		if ((lib->program || is_below(c, lib)) &&
		    !may_go_together(ad, lib->list, c->list, c->guest))
			return false;
	return may_go_together(ad, ad->gort->own, c->list, c->guest);
}

/* --- it comes ------------------------------------------------------------------------ */

bool library_is_coming(const struct link_map *map)
{
	const char *path = __atomic_load_n(&coming, __ATOMIC_ACQUIRE);

	return path && coming_thread == arch_thread_pointer() && map->l_name &&
	       strcmp(map->l_name, path) == 0;
}

static struct link_map *open_file(struct adapters *ad, const char *path, void **module)
{
	struct call plain = { .kind = CALL_PLAIN };
	struct link_map *map;

	coming_thread = arch_thread_pointer();
	__atomic_store_n(&coming, path, __ATOMIC_RELEASE);
	call_push(ad->loader, &plain);
	map = dlmopen(LM_ID_BASE, path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	call_pop(ad->loader, &plain);
	__atomic_store_n(&coming, NULL, __ATOMIC_RELEASE);
	*module = plain.module;
	return map;
}

/* A library's package init, perhaps on a thread of its own. */
struct init {
	struct adapters *ad;
	struct library *lib;
	bool done; /* L */
	struct go_init go;
};

/* How it failed; NULL: it did not. */
static const char *failure(const struct go_init *go)
{
	if (go->verdict == GO_PANIC)
		return go->text;
	return go->verdict == GO_OK ? NULL : "the Go runtime does not find its module";
}

/* With core.lock. */
static void fail_locked(struct library *lib, const char *why)
{
	static char no_memory[] = "out of memory";
	char *text = strdup(why);

	lib->failed = text ? text : no_memory;
}

static void run_init(struct init *init)
{
	gort_call(init->ad, init->ad->gort->init, &init->go);
	log_line(init->ad->core, "%s: package init took %llu us", init->lib->map->l_name,
		 (unsigned long long)init->go.init_ns / 1000);
}

static void *init_thread(void *arg)
{
	struct init *init = arg;
	struct adapters *ad = init->ad;
	const char *why;
	bool late;

	/* So that it cannot wait for itself by opening a guest over this library. */
	pthread_mutex_lock(&ad->core->lock);
	ad->gort->bringing = arch_thread_pointer();
	pthread_mutex_unlock(&ad->core->lock);
	run_init(init);
	why = failure(&init->go);
	pthread_mutex_lock(&ad->core->lock);
	late = init->lib->running;
	if (late && why)
		fail_locked(init->lib, why);
	init->lib->running = false;
	init->done = true;
	pthread_cond_broadcast(&ad->core->changed);
	pthread_mutex_unlock(&ad->core->lock);
	if (late) {
		panic_of_init(ad, init->lib->map->l_name, init->go.stack);
		free(init);
	}
	return NULL;
}

/* False: it has not ended in time, and init is the thread's. */
static bool run_limited(struct init *init, unsigned limit_ms)
{
	struct adapters *ad = init->ad;
	struct timespec end;
	bool done;

	if (!limit_ms || locks_load_is_mine(ad->loader, true) ||
	    host_start_thread(ad->loader, init_thread, init) != 0) {
		run_init(init);
		return true;
	}
	end = clock_deadline(limit_ms * 1000000ull);
	pthread_mutex_lock(&ad->core->lock);
	while (!init->done && clock_wait(&ad->core->changed, &ad->core->lock, &end))
		;
	done = init->done;
	init->lib->running = !done;
	pthread_mutex_unlock(&ad->core->lock);
	return done;
}

/* Its module becomes one of the runtime's, and its packages are initialised. */
static void initialise(struct adapters *ad, struct library *lib, void *module)
{
	struct go_register request = { .module = (uintptr_t)module, .lasting = 1 };
	struct init *init = calloc(1, sizeof *init);
	const char *why = "out of memory";
	uintptr_t lo, hi;

	if (init && elf_range(lib->map, &lo, &hi)) {
		request.lo = lo;
		request.hi = hi;
		*init = (struct init){ .ad = ad, .lib = lib };
		init->go = (struct go_init){
			.size = sizeof init->go, .lo = lo, .hi = hi, .verdict = GO_NOT_FOUND
		};
		if (types_register(ad, lib->map, &request) && request.verdict == GO_OK &&
		    !run_limited(init, ad->core->settings.init_timeout))
			return;
		panic_of_init(ad, lib->map->l_name, init->go.stack);
		why = failure(&init->go);
	}
	if (why) {
		pthread_mutex_lock(&ad->core->lock);
		fail_locked(lib, why);
		pthread_mutex_unlock(&ad->core->lock);
	}
	free(init);
}

static struct library *bring(struct adapters *ad, const struct candidate *c)
{
	uint64_t begin = clock_ns();
	struct library *lib;
	struct link_map *map;
	void *module;

	map = open_file(ad, c->path, &module);
	if (!map) {
		error_set(ad->core, "%s: its package library cannot be loaded: %s", c->guest,
			  dlerror());
		return NULL;
	}
	log_line(ad->core, "%s: a package library, loaded in %llu us", c->path,
		 (unsigned long long)(clock_ns() - begin) / 1000);
	lib = add(ad, map, c->want->name, false);
	if (!lib) {
		error_set(ad->core, "%s: out of memory: close some guests", c->guest);
		return NULL;
	}
	initialise(ad, lib, module);
	return lib;
}

static int ensure_one(struct adapters *ad, const struct image_library *want,
		      const char *runpath, const char *guest);

static int ensure_file(struct adapters *ad, struct candidate *c, const char *runpath)
{
	if (!find_file(ad, c, runpath))
		return -1;
	for (unsigned i = 0; i < c->facts.libraries; i++)
		if (ensure_one(ad, &c->facts.library[i], c->facts.runpath, c->guest) != 0)
			return -1;
	return may_come(ad, c) && bring(ad, c) ? 0 : -1;
}

/* Has it been initialised? */
static bool is_good(struct adapters *ad, const struct library *lib, const char *guest)
{
	bool running;

	pthread_mutex_lock(&ad->core->lock);
	running = lib->running;
	pthread_mutex_unlock(&ad->core->lock);
	if (running)
		error_set(ad->core,
			  "%s: the package init of a library that it needs (%s) has not ended "
			  "within %u ms: open it again once it has, or raise the limit",
			  guest, lib->name, ad->core->settings.init_timeout);
	else if (lib->failed)
		error_set(ad->core,
			  "%s: the package init of a library that it needs (%s) panicked: %s: "
			  "mend it, and restart the process",
			  guest, lib->name, lib->failed);
	return !running && !lib->failed;
}

/* By the one thread that brings libraries in. */
static int ensure_one(struct adapters *ad, const struct image_library *want,
		      const char *runpath, const char *guest)
{
	struct library *lib = find(ad, want->name);
	struct candidate *c;
	int result;

	if (!lib) {
		c = calloc(1, sizeof *c);
		if (!c) {
			error_set(ad->core, "%s: out of memory: close some guests", guest);
			return -1;
		}
		c->want = want;
		c->guest = guest;
		result = ensure_file(ad, c, runpath);
		free(c->list);
		free(c);
		lib = find(ad, want->name);
		if (result != 0 || !lib)
			return -1;
	}
	return is_good(ad, lib, guest) ? 0 : -1;
}

/* Are all of them here already? */
static bool all_here(struct adapters *ad, const struct image_facts *facts)
{
	for (unsigned i = 0; i < facts->libraries; i++) {
		const struct library *lib = find(ad, facts->library[i].name);

		if (!lib || lib->failed || lib->running)
			return false;
	}
	return true;
}

/* One thread at a time brings libraries in.  False: dlerror is set. */
static bool begin(struct adapters *ad, const char *guest)
{
	bool bounded = locks_load_is_mine(ad->loader, true), in_time = true;
	struct timespec end = clock_deadline(CONSTRUCTOR_WAIT_NS);
	const void *me = arch_thread_pointer();

	pthread_mutex_lock(&ad->core->lock);
	while (ad->gort->bringing && ad->gort->bringing != me && in_time)
		in_time =
			clock_wait(&ad->core->changed, &ad->core->lock, bounded ? &end : NULL);
	if (!ad->gort->bringing)
		ad->gort->bringing = me;
	else
		in_time = false;
	pthread_mutex_unlock(&ad->core->lock);
	if (!in_time)
		error_set(ad->core,
			  "%s: a package library that it needs is being initialised: open it "
			  "later, from outside of constructors and package inits",
			  guest);
	return in_time;
}

static void end(struct adapters *ad)
{
	pthread_mutex_lock(&ad->core->lock);
	ad->gort->bringing = NULL;
	pthread_cond_broadcast(&ad->core->changed);
	pthread_mutex_unlock(&ad->core->lock);
}

int library_ensure(struct adapters *ad, const struct image_facts *facts, const char *guest_path)
{
	struct search s = { .ad = ad };
	int result = 0;
	bool here;

	pthread_mutex_lock(&ad->core->lock);
	here = all_here(ad, facts);
	pthread_mutex_unlock(&ad->core->lock);
	if (here)
		return 0;
	if (!begin(ad, guest_path))
		return -1;
	if (!transaction_run(ad->loader, take_programs, &s) || s.no_memory) {
		error_set(ad->core, "%s: %s", guest_path, LDSO_NOT_CALLED);
		result = -1;
	}
	for (unsigned i = 0; result == 0 && i < facts->libraries; i++)
		result = ensure_one(ad, &facts->library[i], facts->runpath, guest_path);
	end(ad);
	return result;
}
