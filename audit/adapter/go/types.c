#include "adapter/go/types.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../dlbind/machine.h"
#include "adapter/adapters.h"
#include "adapter/go/funcs.h"
#include "adapter/go/gort.h"
#include "adapter/go/library.h"
#include "core/log.h"
#include "go/protocol.h"
#include "loader/elf.h"

/* Relocated words that lead to a type of the guest's own, to an itab, and to a func value. */
struct words {
	uint64_t *types, *itabs, **funcs;
	size_t n_types, n_itabs, n_funcs;
	bool lists; /* it can put modules on the runtime's list */
};

static bool begins_with(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* The symbol of a func value is NAME\u00b7f (cmd/compile/internal/ir, FuncSymName). */
static bool is_func(const char *name)
{
	size_t n = strlen(name);

	return n > 3 && memcmp(name + n - 3, "\302\267f", 3) == 0;
}

/* Fills the arrays, or only counts if there are none. */
static void find_words(const struct link_map *map, const struct go_register *in,
		       struct words *w)
{
	const ElfW(Sym) *syms = (void *)elf_dynamic_address(map, DT_SYMTAB);
	const char *strings = (void *)elf_dynamic_address(map, DT_STRTAB);
	const ElfW(Rela) *r = (void *)elf_dynamic_address(map, DT_RELA);
	uint64_t lo = in->lo, hi = in->hi, size = 0, relative = 0;

	w->n_types = w->n_itabs = w->n_funcs = 0;
	if (!syms || !strings || !r || !elf_dynamic(map, DT_RELASZ, &size))
		return;
	elf_dynamic(map, DT_RELACOUNT, &relative);
	for (size_t i = relative; i < size / sizeof *r; i++) {
		const char *name = strings + syms[ELF64_R_SYM(r[i].r_info)].st_name;
		uint64_t slot = map->l_addr + r[i].r_offset;

		if (!machine_stores_address(ELF64_R_TYPE(r[i].r_info)))
			continue;
		w->lists |= strcmp(name, "runtime.lastmoduledatap") == 0;
		if (*(uint64_t *)slot - lo >= hi - lo)
			continue;
		if (begins_with(name, "type:")) {
			if (w->types)
				w->types[w->n_types] = slot;
			w->n_types++;
		} else if (begins_with(name, "go:itab.")) {
			if (w->itabs)
				w->itabs[w->n_itabs] = slot;
			w->n_itabs++;
		} else if (is_func(name)) {
			if (w->funcs)
				w->funcs[w->n_funcs] = (uint64_t *)slot;
			w->n_funcs++;
		}
	}
}

static bool collect_words(const struct link_map *map, const struct go_register *in,
			  struct words *w)
{
	*w = (struct words){ 0 };
	find_words(map, in, w);
	w->types = malloc((w->n_types + 1) * sizeof *w->types);
	w->itabs = malloc((w->n_itabs + 1) * sizeof *w->itabs);
	w->funcs = malloc((w->n_funcs + 1) * sizeof *w->funcs);
	if (!w->types || !w->itabs || !w->funcs)
		return false;
	find_words(map, in, w);
	return true;
}

/* The pages that ld.so protects after relocation (elf/dl-reloc.c, _dl_protect_relro). */
static bool protect_relro(const struct link_map *map, int prot)
{
	size_t n;
	const ElfW(Phdr) *ph = elf_phdrs(map, &n);

	for (size_t i = 0; ph && i < n; i++) {
		uintptr_t from = (map->l_addr + ph[i].p_vaddr) & -MACHINE_PAGE;
		uintptr_t to = (map->l_addr + ph[i].p_vaddr + ph[i].p_memsz) & -MACHINE_PAGE;

		if (ph[i].p_type == PT_GNU_RELRO && to > from &&
		    mprotect((void *)from, to - from, prot) != 0)
			return false;
	}
	return true;
}

uint64_t types_modinfo(const struct link_map *map, uint64_t *size)
{
	const uint64_t *info = elf_lookup(map, "goaudit_modinfo");

	*size = info ? *info : 0;
	return info ? (uintptr_t)(info + 1) : 0;
}

bool types_register(struct adapters *ad, const struct link_map *map,
		    struct go_register *request)
{
	struct go_range libraries[LIBRARIES_NEEDED];
	struct words w;
	bool done =
		collect_words(map, request, &w) && protect_relro(map, PROT_READ | PROT_WRITE);

	request->size = sizeof *request;
	request->limited = 1;
	request->libraries = libraries;
	request->libraries_n = library_needed(ad, map, libraries, 0);
	request->types = w.types;
	request->types_n = w.n_types;
	request->itabs = w.itabs;
	request->itabs_n = w.n_itabs;
	request->lists = w.lists;
	request->modinfo = types_modinfo(map, &request->modinfo_n);
	if (done) {
		size_t funcs = funcs_lead(ad, request, w.funcs, w.n_funcs);

		gort_call(ad, ad->gort->enter, request);
		if (!protect_relro(map, PROT_READ))
			log_line(ad->core, "%s: pages with pointers stay writable: %m",
				 map->l_name);
		log_line(
			ad->core,
			"%s: %llu of %zu words to types and %zu to itabs, and %zu of %zu to func "
			"values lead to what stays; its types were merged in %llu us, all in "
			"%llu us",
			map->l_name, (unsigned long long)request->led, w.n_types, w.n_itabs,
			funcs, w.n_funcs, (unsigned long long)request->merge_ns / 1000,
			(unsigned long long)request->register_ns / 1000);
	}
	free(w.types);
	free(w.itabs);
	free(w.funcs);
	return done;
}
