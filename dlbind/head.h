/* What a library's file begins with, and how headers are written. */
#ifndef DLBIND_HEAD_H
#define DLBIND_HEAD_H

#include "state.h"

enum { /* program headers */
       PH_TABLES,
       PH_TEXT,
       PH_RODATA,
       PH_DYNAMIC_PAGE,
       PH_DATA,
       PH_DYNAMIC,
       PH_FRAMES,
       PH_STACK,
       PH_COUNT
};

enum { /* sections */
       SEC_NULL,
       SEC_DYNSYM,
       SEC_DYNSTR,
       SEC_GNU_HASH,
       SEC_HASH,
       SEC_VERSYM,
       SEC_VERDEF,
       SEC_FRAME_HDR,
       SEC_FRAMES,
       SEC_TEXT,
       SEC_RODATA,
       SEC_DYNAMIC,
       SEC_DATA,
       SEC_SHSTRTAB,
       SEC_COUNT,
       SEC_EMPTY_TEXT = SEC_COUNT,
       SEC_COUNT_STUBS
};

/* Names of the sections, in the order above. */
#define SECTION_NAMES                                                          \
	"\0.dynsym\0.dynstr\0.gnu.hash\0.hash\0.gnu.version\0.gnu.version_d\0" \
	".eh_frame_hdr\0.eh_frame\0.text\0.rodata\0.dynamic\0.data\0.shstrtab"

/* With DLBIND_STUBS, the code's section.  gdb stops with an error of its own where there
 * is no .text at all (objfiles.h, SECT_OFF_TEXT), so an empty one stands there. */
#define STUBS_NAME ".plt"

/* Entries of .dynamic that are looked for later. */
enum { DYN_HASH, DYN_STRSZ };

struct head {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[PH_COUNT];
	Elf64_Shdr shdrs[SEC_COUNT_STUBS];
	char names[sizeof SECTION_NAMES], stubs[sizeof STUBS_NAME];
};

_Static_assert(sizeof(struct head) <= PAGE, "the headers take one page");

static inline struct head *head_of(const struct library *lib)
{
	return (struct head *)lib->alias;
}

static inline Elf64_Dyn *dynamic_of(const struct library *lib)
{
	return (Elf64_Dyn *)(lib->alias + lib->at.dynamic);
}

/* An object's header, as far as it is the same for all that are made here. */
#define OBJECT_HEADER                                                                           \
	.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, \
	.e_type = ET_DYN, .e_machine = MACHINE_ELF, .e_version = EV_CURRENT,                    \
	.e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr)

#define SEGMENT(t, f, from, to)                                                                \
	(Elf64_Phdr)                                                                           \
	{                                                                                      \
		.p_type = t, .p_flags = f, .p_offset = from, .p_vaddr = from, .p_paddr = from, \
		.p_filesz = (to) - (from), .p_memsz = (to) - (from), .p_align = PAGE           \
	}

#endif
