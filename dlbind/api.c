/* The calls of dlbind.h. */
#include <errno.h>
#include <string.h>

#include "arena.h"
#include "error.h"
#include "frames.h"
#include "library.h"
#include "publish.h"
#include "registry.h"
#include "symbols.h"
#include "tiny.h"

#define EXPORT __attribute__((visibility("default")))

/* --- libraries ------------------------------------------------------------------------- */

EXPORT void *dlcreate_with_options(const char *name, const struct dlbind_options *o)
{
	struct library *lib = library_make(name, o);
	void *handle = lib ? lib->map : NULL;

	if (lib)
		registry_put(lib);
	return handle;
}

EXPORT void *dlcreate(const char *name)
{
	return dlcreate_with_options(name, NULL);
}

EXPORT void *dlcreate_with_mmap(const char *name,
				void *(*map)(void *, size_t, int, int, int, off_t))
{
	struct dlbind_options o = { .size = sizeof o, .mmap = map };

	return dlcreate_with_options(name, &o);
}

EXPORT int dldelete(void *library)
{
	return library_destroy(library);
}

/* --- memory ------------------------------------------------------------------------------ */

static struct arena *arena_for(struct library *lib, unsigned flags)
{
	switch (flags & ~(unsigned)SHF_ALLOC) {
	case SHF_EXECINSTR: return &lib->arenas[ARENA_TEXT];
	case SHF_WRITE: return &lib->arenas[ARENA_DATA];
	case 0: return &lib->arenas[ARENA_RODATA];
	}
	error_set(EINVAL,
		  "%s: memory with flags %#x cannot be had: give SHF_EXECINSTR, "
		  "SHF_WRITE or neither",
		  lib->name, flags);
	return NULL;
}

/* Blocks that are written at their own address have pages of their own. */
static bool has_own_pages(const struct arena *a)
{
	return a->alias && !(a->library->flags & DLBIND_WRITE_ALIAS);
}

static uintptr_t alloc_locked(struct library *lib, size_t size, size_t alignment,
			      unsigned flags)
{
	struct arena *a = arena_for(lib, flags);
	uint32_t start, granules;
	uintptr_t at;

	if (!a)
		return 0;
	if (size == 0 || alignment == 0 || alignment & (alignment - 1) ||
	    alignment > 1ul << 30) {
		error_set(EINVAL,
			  "%s: %zu bytes aligned to %zu cannot be allocated: give "
			  "a size, and a power of two up to 2^30",
			  lib->name, size, alignment);
		return 0;
	}
	if (alignment < GRANULE)
		alignment = GRANULE;
	if (size > SIZE_MAX / 2)
		size = SIZE_MAX / 2; /* more than there is; and no overflow */
	if (has_own_pages(a)) {
		size = pages_up(size);
		alignment = alignment < PAGE ? PAGE : alignment;
	}
	at = arena_alloc(a, size, alignment);
	if (at && has_own_pages(a)) {
		arena_block(a, at, &start, &granules);
		if (publish_open(a, start, granules) != 0) {
			arena_free(a, start);
			return 0;
		}
	}
	return at;
}

EXPORT void *dlalloc_aligned(void *library, size_t size, size_t alignment, unsigned flags)
{
	struct library *lib = library_lock(library);
	uintptr_t at;

	if (!lib)
		return NULL;
	at = alloc_locked(lib, size, alignment, flags);
	library_unlock(lib);
	return (void *)at;
}

EXPORT void *dlalloc(void *library, size_t size, unsigned flags)
{
	return dlalloc_aligned(library, size, GRANULE, flags);
}

/* A block of the client's, which `address` lies in. */
static struct arena *find_block(struct library *lib, const void *address, uint32_t *start,
				uint32_t *granules)
{
	for (int kind = ARENA_TEXT; kind <= ARENA_DATA; kind++)
		if (arena_block(&lib->arenas[kind], (uintptr_t)address, start, granules))
			return &lib->arenas[kind];
	error_set(EINVAL, "%p: not in a block of %s: give what dlalloc returned", address,
		  lib->name);
	return NULL;
}

static struct arena *find_start(struct library *lib, const void *block, uint32_t *start,
				uint32_t *granules)
{
	struct arena *a = find_block(lib, block, start, granules);

	if (a && arena_address(a, *start) != (uintptr_t)block) {
		error_set(EINVAL,
			  "%p: in the middle of a block of %s: give what dlalloc "
			  "returned",
			  block, lib->name);
		return NULL;
	}
	return a;
}

