/* How what a client writes comes to be executed, and how a debugger hears of it.
 *
 * With the write alias, the pages are shared with the file, and the library's
 * view of them shows the file, except where a debugger has written: it makes a
 * private copy of a page when it sets a breakpoint.  Such a page no longer follows
 * the alias, and is dropped when its code is published; if the debugger is still
 * there, it sets the breakpoint again as soon as it has read the library again.
 *
 * Without the alias, a block has pages of its own, which are private and writable
 * until it is sealed; then they are copied to the file and dropped. */
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "arena.h"
#include "error.h"
#include "ldso.h"

static int protect(struct arena *a, uint32_t start, uint32_t granules, int protection)
{
	if (mprotect((void *)arena_address(a, start), (size_t)granules * GRANULE, protection) ==
	    0)
		return 0;
	return error_set(errno,
			 "%s: the protection of memory cannot be changed: %m: "
			 "close some libraries, or use DLBIND_WRITE_ALIAS",
			 a->library->name);
}

static void drop(uintptr_t from, size_t size)
{
	uintptr_t first = from & -PAGE;

	madvise((void *)first, pages_up(from + size - first), MADV_DONTNEED);
}

int publish_open(struct arena *a, uint32_t start, uint32_t granules)
{
	if (protect(a, start, granules, PROT_READ | PROT_WRITE) != 0)
		return -1;
	granule_set(a->open, start, true);
	return 0;
}

/* The pages do not have to be made executable again: if that fails, the next
 * block there will see to it. */
void publish_close(struct arena *a, uint32_t start, uint32_t granules)
{
	drop(arena_address(a, start), (size_t)granules * GRANULE);
	mprotect((void *)arena_address(a, start), (size_t)granules * GRANULE, a->protection);
	granule_set(a->open, start, false);
}

/* A client may have changed sealed code by making it writable itself.  What
 * differs is that, or a breakpoint. */
static void absorb(char *alias, const unsigned char *own, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (own[i] != (unsigned char)alias[i] && !machine_is_breakpoint(&own[i]))
			alias[i] = own[i];
}

int publish_seal(struct arena *a, uint32_t start, uint32_t granules, uintptr_t from,
		 size_t size)
{
	bool open = granule_test(a->open, start);
	char *alias;

	if (!a->alias)
		return 0;
	if (open) {
		from = arena_address(a, start);
		size = (size_t)granules * GRANULE;
	}
	alias = a->alias + (from - a->base);
	if (memcmp(alias, (void *)from, size) == 0 && !open) {
		machine_code_written(from, size);
		return 0;
	}
	if (open) {
		memcpy(alias, (void *)from, size);
		if (protect(a, start, granules, a->protection) != 0)
			return -1;
		granule_set(a->open, start, false);
	} else if (!(a->library->flags & DLBIND_WRITE_ALIAS)) {
		absorb(alias, (void *)from, size);
	}
	drop(from, size);
	machine_code_written(from, size);
	return 0;
}

/* lldb reads a file again only if its time has changed, which writing to a mapping
 * does at no certain moment. */
static void touch(const struct library *lib)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

	clock_gettime(CLOCK_REALTIME, &times[1]);
	utimensat(AT_FDCWD, lib->path, times, 0);
}

/* No breakpoint of a debugger that forgets it may stay: it would take the byte
 * for the original one later. */
static void refresh(struct library *lib)
{
	struct arena *a = &lib->arenas[ARENA_TEXT];
	size_t g = 0;

	touch(lib);
	pthread_mutex_lock(&lib->lock);
	if (lib->flags & DLBIND_WRITE_ALIAS) {
		drop(a->base, (size_t)a->top * GRANULE);
	} else {
		while ((g = bits_next(&a->starts, g)) != BITS_NONE) {
			uint32_t start, n;

			if (arena_block(a, arena_address(a, g), &start, &n) &&
			    !granule_test(a->open, start))
				publish_seal(a, start, n, arena_address(a, start),
					     (size_t)n * GRANULE);
			g++;
		}
	}
	pthread_mutex_unlock(&lib->lock);
}

void publish_notify(struct library *lib, bool always)
{
	bool wanted;

	if (!always && !ldso_debugger_at_brk())
		return;
	pthread_mutex_lock(&lib->lock);
	wanted = always || (lib->changed && !lib->batch);
	if (wanted)
		lib->changed = false;
	pthread_mutex_unlock(&lib->lock);
	if (!wanted || (always && !ldso_debugger_attached()))
		return;
	if (ldso_relist(lib, refresh)) {
		pthread_mutex_lock(&lib->lock);
		lib->notices++;
		pthread_mutex_unlock(&lib->lock);
	}
}
