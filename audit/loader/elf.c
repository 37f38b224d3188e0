#include "loader/elf.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "../dlbind/linkmap.h"
#include "../dlbind/machine.h"
#include "dlbind.h"
#include "goaudit.h"

bool elf_dynamic(const struct link_map *map, int64_t tag, uint64_t *value)
{
	for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++)
		if (d->d_tag == tag) {
			*value = d->d_un.d_val;
			return true;
		}
	return false;
}

uintptr_t elf_dynamic_address(const struct link_map *map, int64_t tag)
{
	const ElfW(Phdr) * segment;
	uint64_t v;

	if (!elf_dynamic(map, tag, &v))
		return 0;
	if (v >= map->l_addr)
		return v;
	/* ld.so relocates these entries in place, except where the dynamic section is
	 * read-only (the vdso); a copy (tables.h) may lie in front of its object. */
	segment = elf_segment_at(map, PT_LOAD, map->l_ld);
	return segment && segment->p_flags & PF_W ? v : v + map->l_addr;
}

/* Is it this object's header, not what happens to lie there? */
static bool is_header(const struct link_map *map, const ElfW(Ehdr) * eh)
{
	const ElfW(Phdr) *ph = (const void *)((const char *)eh + eh->e_phoff);

	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 ||
	    eh->e_phoff + eh->e_phnum * sizeof *ph > MACHINE_PAGE)
		return false;
	for (unsigned int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			return map->l_addr + ph[i].p_vaddr == (uintptr_t)map->l_ld;
	return false;
}

/* l_addr is where address 0 of the object is: that is its first page only when
 * it was linked to start there (not after prelink or -Ttext-segment). */
static const ElfW(Ehdr) * header_of(const struct link_map *map)
{
	const ElfW(Ehdr) *eh = (const void *)map->l_addr;
	Dl_info info;

	if (eh && (map->l_addr & (MACHINE_PAGE - 1)) == 0 && linkmap_readable(eh) &&
	    is_header(map, eh))
		return eh;
	if (!dladdr(map->l_ld, &info) || !info.dli_fbase || !is_header(map, info.dli_fbase))
		return NULL;
	return info.dli_fbase;
}

const ElfW(Phdr) * elf_phdrs(const struct link_map *map, size_t *n)
{
	const ElfW(Ehdr) * eh;

	if (!map->l_prev && map->l_name && !map->l_name[0]) {
		/* The main program may be linked to a fixed address. */
		*n = getauxval(AT_PHNUM);
		return (const void *)getauxval(AT_PHDR);
	}
	eh = header_of(map);
	if (!eh)
		return NULL;
	*n = eh->e_phnum;
	return (const void *)((const char *)eh + eh->e_phoff);
}

const ElfW(Phdr) *
	elf_segment_at(const struct link_map *map, uint32_t type, const void *address)
{
	uintptr_t offset = (uintptr_t)address - map->l_addr;
	size_t n;
	const ElfW(Phdr) *ph = elf_phdrs(map, &n);

	for (size_t i = 0; ph && i < n; i++)
		if (ph[i].p_type == type && offset - ph[i].p_vaddr < ph[i].p_memsz)
			return &ph[i];
	return NULL;
}

bool elf_range(const struct link_map *map, uintptr_t *lo, uintptr_t *hi)
{
	size_t n;
	const ElfW(Phdr) *ph = elf_phdrs(map, &n);

	*lo = UINTPTR_MAX;
	*hi = 0;
	for (size_t i = 0; ph && i < n; i++) {
		uintptr_t b, e;

		if (ph[i].p_type != PT_LOAD)
			continue;
		b = (map->l_addr + ph[i].p_vaddr) & -MACHINE_PAGE;
		e = (map->l_addr + ph[i].p_vaddr + ph[i].p_memsz + MACHINE_PAGE - 1) &
		    -MACHINE_PAGE;
		*lo = b < *lo ? b : *lo;
		*hi = e > *hi ? e : *hi;
	}
	return *hi != 0;
}

const void *elf_find_ret(const struct link_map *map)
{
	size_t n;
	const ElfW(Phdr) *ph = elf_phdrs(map, &n);

	for (size_t i = 0; ph && i < n; i++)
		if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_X) && (ph[i].p_flags & PF_R))
			return machine_find_return((void *)(map->l_addr + ph[i].p_vaddr),
						   ph[i].p_filesz);
	return NULL;
}

struct link_map *elf_object_at(const void *address)
{
	struct link_map *map = NULL;
	Dl_info info;

	if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP))
		return NULL;
	return map;
}

