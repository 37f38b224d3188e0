/* A library's life: its file, its mappings, what is done after a change. */
#include "library.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "error.h"
#include "folder.h"
#include "hash.h"
#include "image.h"
#include "ldso.h"
#include "publish.h"
#include "registry.h"
#include "sections.h"
#include "symbols.h"

/* --- creation --------------------------------------------------------------------------- */

static int check_options(const char *name, const struct dlbind_options *asked,
			 struct dlbind_options *o)
{
	size_t size = asked ? asked->size : 0;

	*o = (struct dlbind_options){ .size = sizeof *o };
	if (asked && (size < offsetof(struct dlbind_options, max_code) || size > sizeof *o))
		return error_set(EINVAL,
				 "dlcreate: the options' size is %zu: set it to "
				 "sizeof(struct dlbind_options)",
				 size);
	if (asked)
		memcpy(o, asked, size);
	if ((o->flags &
	     ~(DLBIND_GLOBAL | DLBIND_WRITE_ALIAS | DLBIND_KEEP_FILE | DLBIND_STUBS)) ||
	    o->reserved)
		return error_set(EINVAL,
				 "dlcreate: the options have unknown flags %#x: "
				 "use those of dlbind.h",
				 o->flags);
	if (name && (!name[0] || strchr(name, '/') || strlen(name) > 200))
		return error_set(EINVAL,
				 "%.200s: not a name for a library: give one of 1 "
				 "to 200 characters without a slash",
				 name);
	for (const char *const *v = o->versions; v && *v; v++)
		if (!(*v)[0] || strlen(*v) > 200)
			return error_set(EINVAL, "dlcreate: a version's name must have 1 to "
						 "200 characters");
	if (!dlbind_state.loader.folder && secure_getenv("DLBIND_KEEP"))
		o->flags |= DLBIND_KEEP_FILE;
	return 0;
}

static struct library *new_library(const char *name, const struct dlbind_options *o)
{
	struct library *lib = calloc(1, sizeof *lib);
	unsigned n = 0;

	if (!lib)
		goto no_memory;
	lib->name = strdup(name);
	while (o->versions && o->versions[n])
		n++;
	lib->versions = calloc(n + 1, sizeof *lib->versions);
	if (!lib->name || !lib->versions)
		goto no_memory;
	lib->version_count = n;
	lib->flags = o->flags;
	lib->users = 1;
	pthread_mutex_init(&lib->lock, NULL);
	pthread_cond_init(&lib->idle, NULL);
	return lib;

no_memory:
	error_set(ENOMEM, "%s: no memory for a library: delete some", name);
	if (lib) {
		free(lib->name);
		free(lib->versions);
		free(lib);
	}
	return NULL;
}

/* After ld.so has let it go, or before it has seen it. */
static void discard(struct library *lib)
{
	if (lib->side)
		munmap(lib->side, lib->side_bytes);
	if (lib->alias)
		munmap(lib->alias, lib->at.data);
	if (lib->path && !(lib->flags & DLBIND_KEEP_FILE) && !lib->inherited)
		unlink(lib->path);
	for (int i = 0; i < ARENAS; i++)
		arena_finish(&lib->arenas[i]);
	free(lib->symbols.side);
	free(lib->symbols.heads);
	free(lib->versions);
	free(lib->path);
	free(lib->name);
	pthread_mutex_destroy(&lib->lock);
	pthread_cond_destroy(&lib->idle);
	free(lib);
}

/* The file, of its full size and empty, and its alias. */
static int make_file(struct library *lib, const struct dlbind_options *o)
{
	void *(*map)(void *, size_t, int, int, int, off_t) = o->mmap ? o->mmap : mmap;
	size_t size = lib->at.data;
	char path[PATH_MAX];
	void *alias;
	int fd;

	if (folder_allows(lib->name, size) != 0)
		return -1;
	if (o->folder && folder_accept(o->folder) != 0)
		return -1;
	fd = folder_file(o->folder, lib->name, path);
	if (fd < 0)
		return -1;
	lib->path = strdup(path);
	if (!lib->path) {
		unlink(path);
		error_set(ENOMEM, "%s: no memory for a library: delete some", lib->name);
	} else if (ftruncate(fd, size) != 0) {
		error_set(errno,
			  "%s: cannot be made %zu bytes long: %m: create it with "
			  "smaller limits",
			  path, size);
	} else {
		alias = map(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
			    0);
		if (alias != MAP_FAILED && alias != NULL) {
			/* A file system on a disk would read holes ahead; and a core
			 * dump has no use for what is reserved. */
			madvise(alias, size, MADV_RANDOM);
			madvise(alias, size, MADV_DONTDUMP);
			lib->alias = alias;
			close(fd);
			return 0;
		}
		error_set(ENOMEM,
			  "%s: cannot be mapped: no address space: create it with "
			  "smaller limits, or delete some libraries",
			  path);
	}
	close(fd);
	return -1;
}

