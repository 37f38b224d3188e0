#include "reload/pins.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../dlbind/machine.h"
#include "core/core.h"
#include "dlbind.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "loader/elf.h"
#include "loader/loader.h"
#include "loader/transaction.h"
#include "reload/reloads.h"
#include "reload/users.h"

/* An object's address range that needs no (further) reference. */
struct range {
	uintptr_t lo, hi;
};

#define RANGES 16

static void keep(struct reloads *rl, struct generation *gen, void *handle)
{
	struct pins *pins = &gen->pins;
	struct generation *other;
	void **more;

	if (!handle)
		return;
	if (handle == rl->loader->runtime || handle == rl->loader->head) {
		dlclose(handle); /* never closed anyway */
		return;
	}
	pthread_mutex_lock(&rl->core->lock);
	other = registry_find_map_locked(rl->guests, handle);
	pthread_mutex_unlock(&rl->core->lock);
	if (other && !other->reaped && users_add(rl, gen, other)) {
		dlclose(handle); /* it has its own reference */
		return;
	}
	if (pins->n == pins->room) {
		more = realloc(pins->handle, (pins->room + 8) * sizeof *more);
		if (!more)
			return; /* the reference stays, for good: safe */
		pins->handle = more;
		pins->room += 8;
	}
	pins->handle[pins->n++] = handle;
}

/* These are not asked for: they stay anyway, and to ask ld.so for the runtime
 * library, which is loaded by its path, would be a search of all folders. */
static bool never_closed(const struct reloads *rl, const char *name)
{
	const char *runtime = rl->loader->runtime_name;

	return strcmp(name, "libc.so.6") == 0 ||
	       (rl->loader->runtime && runtime && strcmp(name, runtime) == 0);
}

void pins_take_needed(struct reloads *rl, struct generation *gen)
{
	const char *strings = (void *)elf_dynamic_address(gen->object.map, DT_STRTAB);
	struct call plain = { .kind = CALL_PLAIN };

	call_push(rl->loader, &plain);
	for (const ElfW(Dyn) *d = gen->object.map->l_ld; d->d_tag != DT_NULL; d++) {
		const char *name = strings + d->d_un.d_val;

		if (d->d_tag == DT_NEEDED && !never_closed(rl, name))
			keep(rl, gen, dlmopen(LM_ID_BASE, name, RTLD_LAZY | RTLD_NOLOAD));
	}
	call_pop(rl->loader, &plain);
}

static bool known(const struct range *ranges, unsigned n, uintptr_t address)
{
	for (unsigned i = 0; i < n; i++)
		if (address - ranges[i].lo < ranges[i].hi - ranges[i].lo)
			return true;
	return false;
}

static void add_range(struct range *ranges, unsigned *n, const struct link_map *map)
{
	if (map && *n < RANGES && elf_range(map, &ranges[*n].lo, &ranges[*n].hi))
		++*n;
}

/* The slots of one relocation table that hold the address of a symbol. */
static void scan(struct reloads *rl, struct generation *gen, int64_t table, int64_t size_tag,
		 struct range *ranges, unsigned *n)
{
	const ElfW(Rela) *r = (void *)elf_dynamic_address(gen->object.map, table);
	uint64_t size;

	if (!r || !elf_dynamic(gen->object.map, size_tag, &size))
		return;
	for (size_t i = 0; i < size / sizeof *r; i++) {
		uintptr_t value;
		struct link_map *map;

		if (!ELF64_R_SYM(r[i].r_info) ||
		    !machine_stores_address(ELF64_R_TYPE(r[i].r_info)))
			continue;
		value = *(uintptr_t *)(gen->object.map->l_addr + r[i].r_offset);
		if (!value || known(ranges, *n, value))
			continue;
		map = elf_object_at((void *)value);
		if (!map || !map->l_name || !map->l_name[0])
			continue;
		keep(rl, gen, dlmopen(LM_ID_BASE, map->l_name, RTLD_LAZY | RTLD_NOLOAD));
		add_range(ranges, n, map);
	}
}

void pins_take_bound(struct reloads *rl, struct generation *gen)
{
	struct range ranges[RANGES];
	struct call plain = { .kind = CALL_PLAIN };
	unsigned n = 0;
	uint64_t flags;
	bool now;

	/* Lazy slots may have been bound since the last time. */
	now = (elf_dynamic(gen->object.map, DT_FLAGS, &flags) && (flags & DF_BIND_NOW)) ||
	      (elf_dynamic(gen->object.map, DT_FLAGS_1, &flags) && (flags & DF_1_NOW));
	if (gen->pins.bound && now)
		return;
	gen->pins.bound = true;
	add_range(ranges, &n, gen->object.map);
	add_range(ranges, &n, rl->loader->libc);
	add_range(ranges, &n, rl->loader->runtime);
	add_range(ranges, &n, rl->loader->head);
	for (unsigned i = 0; i < gen->pins.n; i++)
		add_range(ranges, &n, gen->pins.handle[i]);
	for (unsigned i = 0; i < gen->pins.needs; i++)
		add_range(ranges, &n, gen->pins.need[i]->object.map);
	call_push(rl->loader, &plain);
	scan(rl, gen, DT_RELA, DT_RELASZ, ranges, &n);
	scan(rl, gen, DT_JMPREL, DT_PLTRELSZ, ranges, &n);
	call_pop(rl->loader, &plain);
}

void pins_release(struct generation *gen)
{
	for (unsigned i = 0; i < gen->pins.n; i++)
		dlclose(gen->pins.handle[i]);
	free(gen->pins.handle);
	gen->pins.handle = NULL;
	gen->pins.n = gen->pins.room = 0;
	gen->pins.bound = false;
}
