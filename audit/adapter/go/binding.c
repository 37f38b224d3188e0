#include "adapter/go/binding.h"

#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "../dlbind/machine.h"
#include "adapter/adapters.h"
#include "adapter/go/gort.h"
#include "core/core.h"
#include "core/log.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "loader/elf.h"
#include "loader/loader.h"
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
	const ElfW(Sym) *syms = (void *)elf_dynamic_address(map, DT_SYMTAB);
	const char *strings = (void *)elf_dynamic_address(map, DT_STRTAB);
	size_t n = syms && strings ? elf_symbol_count(map) : 0;

	for (size_t i = 1; i < n; i++)
		if (syms[i].st_shndx != SHN_UNDEF && is_go_name(strings + syms[i].st_name))
			return true;
	return false;
}

/* Where the symbols can be changed, until close_symbols; NULL: nowhere. */
static ElfW(Sym) * open_symbols(struct adapters *ad, const struct link_map *map, size_t n)
{
	static const int64_t tags[] = { DT_SYMTAB };
	uintptr_t syms = elf_dynamic_address(map, DT_SYMTAB);
	uintptr_t page = syms & -MACHINE_PAGE, end = syms + n * sizeof(ElfW(Sym));

	if (tables_among_code(map, syms))
		return tables_copy(ad->loader, map, syms, end, tags, 1) ?
			       (void *)elf_dynamic_address(map, DT_SYMTAB) :
			       NULL;
	return mprotect((void *)page, end - page, PROT_READ | PROT_WRITE) == 0 ? (void *)syms :
										 NULL;
}

/* That they stay writable harms nobody: they are no code. */
static void close_symbols(struct adapters *ad, const struct link_map *map,
			  const ElfW(Sym) * syms, size_t n)
{
	uintptr_t page = (uintptr_t)syms & -MACHINE_PAGE;

	if (mprotect((void *)page, (uintptr_t)(syms + n) - page, PROT_READ) != 0)
		log_line(ad->core, "%s: its symbols stay writable: %m", map->l_name);
}

static void hide_own(struct adapters *ad, const struct link_map *map)
{
	const char *strings = (void *)elf_dynamic_address(map, DT_STRTAB);
	ElfW(Sym) * syms;
	size_t n;

	if (!strings || !elf_dynamic_address(map, DT_SYMTAB) || !(n = elf_symbol_count(map)))
		return;
	syms = open_symbols(ad, map, n);
	if (!syms) {
		log_line(ad->core, "%s: its names cannot be hidden from the program's: %m",
			 map->l_name);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		const char *name = strings + syms[i].st_name;

		if (syms[i].st_shndx != SHN_UNDEF && is_go_name(name) &&
		    !elf_lookup(ad->gort->map, name))
			syms[i].st_other = (syms[i].st_other & ~3) | STV_HIDDEN;
	}
	close_symbols(ad, map, syms, n);
}

void binding_bind(struct adapters *ad, struct generation *gen, const struct link_map *map)
{
	struct generation *other;
	bool needed;

	if (!ad->gort->map)
		return;
	pthread_mutex_lock(&ad->core->lock);
	if (!ad->gort->program_seen)
		ad->gort->program_names = program_has_go_names(ad->loader->head);
	ad->gort->program_seen = true;
	needed = ad->gort->program_names;
	for (other = ad->guests->registry.live; other && !needed; other = other->next_live)
		needed = other != gen && other->adapter == gen->adapter && other->opened_global;
	pthread_mutex_unlock(&ad->core->lock);
	if (needed)
		hide_own(ad, map);
}