static int make_arenas(struct library *lib)
{
	const struct layout *l = &lib->at;
	const struct {
		size_t from, to;
		int protection;
	} place[ARENAS] = {
		[ARENA_TEXT] = { l->text, l->rodata, PROT_READ | PROT_EXEC },
		[ARENA_RODATA] = { l->rodata, l->dynamic, PROT_READ },
		[ARENA_DATA] = { l->data, l->end, PROT_READ | PROT_WRITE },
		[ARENA_FRAMES] = { l->frames, l->text, PROT_READ },
	};
	struct bits *free_slots = &lib->symbols.free;
	size_t slots = lib->symbols.limit, words, upper = bits_upper_words(slots);
	uint64_t *at;

	words = upper + slots / 64 + 2;
	for (int i = 0; i < ARENAS; i++) {
		struct arena *a = &lib->arenas[i];

		a->library = lib;
		a->kind = i;
		a->size = place[i].to - place[i].from;
		a->alias = i == ARENA_DATA ? NULL : lib->alias + place[i].from;
		a->protection = place[i].protection;
		a->base = place[i].from; /* library_make adds its base */
		words += arena_side_words(a->size);
	}
	lib->side_bytes = pages_up(words * sizeof *at);
	at = mmap(NULL, lib->side_bytes, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return error_set(ENOMEM,
				 "%s: no address space for its records: create it "
				 "with smaller limits",
				 lib->name);
	madvise(at, lib->side_bytes, MADV_DONTDUMP);
	lib->side = at;
	bits_place(free_slots, slots, at + upper, 1, at);
	at += upper + slots / 64 + 2;
	for (int i = 0; i < ARENAS; i++)
		at = arena_place(&lib->arenas[i], at);
	return 0;
}

/* Does the library's own view of the file follow the alias?  It does on Linux;
 * a file system that is otherwise must not be used. */
static bool views_agree(struct library *lib)
{
	volatile uint64_t *own = (uint64_t *)(lib->base + lib->at.dynsym);
	volatile uint64_t *alias = (uint64_t *)(lib->alias + lib->at.dynsym);
	bool agree;

	*alias = 0x1234;
	agree = *own == 0x1234;
	*alias = 0;
	return agree && *own == 0;
}

static int load(struct library *lib)
{
	struct dlbind_loader *loader = &dlbind_state.loader;
	struct link_map *map;

	map = loader->open(lib->path,
			   RTLD_NOW | (lib->flags & DLBIND_GLOBAL ? RTLD_GLOBAL : RTLD_LOCAL));
	if (!map) {
		const char *why = loader->error();

		return error_set(ENOMEM,
				 "%s: the loader refuses it: %s: create it with "
				 "smaller limits, or in another folder",
				 lib->name, why ? why : "no reason given");
	}
	lib->map = map;
	lib->base = map->l_addr;
	madvise((void *)lib->base, lib->at.data, MADV_RANDOM);
	madvise((void *)lib->base, lib->at.text, MADV_DONTDUMP);
	madvise((void *)(lib->base + lib->at.data), lib->at.end - lib->at.data, MADV_DONTDUMP);
	for (int i = 0; i < ARENAS; i++)
		lib->arenas[i].base += lib->base;
	if (!views_agree(lib)) {
		loader->close(map);
		return error_set(ENOTSUP,
				 "%s: its file system does not share pages between "
				 "mappings: use another folder",
				 lib->path);
	}
	sections_loaded(lib, hash_visible(lib));
	ldso_find_hash(lib, (const uint32_t *)(lib->base + lib->at.hash[0]));
	if (registry_add(lib) != 0) {
		loader->close(map);
		return -1;
	}
	return 0;
}

struct library *library_make(const char *name, const struct dlbind_options *asked)
{
	struct dlbind_options o;
	struct library *lib;

	if (check_options(name, asked, &o) != 0 || registry_prepare() != 0)
		return NULL;
	lib = new_library(name ? name : "dlbind", &o);
	if (!lib)
		return NULL;
	if (image_layout(lib, &o) != 0 || make_file(lib, &o) != 0 || make_arenas(lib) != 0 ||
	    hash_init(lib) != 0 || symbols_init(lib) != 0 || image_write(lib, &o) != 0 ||
	    load(lib) != 0) {
		lib->flags &= ~DLBIND_KEEP_FILE;
		discard(lib);
		return NULL;
	}
	if (lib->flags & DLBIND_KEEP_FILE)
		folder_keep();
	return lib;
}

/* --- deletion ------------------------------------------------------------------------------ */

int library_destroy(void *handle)
{
	struct dlbind_loader *loader = &dlbind_state.loader;
	struct library *lib = registry_take(handle);
	void *still;

	if (!lib)
		return error_set(EINVAL,
				 "%p: not a library of dlcreate: give the handle "
				 "that it returned",
				 handle);
	pthread_mutex_lock(&lib->lock);
	while (lib->users)
		pthread_cond_wait(&lib->idle, &lib->lock);
	pthread_mutex_unlock(&lib->lock);
	if (loader->close(handle) != 0)
		loader->error();
	still = loader->open(lib->path, RTLD_NOW | RTLD_NOLOAD);
	if (still) {
		/* There was room for it before. */
		registry_add(lib);
		return error_set(EBUSY,
				 "%s: it is needed, or somebody has it open, or the "
				 "program has a name of it through RTLD_DEFAULT: close "
				 "what needs it, or free what is in it",
				 lib->name);
	}
	loader->error();
	discard(lib);
	return 0;
}

void library_figures(struct library *lib, struct dlbind_figures *f)
{
	const struct symbols *s = &lib->symbols;
	struct stat st;

	*f = (struct dlbind_figures){
		.symbols = s->live,
		.buckets = hash_visible(lib)->buckets,
		.notices = lib->notices,
		.grace_periods = lib->grace_periods,
		.private_bytes = sizeof *lib + s->side_size * sizeof *s->side +
				 s->heads_size * sizeof *s->heads,
	};
	if (stat(lib->path, &st) == 0)
		f->table_bytes = f->file_bytes = st.st_blocks * 512ul;
	for (int i = 0; i < ARENAS; i++) {
		const struct arena *a = &lib->arenas[i];

		f->private_bytes +=
			a->holes_size * sizeof *a->holes + a->index_size * sizeof *a->index;
		if (i == ARENA_TEXT || i == ARENA_RODATA)
			f->table_bytes -= a->backed_pages * PAGE;
		if (i == ARENA_FRAMES)
			continue;
		f->blocks += a->blocks;
		f->bytes += a->granules * GRANULE;
	}
}

/* --- changes -------------------------------------------------------------------------------- */

struct library *library_lock(void *handle)
{
	struct library *lib = registry_get(handle);

	if (!lib)
		return NULL;
	if (lib->inherited) {
		error_set(EPERM,
			  "%s: it belongs to the process that this one was forked "
			  "from: create another one",
			  lib->name);
		registry_put(lib);
		return NULL;
	}
	pthread_mutex_lock(&lib->lock);
	return lib;
}

static bool wants_settling(const struct library *lib)
{
	return !lib->settling && (hash_wants_step(lib) || symbols_want_grace(lib));
}

/* Brings what waits for ld.so's readers forward.  Expects the lock held, and
 * gives it up meanwhile. */
static void settle_locked(struct library *lib)
{
	bool done = true;

	lib->settling = true;
	while (done && (hash_wants_step(lib) || symbols_want_grace(lib))) {
		if (lib->hash.phase == HASH_STEADY)
			hash_step(lib);
		symbols_begin_grace(lib);
		pthread_mutex_unlock(&lib->lock);
		done = ldso_grace();
		pthread_mutex_lock(&lib->lock);
		if (!done)
			break;
		lib->grace_periods++;
		if (lib->hash.phase != HASH_STEADY)
			hash_step(lib);
		symbols_end_grace(lib);
	}
	lib->settling = false;
}

void library_unlock(struct library *lib)
{
	int error = errno;
	bool notify;

	if (wants_settling(lib))
		settle_locked(lib);
	notify = lib->changed && !lib->batch;
	if (notify && ldso_debugger_at_brk()) {
		pthread_mutex_unlock(&lib->lock);
		publish_notify(lib, false);
		pthread_mutex_lock(&lib->lock);
	}
	if (__atomic_sub_fetch(&lib->users, 1, __ATOMIC_RELEASE) == 0)
		pthread_cond_signal(&lib->idle);
	pthread_mutex_unlock(&lib->lock);
	errno = error;
}
