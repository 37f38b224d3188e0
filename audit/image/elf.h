/* What the files of the image library share: an ELF image in memory whose
 * headers have been found sound.  Private to audit/image. */
#ifndef GOAUDIT_IMAGE_ELF_H
#define GOAUDIT_IMAGE_ELF_H

#include "image/image.h"

#include <gelf.h>
#include <libelf.h>

/* The dynamic tags of interest.  Where a tag is repeated the last one counts,
 * as in ld.so; a tag that is absent is 0, which is no valid address here. */
struct image_dynamic {
	uint64_t strtab, strsz;
	uint64_t symtab;
	uint64_t gnu_hash, hash;
	uint64_t rela, relasz;
	uint64_t relacount; /* the first so many are RELATIVE */
	uint64_t relr;      /* there are packed RELATIVE relocations */
	uint64_t init_array, init_arraysz;
	uint64_t soname, runpath, rpath; /* offsets into strtab */
	bool has_soname, has_runpath, has_rpath;
	uint64_t flags, flags_1;
	bool symbolic, textrel; /* the old tags of their own */
};

struct image_elf {
	const uint8_t *data; /* the caller's bytes */
	size_t len;
	bool program; /* opened with image_elf_open_program */
	Elf *elf;     /* over data; owns every Elf_Data below */
	size_t phnum;
	uint64_t base, end; /* address range of the segments, page-aligned */

	uint64_t dyn_offset; /* of the dynamic table in the file */
	size_t dyn_count;    /* entries before DT_NULL */
	Elf_Data *dyn;
	struct image_dynamic tag;

	Elf_Data *str;  /* dynamic strings; NULL if none */
	Elf_Data *rela; /* DT_RELA; NULL if none */
	size_t rela_count;
	uint64_t sym_offset;       /* of the dynamic symbols in the file */
	Elf_Data *sym;             /* to the end of their segment: the
					 * table does not say its length */
	size_t sym_hashed;         /* first symbol that can be found by name */
	size_t sym_count;          /* as many as the hash table knows */
	const Elf32_Word *buckets; /* of DT_GNU_HASH; NULL without one */
	size_t bucket_count;
	const Elf32_Word *chains; /* of symbols sym_hashed ... sym_count - 1 */

	bool no_memory; /* libelf ran out of it on the way */
	char *why;      /* the caller's buffer, may be NULL */
	size_t why_len;
};

/* Checks the headers of data and opens it.  On IMAGE_OK the caller calls
 * image_elf_close; otherwise nothing is held. */
enum image_status image_elf_open(struct image_elf *img, const void *data, size_t len, char *why,
				 size_t why_len);

/* The same for what need not be loadable by dlopen: programs too, which may be
 * linked at a fixed address, and without a dynamic table (dyn is NULL then). */
enum image_status image_elf_open_program(struct image_elf *img, const void *data, size_t len,
					 char *why, size_t why_len);
void image_elf_close(struct image_elf *img);

/* Puts the reason into the caller's buffer, and returns status; or, where
 * memory has run out, IMAGE_NO_MEMORY, since what looks missing then is not. */
enum image_status image_fail(struct image_elf *img, enum image_status status, const char *fmt,
			     ...) __attribute__((format(printf, 3, 4)));

/* File offset of [vaddr, vaddr + size), which must lie in the file's part of
 * one segment.  *room, if not NULL, is set to the bytes from there to the
 * end of that part.  False if it does not. */
bool image_offset(const struct image_elf *img, uint64_t vaddr, uint64_t size, uint64_t *offset,
		  uint64_t *room);

/* The bytes there as libelf data, NULL if outside or out of memory (then
 * img->no_memory is set). */
Elf_Data *image_chunk(struct image_elf *img, uint64_t vaddr, uint64_t size, Elf_Type type);

/* The same for bytes of the file, wherever they are loaded or not. */
Elf_Data *image_file_chunk(struct image_elf *img, uint64_t offset, uint64_t size,
			   Elf_Type type);

/* The dynamic string at an offset of strtab, NULL if it does not end in it. */
const char *image_string(const struct image_elf *img, uint64_t offset);

/* The name of dynamic symbol i, "" if it has none or there is no such. */
const char *image_symbol_name(const struct image_elf *img, size_t i);

/* The defined dynamic symbol of that name, through the hash table; 0: none. */
size_t image_find_symbol(const struct image_elf *img, const char *name);

/* The relocation of the slot at vaddr among rela[from, to); false if none. */
bool image_reloc_at(const struct image_elf *img, uint64_t vaddr, size_t from, size_t to,
		    GElf_Rela *out);

#endif
