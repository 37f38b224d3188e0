/* An object that is mapped: dynamic table, segments, symbols, notes.  Needs no lock. */
#ifndef GOAUDIT_LOADER_ELF_H
#define GOAUDIT_LOADER_ELF_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dlbind.h"
#include "goaudit.h"

/* A symbol that the object itself defines, by its own hash table, and its address;
 * NULL if none.  They need no lock and no relocation: they work from la_objopen on. */
const ElfW(Sym) * elf_symbol(const struct link_map *map, const char *name);
void *elf_lookup(const struct link_map *map, const char *name);

/* How many dynamic symbols it has. */
size_t elf_symbol_count(const struct link_map *map);

/* A dynamic entry's value; pointers come relocated, whatever ld.so did. */
bool elf_dynamic(const struct link_map *map, int64_t tag, uint64_t *value);
uintptr_t elf_dynamic_address(const struct link_map *map, int64_t tag);

/* Program headers of a loaded object, from its mapped ELF header; NULL when the
 * header is not mapped at l_addr (a program linked to a fixed address). */
const ElfW(Phdr) * elf_phdrs(const struct link_map *map, size_t *n);

/* The program header of this type that an address of the object falls under; NULL
 * if none. */
const ElfW(Phdr) *
	elf_segment_at(const struct link_map *map, uint32_t type, const void *address);

/* [lo, hi) of a loaded object, page-aligned. */
bool elf_range(const struct link_map *map, uintptr_t *lo, uintptr_t *hi);

/* A return instruction in the object's code; NULL if none. */
const void *elf_find_ret(const struct link_map *map);

/* The object of the host's namespace that an address lies in; NULL if none. */
struct link_map *elf_object_at(const void *address);

/* Does a note segment hold one of the Go linker's notes? */
bool elf_notes_are_go(const unsigned char *notes, size_t size);

/* The runtime knows no names of variables; the symbol table of the library or
 * guest that has it does. */
struct elf_name {
	const char *text;
	uint64_t offset;
};

/* The variable or function that an address lies in.  A table is in no order: it is gone
 * through once for each name, which takes a millisecond where it has 60,000 entries. */
bool elf_name_of(const struct link_map *map, uint64_t address, struct elf_name *out);

/* What to call a function of the object: "its NAME", or "its code at OFFSET". */
void elf_describe(const struct link_map *map, const void *function, char *out, size_t size);

#endif
