#include "adapter/go/itabs.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "../dlbind/machine.h"
#include "adapter/adapters.h"
#include "adapter/go/gort.h"
#include "core/log.h"
#include "go/protocol.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "loader/elf.h"

/* Stores a pointer that may lie in the read-only-after-relocation part. */
static bool store(struct adapters *ad, struct generation *gen, uintptr_t *slot, uintptr_t value)
{
	uintptr_t page = (uintptr_t)slot & -MACHINE_PAGE;
	bool relro = elf_segment_at(gen->object.map, PT_GNU_RELRO, slot) != NULL;

	if (relro && mprotect((void *)page, MACHINE_PAGE, PROT_READ | PROT_WRITE) != 0)
		return false;
	*slot = value;
	if (relro && mprotect((void *)page, MACHINE_PAGE, PROT_READ) != 0)
		log_line(ad->core, "%s: a page with pointers at %#lx stays writable: %m",
			 gen->guest->path, page);
	return true;
}

bool itabs_use_library(struct adapters *ad, struct generation *gen)
{
	const ElfW(Sym) *syms = (void *)elf_dynamic_address(gen->object.map, DT_SYMTAB);
	const char *strings = (void *)elf_dynamic_address(gen->object.map, DT_STRTAB);
	ElfW(Rela) *r = (void *)elf_dynamic_address(gen->object.map, DT_RELA);
	struct go_canon c = { .size = sizeof c, .lo = gen->info->lo, .hi = gen->info->hi };
	uint64_t size = 0, relative = 0;

	if (!syms || !strings || !r || !elf_dynamic(gen->object.map, DT_RELASZ, &size))
		return true;
	elf_dynamic(gen->object.map, DT_RELACOUNT, &relative);
	for (size_t i = relative; i < size / sizeof *r; i++) {
		const char *name = strings + syms[ELF64_R_SYM(r[i].r_info)].st_name;
		uintptr_t *slot = (uintptr_t *)(gen->object.map->l_addr + r[i].r_offset);

		if (!machine_stores_address(ELF64_R_TYPE(r[i].r_info)) ||
		    strncmp(name, "go:itab.", 8) != 0 || *slot - c.lo >= c.hi - c.lo)
			continue;
		c.in = *slot;
		c.out = c.in;
		gort_call(ad, ad->gort->canon, &c);
		if (c.out != c.in && !store(ad, gen, slot, c.out))
			return false;
	}
	return true;
}
