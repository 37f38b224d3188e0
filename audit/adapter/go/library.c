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
#include "loader/ldso.h"
#include "loader/loader.h"
#include "loader/transaction.h"

struct user {
	struct user *next;
	char guest[];
};

/* c, but for `failed' and `users': L. */
struct library {
	struct library *next;
	char *name; /* what guests call it by */
	struct link_map *map;
	const char *list;   /* of its packages; mapped */
	bool program;       /* the program was linked with it */
	char *failed;       /* it is mapped, and its package init has failed: how */
	struct user *users; /* guests that have run over it; atomic: grows at the head */
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

static bool is_user(const struct library *lib, const char *guest)
{
	const struct user *u = __atomic_load_n(&lib->users, __ATOMIC_ACQUIRE);

	while (u && strcmp(u->guest, guest) != 0)
		u = u->next;
	return u != NULL;
}

/* What the program brings is in the global scope, and would take the place of the library's
 * own.  What came with other guests is not, but a guest that has run over one build of a
 * package does not go on with another one: it would find that package's state lost. */
static bool may_go_together(struct adapters *ad, const struct library *lib, const char *list,
			    const char *guest)
{
	char text[512];

	if (!lib->list || !ad->guests->companions.clash(lib->list, list, text, sizeof text))
		return true;
	error_set(ad->core, "%s: %s", guest, text);
	return false;
}

static bool may_come(struct adapters *ad, const struct candidate *c)
{
	for (const struct library *lib = ad->gort->libraries; lib; lib = lib->next)
		if ((lib->program || is_below(c, lib) || is_user(lib, c->guest)) &&
		    !may_go_together(ad, lib, c->list, c->guest))
			return false;
	return true;
}

/* The guest has not run over this one yet, which is here. */
static bool may_change_to(struct adapters *ad, const struct library *to, const char *guest)
{
	for (const struct library *lib = ad->gort->libraries; lib && to->list; lib = lib->next)
		if (lib != to && is_user(lib, guest) &&
		    !may_go_together(ad, lib, to->list, guest))
			return false;
	return true;
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

/* Its module becomes one of the runtime's, and its packages are initialised. */
static void initialise(struct adapters *ad, struct library *lib, void *module)
{
	struct go_register request = { .module = (uintptr_t)module, .lasting = 1 };
	struct go_init *go = calloc(1, sizeof *go);
	const char *why = NULL;
	uintptr_t lo, hi;

	if (go && elf_range(lib->map, &lo, &hi)) {
		request.lo = lo;
		request.hi = hi;
		go->verdict = GO_NOT_FOUND;
		if (types_register(ad, lib->map, &request) && request.verdict == GO_OK) {
			go->size = sizeof *go;
			go->lo = lo;
			go->hi = hi;
			gort_call(ad, ad->gort->init, go);
		}
		if (go->verdict == GO_PANIC)
			why = go->text;
		else if (go->verdict != GO_OK)
			why = "the Go runtime does not find its module";
		log_line(ad->core, "%s: package init took %llu us", lib->map->l_name,
			 (unsigned long long)go->init_ns / 1000);
	} else {
		why = "out of memory";
	}
	if (why) {
		pthread_mutex_lock(&ad->core->lock);
		lib->failed = strdup(why);
		pthread_mutex_unlock(&ad->core->lock);
	}
	free(go);
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
	if (!lib->failed)
		return is_user(lib, guest) || may_change_to(ad, lib, guest) ? 0 : -1;
	error_set(ad->core,
		  "%s: the package init of a library that it needs (%s) panicked: %s: mend it, "
		  "and restart the process",
		  guest, lib->name, lib->failed);
	return -1;
}

/* Out of memory it is not known later that the guest has run over them. */
static void note_user(struct adapters *ad, const struct image_facts *facts, const char *guest)
{
	size_t n = strlen(guest) + 1;

	for (unsigned i = 0; i < facts->libraries; i++) {
		struct library *lib = find(ad, facts->library[i].name);
		struct user *u = lib && !is_user(lib, guest) ? malloc(sizeof *u + n) : NULL;

		if (!u)
			continue;
		memcpy(u->guest, guest, n);
		pthread_mutex_lock(&ad->core->lock);
		u->next = lib->users;
		__atomic_store_n(&lib->users, u, __ATOMIC_RELEASE);
		pthread_mutex_unlock(&ad->core->lock);
	}
}

/* Are all of them here already, for this guest? */
static bool all_here(struct adapters *ad, const struct image_facts *facts, const char *guest)
{
	for (unsigned i = 0; i < facts->libraries; i++) {
		const struct library *lib = find(ad, facts->library[i].name);

		if (!lib || lib->failed || !is_user(lib, guest))
			return false;
	}
	return true;
}

/* One thread at a time brings libraries in.  False: dlerror is set. */
static bool begin(struct adapters *ad, const char *guest)
{
	bool bounded = transaction_lock_is_mine(ad->loader, true), in_time = true;
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
	here = all_here(ad, facts, guest_path);
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
	if (result == 0)
		note_user(ad, facts, guest_path);
	end(ad);
	return result;
}
