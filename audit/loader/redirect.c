#include "loader/redirect.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "../dlbind/machine.h"
#include "core/log.h"
#include "goaudit.h"
#include "loader/elf.h"
#include "loader/loader.h"
#include "loader/tables.h"

static int protection_of(const ElfW(Phdr) * segment)
{
	return (segment->p_flags & PF_R ? PROT_READ : 0) |
	       (segment->p_flags & PF_W ? PROT_WRITE : 0) |
	       (segment->p_flags & PF_X ? PROT_EXEC : 0);
}

/* What is turned, of one object. */
struct scan {
	struct loader *ld;
	const struct link_map *map;
	const ElfW(Sym) * syms;
	const char *strings;
	redirect_find *find;
	void *arg;
	bool own;
};

static void stays(const struct scan *s, const char *name)
{
	log_line(s->ld->core, "%s: its calls of %s stay glibc's own: %m", s->map->l_name, name);
}

/* No page of code comes here (tables.h), so that the way back cannot be forbidden. */
static void redirect(const struct scan *s, ElfW(Rela) * r, const struct redirection *t)
{
	uintptr_t page = (uintptr_t)r & -MACHINE_PAGE;
	size_t size = (uintptr_t)(r + 1) - page;
	const ElfW(Phdr) *segment = elf_segment_at(s->map, PT_LOAD, r);

	/* A copy is writable. */
	if (segment && mprotect((void *)page, size, PROT_READ | PROT_WRITE) != 0) {
		stays(s, t->name);
		return;
	}
	r->r_info = ELF64_R_INFO(0, MACHINE_R_IRELATIVE);
	r->r_addend = (uintptr_t)t->resolver - s->map->l_addr;
	if (segment && mprotect((void *)page, size, protection_of(segment)) != 0)
		log_line(s->ld->core, "%s: a page of its relocations stays writable: %m",
			 s->map->l_name);
}

/* What the calls by this relocation are to reach instead; NULL: nothing of ours. */
static const struct redirection *target_of(const struct scan *s, const ElfW(Rela) * r)
{
	const ElfW(Sym) *sym = &s->syms[ELF64_R_SYM(r->r_info)];
	if (!machine_stores_address(ELF64_R_TYPE(r->r_info)) || r->r_addend != 0 ||
	    (sym->st_shndx != SHN_UNDEF && !s->own))
		return NULL;
	return s->find(s->arg, s->strings + sym->st_name);
}

struct relocations {
	ElfW(Rela) * r;
	size_t n;
};

/* The two tables; the relative ones come first in the first, and name no symbol. */
static void find_relocations(const struct link_map *map, struct relocations tables[2])
{
	ElfW(Rela) *rela = (void *)elf_dynamic_address(map, DT_RELA);
	ElfW(Rela) *plt = (void *)elf_dynamic_address(map, DT_JMPREL);
	uint64_t size, relative, kind;

	memset(tables, 0, 2 * sizeof *tables);
	if (rela && elf_dynamic(map, DT_RELASZ, &size)) {
		if (!elf_dynamic(map, DT_RELACOUNT, &relative) ||
		    relative * sizeof *rela > size)
			relative = 0;
		tables[0].r = rela + relative;
		tables[0].n = size / sizeof *rela - relative;
	}
	if (plt && elf_dynamic(map, DT_PLTRELSZ, &size) && elf_dynamic(map, DT_PLTREL, &kind) &&
	    kind == DT_RELA) {
		tables[1].r = plt;
		tables[1].n = size / sizeof *plt;
	}
}

static const struct redirection *first_target(const struct scan *s,
					      const struct relocations *table)
{
	const struct redirection *t = NULL;

	for (size_t i = 0; i < table->n && !t; i++)
		t = target_of(s, &table->r[i]);
	return t;
}

/* Has those tables copied that stand among code, and finds them anew; both as one, for
 * ld.so looks whether one follows the other.  false: they cannot be changed. */
static bool leave_code(const struct scan *s, struct relocations tables[2])
{
	static const int64_t tags[] = { DT_RELA, DT_JMPREL };
	uintptr_t rela = elf_dynamic_address(s->map, DT_RELA), lo, hi;
	const struct redirection *t = first_target(s, &tables[0]);

	if (!t)
		t = first_target(s, &tables[1]);
	if (!t || !tables_among_code(s->map, (uintptr_t)tables[tables[0].n == 0].r))
		return true;
	lo = rela ? rela : (uintptr_t)tables[1].r;
	hi = (uintptr_t)(tables[0].r + tables[0].n);
	if (tables[1].n) {
		lo = (uintptr_t)tables[1].r < lo ? (uintptr_t)tables[1].r : lo;
		hi = (uintptr_t)(tables[1].r + tables[1].n) > hi ?
			     (uintptr_t)(tables[1].r + tables[1].n) :
			     hi;
	}
	if (!tables_among_code(s->map, hi - 1) ||
	    !tables_copy(s->ld, s->map, lo, hi, tags, 2)) {
		stays(s, t->name);
		return false;
	}
	find_relocations(s->map, tables);
	return true;
}

void redirect_object(struct loader *ld, const struct link_map *map, redirect_find *find,
		     void *arg, bool own)
{
	struct relocations tables[2];
	struct scan s = {
		.ld = ld,
		.map = map,
		.find = find,
		.arg = arg,
		.own = own,
		.syms = (void *)elf_dynamic_address(map, DT_SYMTAB),
		.strings = (void *)elf_dynamic_address(map, DT_STRTAB),
	};

	if (!s.syms || !s.strings)
		return;
	find_relocations(map, tables);
	if (!leave_code(&s, tables))
		return;
	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < tables[k].n; i++) {
			const struct redirection *t = target_of(&s, &tables[k].r[i]);

			if (t)
				redirect(&s, &tables[k].r[i], t);
		}
}
