#include "adapter/binding.h"

#include <string.h>
#include <sys/mman.h>

#include "../dlbind/machine.h"
#include "api/goaudit.h"
#include "loader/tables.h"

/* Go's names have a dot or a colon; a C identifier is an export, for dlsym. */
static bool is_go_name(const char *name)
{
	return strpbrk(name, ".:") != NULL;
}

/* Does the program define a name of Go's?  A Go program does, and whoever
 * borrows such names. */
static bool program_has_go_names(const struct link_map *map)
{
	const ElfW(Sym) *syms = (void *)ldso_dynamic_address(map, DT_SYMTAB);
	const char *strings = (void *)ldso_dynamic_address(map, DT_STRTAB);
	size_t n = syms && strings ? ldso_symbols(map) : 0;

	for (size_t i = 1; i < n; i++)
		if (syms[i].st_shndx != SHN_UNDEF &&
		    is_go_name(strings + syms[i].st_name))
			return true;
	return false;
}

/* Where the symbols can be changed, until close_symbols; NULL: nowhere. */
static ElfW(Sym) *open_symbols(struct goaudit *ga, const struct link_map *map, size_t n)
{
	static const int64_t tags[] = { DT_SYMTAB };
	uintptr_t syms = ldso_dynamic_address(map, DT_SYMTAB);
	uintptr_t page = syms & -MACHINE_PAGE, end = syms + n * sizeof(ElfW(Sym));

	if (tables_among_code(map, syms))
		return tables_copy(ga, map, syms, end, tags, 1) ?
			       (void *)ldso_dynamic_address(map, DT_SYMTAB) : NULL;
	return mprotect((void *)page, end - page, PROT_READ | PROT_WRITE) == 0 ?
		       (void *)syms : NULL;
}

/* That they stay writable harms nobody: they are no code. */
static void close_symbols(struct goaudit *ga, const struct link_map *map,
			  const ElfW(Sym) *syms, size_t n)
{
	uintptr_t page = (uintptr_t)syms & -MACHINE_PAGE;

	if (mprotect((void *)page, (uintptr_t)(syms + n) - page, PROT_READ) != 0)
		goaudit_log(ga, "%s: its symbols stay writable: %m", map->l_name);
}

static void hide_own(struct goaudit *ga, const struct link_map *map)
{
	const char *strings = (void *)ldso_dynamic_address(map, DT_STRTAB);
	ElfW(Sym) *syms;
	size_t n;

	if (!strings || !ldso_dynamic_address(map, DT_SYMTAB) || !(n = ldso_symbols(map)))
		return;
	syms = open_symbols(ga, map, n);
	if (!syms) {
		goaudit_log(ga, "%s: its names cannot be hidden from the program's: %m",
			    map->l_name);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		const char *name = strings + syms[i].st_name;

		if (syms[i].st_shndx != SHN_UNDEF && is_go_name(name) &&
		    !ldso_lookup(ga->gort.map, name))
			syms[i].st_other = (syms[i].st_other & ~3) | STV_HIDDEN;
	}
	close_symbols(ga, map, syms, n);
}

void scope_settle(struct goaudit *ga, const struct link_map *map)
{
	struct generation *gen, *other;
	bool needed = false;

	if (!ga->gort.map || !snapshot_is_ours(ga, map->l_name))
		return;
	pthread_mutex_lock(&ga->lock);
	gen = registry_find_snapshot(ga, map->l_name);
	if (gen && gen->info->is_go) {
		if (!ga->gort.program_seen)
			ga->gort.program_names = program_has_go_names(ga->ldso.head);
		ga->gort.program_seen = true;
		needed = ga->gort.program_names;
		for (other = ga->registry.live; other && !needed;
		     other = other->next_live)
			needed = other != gen && other->info->is_go &&
				 other->opened_global;
	}
	pthread_mutex_unlock(&ga->lock);
	if (needed)
		hide_own(ga, map);
}