/* Does a name or an unwind entry refer to granules [from, to)? */
static int check_unused(struct arena *a, uint32_t from, uint32_t to)
{
	if (symbols_in(a, from, to))
		return error_set(EBUSY, "%p: a name of %s is bound to it: unbind it first",
				 (void *)arena_address(a, from), a->library->name);
	if (a->kind == ARENA_TEXT &&
	    frames_in(a->library, arena_address(a, from), arena_address(a, to)))
		return error_set(EBUSY,
				 "%p: an unwind entry of %s is for it: take it away "
				 "with dlunframe first",
				 (void *)arena_address(a, from), a->library->name);
	return 0;
}

static int free_locked(struct library *lib, void *block)
{
	uint32_t start, granules;
	struct arena *a = find_start(lib, block, &start, &granules);

	if (!a || check_unused(a, start, start + granules) != 0)
		return -1;
	if (has_own_pages(a))
		publish_close(a, start, granules);
	arena_free(a, start);
	return 0;
}

EXPORT int dlfree(void *library, void *block)
{
	struct library *lib;
	int result;

	if (!block)
		return 0;
	lib = library_lock(library);
	if (!lib)
		return -1;
	result = free_locked(lib, block);
	library_unlock(lib);
	return result;
}

/* Does a symbol reach beyond granule `to` of its block? */
static int check_shrink(struct arena *a, uint32_t start, uint32_t to, uint32_t end)
{
	Elf64_Sym sym;

	if (to >= end)
		return 0;
	if (to > start && symbols_at(a, arena_address(a, to), &sym))
		return error_set(EBUSY, "%p: a name of %s reaches beyond: unbind it first",
				 (void *)arena_address(a, start), a->library->name);
	return check_unused(a, to, end);
}

static int resize_locked(struct library *lib, void *block, size_t size)
{
	uint32_t start, granules, end;
	struct arena *a = find_start(lib, block, &start, &granules);
	bool open;

	if (!a)
		return -1;
	if (size == 0)
		return error_set(EINVAL, "%p: no size: free it with dlfree", block);
	end = start + granules;
	if (size > SIZE_MAX / 2)
		size = SIZE_MAX / 2;
	if (has_own_pages(a))
		size = pages_up(size);
	if (size / GRANULE < granules &&
	    check_shrink(a, start, start + (size + GRANULE - 1) / GRANULE, end) != 0)
		return -1;
	open = has_own_pages(a) && granule_test(a->open, start);
	if (has_own_pages(a) && !open && size > (size_t)granules * GRANULE)
		return error_set(EPERM,
				 "%p: sealed: allocate another block, or use "
				 "DLBIND_WRITE_ALIAS",
				 block);
	if (has_own_pages(a) && size < (size_t)granules * GRANULE)
		publish_close(a, start + size / GRANULE, granules - size / GRANULE);
	if (arena_resize(a, start, size) != 0)
		return -1;
	if (open && size > (size_t)granules * GRANULE &&
	    publish_open(a, start, size / GRANULE) != 0) {
		arena_resize(a, start, (size_t)granules * GRANULE);
		return -1;
	}
	return 0;
}

EXPORT void *dlrealloc(void *library, void *block, size_t size)
{
	struct library *lib = library_lock(library);
	int result;

	if (!lib)
		return NULL;
	result = resize_locked(lib, block, size);
	library_unlock(lib);
	return result == 0 ? block : NULL;
}

EXPORT void *dlwritable(void *library, const void *address)
{
	struct library *lib = library_lock(library);
	uint32_t start, granules;
	struct arena *a;
	char *at = NULL;

	if (!lib)
		return NULL;
	a = find_block(lib, address, &start, &granules);
	if (a && (!a->alias || granule_test(a->open, start)))
		at = (char *)address;
	else if (a && lib->flags & DLBIND_WRITE_ALIAS)
		at = a->alias + ((uintptr_t)address - a->base);
	else if (a)
		error_set(EPERM,
			  "%p: sealed: allocate another block, or use "
			  "DLBIND_WRITE_ALIAS",
			  address);
	library_unlock(lib);
	return at;
}

EXPORT int dlseal(void *library, const void *address)
{
	struct library *lib = library_lock(library);
	uint32_t start, granules;
	struct arena *a;
	int result = -1;

	if (!lib)
		return -1;
	a = find_block(lib, address, &start, &granules);
	if (a)
		result = publish_seal(a, start, granules, arena_address(a, start),
				      (size_t)granules * GRANULE);
	library_unlock(lib);
	return result;
}

/* --- names --------------------------------------------------------------------------------- */

EXPORT void *dlbind_symbol(void *library, const struct dlbind_symbol *asked)
{
	struct dlbind_symbol s = { .struct_size = sizeof s };
	struct library *lib;
	int result;

	if (!asked || asked->struct_size < offsetof(struct dlbind_symbol, version) ||
	    asked->struct_size > sizeof s) {
		error_set(EINVAL,
			  "dlbind: the symbol's struct_size is %zu: set it to "
			  "sizeof(struct dlbind_symbol)",
			  asked ? asked->struct_size : 0);
		return NULL;
	}
	memcpy(&s, asked, asked->struct_size);
	lib = library_lock(library);
	if (!lib)
		return NULL;
	result = symbols_bind(lib, &s);
	library_unlock(lib);
	return result == 0 ? library : NULL;
}