static const ElfW(Sym) * gnu_lookup(const uint32_t *table, const ElfW(Sym) * syms,
				    const char *strings, const char *name)
{
	uint32_t hash = 5381, nbuckets = table[0], symoffset = table[1];
	uint32_t bloom_size = table[2], index;
	const uint32_t *buckets =
		(const uint32_t *)((const uint64_t *)(table + 4) + bloom_size);
	const uint32_t *chain = buckets + nbuckets;

	for (const char *p = name; *p; p++)
		hash = hash * 33 + (unsigned char)*p;
	index = nbuckets ? buckets[hash % nbuckets] : 0;
	if (index < symoffset)
		return NULL;
	for (;; index++) {
		uint32_t h = chain[index - symoffset];

		if ((h | 1) == (hash | 1) && syms[index].st_shndx != SHN_UNDEF &&
		    strcmp(strings + syms[index].st_name, name) == 0)
			return &syms[index];
		if (h & 1)
			return NULL;
	}
}

static const ElfW(Sym) * sysv_lookup(const uint32_t *table, const ElfW(Sym) * syms,
				     const char *strings, const char *name)
{
	uint32_t hash = 0, high;

	for (const char *p = name; *p; p++) {
		hash = (hash << 4) + (unsigned char)*p;
		high = hash & 0xf0000000;
		hash = (hash ^ (high >> 24)) & ~high;
	}
	for (uint32_t i = table[0] ? table[2 + hash % table[0]] : 0; i;
	     i = table[2 + table[0] + i])
		if (syms[i].st_shndx != SHN_UNDEF &&
		    strcmp(strings + syms[i].st_name, name) == 0)
			return &syms[i];
	return NULL;
}

const ElfW(Sym) * elf_symbol(const struct link_map *map, const char *name)
{
	const ElfW(Sym) *syms = (void *)elf_dynamic_address(map, DT_SYMTAB);
	const char *strings = (void *)elf_dynamic_address(map, DT_STRTAB);
	const uint32_t *gnu = (void *)elf_dynamic_address(map, DT_GNU_HASH);
	const uint32_t *sysv = (void *)elf_dynamic_address(map, DT_HASH);

	if (!syms || !strings)
		return NULL;
	if (gnu)
		return gnu_lookup(gnu, syms, strings, name);
	if (sysv)
		return sysv_lookup(sysv, syms, strings, name);
	return NULL;
}

void *elf_lookup(const struct link_map *map, const char *name)
{
	const ElfW(Sym) *sym = elf_symbol(map, name);

	return sym ? (void *)(map->l_addr + sym->st_value) : NULL;
}

/* No table says so but the hash table. */
size_t elf_symbol_count(const struct link_map *map)
{
	const uint32_t *gnu = (void *)elf_dynamic_address(map, DT_GNU_HASH);
	const uint32_t *sysv = (void *)elf_dynamic_address(map, DT_HASH);
	const uint32_t *buckets, *chain;
	uint32_t last = 0;

	if (!gnu)
		return sysv ? sysv[1] : 0;
	buckets = (const uint32_t *)((const uint64_t *)(gnu + 4) + gnu[2]);
	chain = buckets + gnu[0];
	for (uint32_t i = 0; i < gnu[0]; i++)
		if (buckets[i] > last)
			last = buckets[i];
	if (last < gnu[1])
		return 0;
	while (!(chain[last - gnu[1]] & 1))
		last++;
	return last + 1;
}
bool elf_name_of(const struct link_map *map, uint64_t address, struct elf_name *out)
{
	const ElfW(Sym) *sym = (void *)elf_dynamic_address(map, DT_SYMTAB);
	const char *strings = (void *)elf_dynamic_address(map, DT_STRTAB);

	/* Linkers put the strings right behind the symbols. */
	if (!sym || !strings || (const char *)sym > strings)
		return false;
	for (; (const char *)(sym + 1) <= strings; sym++) {
		uint64_t start = map->l_addr + sym->st_value;

		if (sym->st_shndx == SHN_UNDEF || address - start >= sym->st_size ||
		    (ELF64_ST_TYPE(sym->st_info) != STT_OBJECT &&
		     ELF64_ST_TYPE(sym->st_info) != STT_FUNC))
			continue;
		out->text = strings + sym->st_name;
		out->offset = address - start;
		return true;
	}
	return false;
}

void elf_describe(const struct link_map *map, const void *function, char *out, size_t size)
{
	struct elf_name name;

	if (elf_name_of(map, (uintptr_t)function, &name) && !name.offset)
		snprintf(out, size, "its %s", name.text);
	else
		snprintf(out, size, "its code at %#lx", (uintptr_t)function - map->l_addr);
}

bool elf_notes_are_go(const unsigned char *notes, size_t size)
{
	size_t at = 0;

	while (size - at >= sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) h;
		size_t body;

		memcpy(&h, notes + at, sizeof h);
		body = at + sizeof h;
		if (h.n_namesz == 4 && size - body >= 4 && memcmp(notes + body, "Go\0", 4) == 0)
			return true;
		if (h.n_namesz > size - body)
			return false;
		body += (h.n_namesz + 3) & ~3u;
		if (body > size || h.n_descsz > size - body)
			return false;
		at = body + ((h.n_descsz + 3) & ~3u);
		if (at > size)
			return false;
	}
	return false;
}
