/* goaudit inspect: why a library will or will not reload.
 *
 * An image is opened as an object (its bytes, and what audit/image says of
 * them); findings about it are collected in a report.
 *
 *	inspect_object.c   objects: opening, their symbols, relocations, flags
 *	inspect_deps.c     what ld.so would load with one
 *	inspect_hazards.c  hazards that one image shows by itself
 *	inspect_go.c       the Go runtime it needs; the thread pointer
 *	inspect_host.c     COPY relocations, symbols that a host captures
 *	inspect.c          the order of all that, and the verdict
 *	inspect_print.c    text and JSON
 *
 * The bytes may be hostile.  Every address is checked by audit/image; beyond
 * that, work is bounded by the limits below and by n log n of the file's size,
 * and whatever is printed has its control characters replaced. */
#ifndef GOAUDIT_TOOL_INSPECT_H
#define GOAUDIT_TOOL_INSPECT_H

#include "tool/tool.h"
#include "image/elf.h"

#define INSPECT_BYTES_MAX (UINT64_C(1) << 31)	/* of a file */
#define INSPECT_OBJECTS_MAX 256			/* in a set of dependencies */
#define INSPECT_NAME_MAX 160			/* bytes of a name that are shown */
#define INSPECT_NAMES_SHOWN 6			/* of a list of names */

/* Beyond it a program's libraries want the tunable, so that guests have their share of
 * what glibc keeps (inspect_hazards.c). */
#define INSPECT_TLS_SMALL 512

enum finding_level {
	LEVEL_NOTE,		/* good to know; nothing to be done */
	LEVEL_WARNING,		/* it reloads, but see to this */
	LEVEL_REFUSED,		/* it will not be loaded as reloadable, or not at all */
};

struct finding {
	enum finding_level level;
	const char *id;		/* stable, for scripts: "static-tls" */
	char *text;		/* what is so */
	const char *cure;	/* what to do; NULL: nothing */
};

/* An image in memory.  Its strings point into the bytes. */
struct object {
	char *path;		/* as it was found; NULL: only bytes */
	char *real;		/* with symbolic links resolved; NULL: only bytes */
	char *bytes;
	size_t len;
	bool owned;		/* bytes are to be freed */
	struct image_elf elf;
	struct image_facts facts;
	uint16_t type;		/* e_type */
	bool program;		/* to be executed, not to be opened */
	bool has_interp;
	uint64_t tls_size, tls_align;	/* PT_TLS; 0: none */
	int stack_flags;	/* of PT_GNU_STACK; -1: there is none */
	bool writable_code;	/* a segment is writable and executable */
	unsigned mode;		/* of the file */
	unsigned shared;	/* how many hold it, beside the first */
};

enum language { LANG_C, LANG_CXX, LANG_D, LANG_GO };

struct report {
	char *path;
	char *what;		/* "C", "Go guest over libstd.so", ... */
	const char *verdict;	/* "reloads", ... */
	enum finding_level worst;
	bool readable;		/* it is an ELF image that can be judged */
	struct image_facts facts;
	uint64_t bytes;
	char *runtime;		/* Go guest: the library that it will run over; or NULL */
	struct finding *finding;
	size_t n;
};

/* What ld.so would load, in its order: [0] is the object itself. */
struct closure {
	struct object *object[INSPECT_OBJECTS_MAX];
	size_t n;
	struct list missing;	/* "NAME (needed by NAME)" */
	bool cut;		/* more than the limit */
};

struct inspector {
	const char *cache;	/* goaudit's; NULL: not to be looked in */
	struct object *host;	/* --host; NULL: none */
	struct closure host_closure;
	struct object *runtime;	/* --runtime; NULL: none */
	struct object *kept;	/* the Go runtime library seen last: it has 60 MB, and
				 * every guest leads to it */
	bool files;		/* other files may be opened: dependencies, runtimes */
	struct list ld_cache;	/* "NAME", "PATH", ... of ldconfig -p */
	bool ld_cache_read;
	char *first_guest;	/* of those inspected so far: path, and its hash */
	uint8_t first_hash[IMAGE_HASH_MAX];
	unsigned first_hash_len;
};

/* ---- inspect.c ---- */

/* Judges the image at path, or, with path NULL, len bytes.  report_free may be
 * called on any outcome.  Reading fails with a finding, not with an exit. */
void inspect_file(struct inspector *in, const char *path, struct report *r);
void inspect_bytes(struct inspector *in, char *bytes, size_t len, struct report *r);

/* --host and --runtime.  0, or a status after a message. */
int inspector_set_host(struct inspector *in, const char *path);
int inspector_set_runtime(struct inspector *in, const char *path);
void inspector_free(struct inspector *in);

/* Static TLS that ld.so has to find, under an auditor, for what a program is linked to and
 * for the libraries in `preload` (as in LD_PRELOAD, or NULL); 0: not an image. */
uint64_t inspect_tls(struct inspector *in, const char *path, const char *preload);

/* Adds a finding; text is printf-like and made printable. */
void report_add(struct report *r, enum finding_level level, const char *id,
		const char *cure, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void report_free(struct report *r);

/* "a, b, c and 4 more", of which only the first are shown. */
struct names {
	struct text text;
	size_t n;
};
void names_add(struct names *names, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *names_text(struct names *names);	/* call once, at the end */
void names_free(struct names *names);

/* ---- inspect_object.c ---- */

/* NULL: with why (errno's or audit/image's words). */
struct object *object_open(const char *path, char *why, size_t why_len);
struct object *object_of_bytes(char *bytes, size_t len, char *why, size_t why_len);
void object_close(struct object *o);

/* object_open for a library that another one leads to: opened once, if it is
 * the Go runtime library. */
struct object *object_share(struct inspector *in, const char *path);

const char *object_name(const struct object *o);	/* file name, for messages */
bool object_is_elf(const char *path);	/* a regular file that says it is a program or library */

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
bool object_defines(const GElf_Sym *sym);	/* and others can be bound to it */

/* A section of that name, NULL if there is none. */
Elf_Data *object_section(struct object *o, const char *name);

/* ---- inspect_deps.c ---- */

void closure_open(struct inspector *in, struct object *o, struct closure *c);
void closure_preload(struct inspector *in, struct closure *c, const char *list);
void closure_close(struct closure *c);		/* but for [0] */
uint64_t closure_tls(const struct closure *c);	/* TLS of all but [0], with alignment */

/* ---- the judges ---- */

void inspect_hazards(struct object *o, enum language lang, struct report *r);
void inspect_program_tls(const struct closure *c, struct report *r);
void inspect_missing(const struct closure *c, struct report *r);
enum language inspect_language(struct object *o);
char *inspect_druntime(const struct closure *c, struct report *r);	/* D over what */

void inspect_go_guest(struct inspector *in, struct object *o, struct report *r);
void inspect_go_runtimes(const struct inspector *in, const struct object *o,
			 const struct closure *c, struct report *r);
void inspect_thread_pointer(struct object *o, struct report *r);

void inspect_copies(struct object *program, const struct closure *c, struct report *r);
void inspect_captured(struct inspector *in, struct object *o, struct report *r);

/* ---- inspect_print.c ---- */

void report_print(const struct report *r, bool colour);
void report_json(const struct report *r, bool first);

#endif
