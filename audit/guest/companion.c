#include "guest/companion.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/core.h"
#include "core/error.h"
#include "core/file.h"
#include "dlbind.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "loader/elf.h"
#include "loader/loader.h"

/* gdb stops at ld.so's SDT probes where it has them, and not at r_brk. */
static void find_probe(struct guests *gs)
{
	const struct r_debug *debug = gs->loader->ldso.debug;
	const struct link_map *map =
		debug ? elf_object_at((const void *)(uintptr_t)debug->r_brk) : NULL;
	int fd = map ? open(map->l_name, O_RDONLY | O_CLOEXEC) : -1;
	uint64_t at = 0;
	size_t size;
	char *data;

	if (fd < 0)
		return;
	data = file_read(fd, &size);
	if (data)
		at = gs->companions.probe(data, size, "rtld", "unmap_complete");
	if (at)
		gs->loader->probe = map->l_addr + at;
	free(data);
	close(fd);
}
void *companion_open(struct guests *gs, const char *name)
{
	char path[sizeof gs->core->home + 64];
	void *library;

	snprintf(path, sizeof path, "%s/%s", gs->core->home, name);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		error_set(gs->core, "%s: free memory, or install it beside libgoaudit.so",
			  dlerror());
	return library;
}

struct wanted {
	const char *name;
	void **function;
};

/* All or none.  The one that tells that the others are there comes last. */
static int fill(struct guests *gs, const char *library, const struct wanted *wanted, size_t n)
{
	void *handle, *found[8];

	if (__atomic_load_n(wanted[n - 1].function, __ATOMIC_ACQUIRE))
		return 0;
	handle = companion_open(gs, library);
	if (!handle)
		return -1;
	for (size_t i = 0; i < n; i++) {
		found[i] = dlsym(handle, wanted[i].name);
		if (!found[i]) {
			error_set(gs->core,
				  "%s: it is of another release: install the one "
				  "that came with libgoaudit.so",
				  dlerror());
			return -1;
		}
	}
	pthread_mutex_lock(&gs->core->lock);
	for (size_t i = 0; i < n; i++)
		__atomic_store_n(wanted[i].function, found[i], __ATOMIC_RELEASE);
	pthread_mutex_unlock(&gs->core->lock);
	return 0;
}

int companion_image(struct guests *gs)
{
	struct companions *c = &gs->companions;
	const struct wanted wanted[] = {
		{ "image_mend", (void **)&c->mend },
		{ "image_add_debug", (void **)&c->add_debug },
		{ "image_probe", (void **)&c->probe },
		{ "image_status_text", (void **)&c->status_text },
		{ "image_packages", (void **)&c->packages },
		{ "image_clash", (void **)&c->clash },
		{ "image_inspect", (void **)&c->inspect },
	};
	bool first = !__atomic_load_n(&c->inspect, __ATOMIC_ACQUIRE);

	if (fill(gs, "libgoaudit-image.so", wanted, sizeof wanted / sizeof *wanted) != 0)
		return -1;
	if (first)
		find_probe(gs);
	return 0;
}

bool companion_look(struct guests *gs, const char *path, struct image_facts *facts,
		    char **packages)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *data;
	bool good;

	if (packages)
		*packages = NULL;
	if (fd < 0)
		return false;
	data = fstat(fd, &st) == 0 && st.st_size > 0 ?
		       mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) :
		       MAP_FAILED;
	close(fd);
	if (data == MAP_FAILED)
		return false;
	facts->size = sizeof *facts;
	good = gs->companions.inspect(data, st.st_size, facts, NULL, 0) == IMAGE_OK;
	if (good && packages)
		*packages = gs->companions.packages(data, st.st_size);
	munmap(data, st.st_size);
	return good;
}

int companion_dwarf(struct guests *gs)
{
	struct companions *c = &gs->companions;
	const struct wanted wanted[] = {
		{ "image_plan_copy", (void **)&c->plan_move },
		{ "image_copy_free", (void **)&c->free_plan },
		{ "image_compare_exports", (void **)&c->compare_exports },
	};

	return fill(gs, "libgoaudit-dwarf.so", wanted, sizeof wanted / sizeof *wanted);
}