EXPORT void *dlbind(void *library, const char *name, void *object, size_t size, Elf64_Word type)
{
	struct dlbind_symbol s = {
		.struct_size = sizeof s,
		.name = name,
		.object = object,
		.size = size,
		.type = type > 15 ? 15 : type,
	};

	return dlbind_symbol(library, &s);
}

EXPORT int dlunbind_version(void *library, const char *name, const char *version)
{
	struct library *lib = library_lock(library);
	int result;

	if (!lib)
		return -1;
	result = symbols_unbind(lib, name, version);
	library_unlock(lib);
	return result;
}

EXPORT int dlunbind(void *library, const char *name)
{
	return dlunbind_version(library, name, NULL);
}

EXPORT int dlbind_addr(const void *address, Dl_info *info)
{
	struct library *lib = registry_at((uintptr_t)address);
	Elf64_Sym sym;

	if (!lib)
		return dladdr(address, info);
	if (lib->inherited) {
		/* Its tables have gone on in the parent. */
		registry_put(lib);
		return dladdr(address, info);
	}
	*info = (Dl_info){ .dli_fname = lib->map->l_name, .dli_fbase = (void *)lib->base };
	pthread_mutex_lock(&lib->lock);
	for (int kind = ARENA_TEXT; kind <= ARENA_DATA; kind++) {
		struct arena *a = &lib->arenas[kind];

		if ((uintptr_t)address - a->base < a->size &&
		    symbols_at(a, (uintptr_t)address, &sym)) {
			info->dli_sname = (char *)lib->base + lib->at.dynstr + sym.st_name;
			info->dli_saddr = (char *)lib->base + sym.st_value;
		}
	}
	pthread_mutex_unlock(&lib->lock);
	registry_put(lib);
	return 1;
}

/* --- unwinding ------------------------------------------------------------------------------- */

EXPORT int dlframe(void *library, const void *eh_frame, size_t size, void **token)
{
	struct library *lib = library_lock(library);
	int result;

	if (!lib)
		return -1;
	result = frames_add(lib, eh_frame, size, token);
	library_unlock(lib);
	return result;
}

EXPORT int dlunframe(void *library, void *token)
{
	struct library *lib = library_lock(library);
	int result;

	if (!lib)
		return -1;
	result = frames_remove(lib, token);
	library_unlock(lib);
	return result;
}

/* --- debuggers --------------------------------------------------------------------------------- */

EXPORT int dlbind_begin(void *library)
{
	struct library *lib = library_lock(library);

	if (!lib)
		return -1;
	lib->batch++;
	library_unlock(lib);
	return 0;
}

EXPORT int dlbind_commit(void *library)
{
	struct library *lib = library_lock(library);
	int result = 0;

	if (!lib)
		return -1;
	if (lib->batch)
		lib->batch--;
	else
		result = error_set(EINVAL, "%s: no dlbind_begin to commit: call it before",
				   lib->name);
	library_unlock(lib);
	return result;
}

EXPORT bool dlbind_owns(void *library)
{
	struct library *lib = registry_find(library);

	if (lib)
		registry_put(lib);
	return lib;
}

EXPORT int dlbind_notify(void *library)
{
	struct library *lib = library_lock(library);

	if (!lib)
		return -1;
	pthread_mutex_unlock(&lib->lock);
	publish_notify(lib, true);
	registry_put(lib);
	return 0;
}

EXPORT void dlbind_use_loader(const struct dlbind_loader *loader)
{
	dlbind_state.loader = *loader;
}

EXPORT bool dlbind_forking(void)
{
	return registry_forking();
}

EXPORT bool dlbind_interrupted(int tid)
{
	return registry_interrupted(tid);
}

EXPORT void dlbind_forked(bool child)
{
	if (child)
		registry_forked_child();
	else
		registry_forked_parent();
}

EXPORT int dlbind_tiny(const char *name, char path[PATH_MAX])
{
	return registry_prepare() == 0 ? tiny_make(name, 0, path) : -1;
}

/* --- errors and figures -------------------------------------------------------------------------- */

EXPORT const char *dlbind_error(void)
{
	return error_take();
}

EXPORT int dlbind_figures(void *library, struct dlbind_figures *figures, size_t size)
{
	struct library *lib = library_lock(library);
	struct dlbind_figures f;

	if (!lib)
		return -1;
	library_figures(lib, &f);
	library_unlock(lib);
	memcpy(figures, &f, size < sizeof f ? size : sizeof f);
	return 0;
}
