/* An image as goaudit inspect sees it. */
#ifndef GOAUDIT_TOOL_INSPECT_OBJECT_H
#define GOAUDIT_TOOL_INSPECT_OBJECT_H

#include "image/elf.h"
#include "image/facts.h"

#define INSPECT_BYTES_MAX (UINT64_C(1) << 31) /* of a file */

/* An image in memory.  Its strings point into the bytes. */
struct object {
	char *path; /* as it was found; NULL: only bytes */
	char *real; /* with symbolic links resolved; NULL: only bytes */
	char *bytes;
	size_t len;
	bool owned; /* bytes are to be freed */
	struct image_elf elf;
	struct image_facts facts;
	uint16_t type; /* e_type */
	bool program;  /* to be executed, not to be opened */
	bool has_interp;
	uint64_t tls_size, tls_align; /* PT_TLS; 0: none */
	int stack_flags;              /* of PT_GNU_STACK; -1: there is none */
	bool writable_code;           /* a segment is writable and executable */
	unsigned mode;                /* of the file */
	unsigned shared;              /* how many hold it, beside the first */
};

/* NULL: with why (errno's or audit/image's words). */
struct object *object_open(const char *path, char *why, size_t why_len);
struct object *object_of_bytes(char *bytes, size_t len, char *why, size_t why_len);
void object_close(struct object *o);

const char *object_name(const struct object *o); /* file name, for messages */
bool object_is_elf(const char *path); /* a regular file that says it is a program or library */

/* The value of a dynamic tag, from the nth of its kind on; false: there is none. */
bool object_tag(const struct object *o, int64_t tag, size_t nth, uint64_t *value);
const char *object_string(const struct object *o, int64_t tag, size_t nth);

/* All relocations, DT_RELA's and then DT_JMPREL's.  False at the end. */
struct relocs {
	const struct object *o;
	Elf_Data *jmprel;
	size_t at, jmprel_count;
};
void relocs_begin(struct relocs *it, struct object *o);
bool relocs_next(struct relocs *it, GElf_Rela *r);

bool object_symbol(const struct object *o, size_t i, GElf_Sym *sym);
bool object_defines(const GElf_Sym *sym); /* and others can be bound to it */

/* A section of that name, NULL if there is none. */
Elf_Data *object_section(struct object *o, const char *name);

#endif
