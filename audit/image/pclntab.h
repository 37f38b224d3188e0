/* Reading Go's own table of functions and lines, .gopclntab, from an image.
 *
 * The format is that of Go 1.20 to 1.27 (src/internal/abi/symtab.go,
 * src/runtime/symtab.go, src/cmd/link/internal/ld/pcln.go):
 *
 *	header		magic, sizes, offsets of the parts below
 *	function names	NUL-terminated
 *	file table	per unit: offsets of its file names
 *	file names	NUL-terminated
 *	pc values	(value delta, pc delta) pairs: stack size, file, line, ...
 *	functions	(entry, record) pairs, sorted, and the records
 *
 * Every offset is checked: the table comes from a file that may be anything. */
#ifndef GOAUDIT_PCLNTAB_H
#define GOAUDIT_PCLNTAB_H

#include "image/elf.h"

struct pclntab {
	const uint8_t *tab;                     /* the header */
	size_t size;                            /* to the end of its segment: an upper bound */
	uint64_t names, cus, files, pcs, funcs; /* offsets in it */
	uint64_t text;                          /* address that entries are relative to */
	size_t count;                           /* functions */
	const uint8_t *inlined;                 /* inline trees, NULL: not known where */
	size_t inlined_size;
};

struct pcln_func {
	uint64_t entry, end; /* addresses */
	const char *name;
	uint32_t pcsp, pcfile, pcln; /* offsets of its pc values; 0: none */
	uint32_t cu;                 /* its unit's files */
	uint32_t start_line;
	uint32_t pcinline, tree; /* its inline tree; pcinline 0: none */
};

/* One stretch of code with the same value. */
struct pcln_values {
	const struct pclntab *t;
	uint64_t at;      /* offset of the next pair */
	uint64_t pc, end; /* this stretch */
	int32_t value;
	bool started;
};

/* A call that was inlined. */
struct pcln_inlined {
	const char *name;
	uint32_t name_offset;
	uint32_t parent_pc; /* an instruction of the caller, from the entry */
	uint32_t start_line;
};

/* Finds the table through the module's record; false: there is none that is
 * understood.  `minor` is of the Go version, 0 if unknown. */
bool pclntab_open(struct pclntab *t, struct image_elf *img, int minor);

/* The i-th function; false: it has no lines, or the table is corrupt there. */
bool pclntab_func(const struct pclntab *t, size_t i, struct pcln_func *fn);

void pcln_begin(struct pcln_values *v, const struct pclntab *t, uint32_t table, uint64_t entry);
bool pcln_next(struct pcln_values *v);

/* The value at a pc; -1 where there is none. */
int32_t pcln_value(const struct pclntab *t, uint32_t table, uint64_t entry, uint64_t pc);

/* A file of a unit: its name, and where that is among the names. */
const char *pclntab_file(const struct pclntab *t, uint32_t cu, int32_t index, uint32_t *offset);

bool pclntab_inlined(const struct pclntab *t, const struct pcln_func *fn, int32_t index,
		     struct pcln_inlined *out);

#endif
