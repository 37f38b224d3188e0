/* Types of a Go guest as its DWARF describes them.  Private to audit/image. */
#ifndef GOAUDIT_GO_TYPES_H
#define GOAUDIT_GO_TYPES_H

#include "image/compare/dwarf.h"
#include "core/text.h"

/* reflect.Kind (internal/abi.Kind), which DW_AT_go_kind holds. */
enum go_kind {
	GO_KIND_NONE = 0,
	GO_KIND_BOOL = 1,
	GO_KIND_UINTPTR = 12,
	GO_KIND_COMPLEX128 = 16,
	GO_KIND_ARRAY,
	GO_KIND_CHAN,
	GO_KIND_FUNC,
	GO_KIND_INTERFACE,
	GO_KIND_MAP,
	GO_KIND_POINTER,
	GO_KIND_SLICE,
	GO_KIND_STRING,
	GO_KIND_STRUCT,
	GO_KIND_UNSAFE_POINTER,
};

struct go_variable {
	const char *name;
	uint64_t address;
	Dwarf_Die type;
};

struct go_type {
	const char *name;
	uint64_t descriptor; /* vaddr */
	Dwarf_Die die;
};

/* What is read of one image. */
struct go_image {
	struct image_dwarf dw;
	const char **packages; /* its own: every other one is the library's */
	size_t npackages;
	struct go_variable *vars; /* by name */
	size_t nvars;
	struct go_type *types; /* those with a descriptor, by name */
	size_t ntypes;
	uint64_t types_base; /* vaddr of runtime.types; 0: not known */
	bool no_memory;
};

/* A path into a variable, and how a type differs or cannot move. */
struct go_path {
	char at[512];
	size_t n;
	char *text; /* the caller's, may be NULL */
	size_t size;
	bool quiet; /* nothing is written */
};

/* False if the image is unreadable, or memory has run out (g->no_memory).  In any
 * case it may be closed.  Within image_dwarf_guarded. */
bool go_image_open(struct go_image *g, const void *data, size_t len);
void go_image_close(struct go_image *g);

const struct go_variable *go_find_variable(const struct go_image *g, const char *name);
const struct go_type *go_find_type(const struct go_image *g, const char *name);

/* Do the image's segments with these flags (PF_W) cover [address, address + size)? */
bool go_is_mapped(const struct go_image *g, uint64_t address, uint64_t size, unsigned flags);

/* Does a type's name mention a package of the guest?  One that does not means the
 * same in each build for the same library. */
bool go_is_own(const struct go_image *g, const char *name);

/* The kind of a type; *inner is the entry that says so, below typedefs. */
enum go_kind go_kind_of(Dwarf_Die *type, Dwarf_Die *inner);

/* Appends to the path; returns what go_path_pop takes. */
size_t go_path_push(struct go_path *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void go_path_pop(struct go_path *p, size_t n);

/* Writes "path: why"; returns false. */
bool go_path_fail(struct go_path *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Pairs of types found equal, for all comparisons of two images. */
struct go_pairs {
	struct {
		Dwarf_Off a, b;
	} * slot; /* open addressing; a of 0 is free */
	size_t n, room;
	bool no_memory;
};

/* Are two types equal?  If not, the path's text tells where they differ first. */
bool go_same(struct go_image *old, struct go_image *new_, struct go_pairs *pairs, Dwarf_Die *a,
	     Dwarf_Die *b, struct go_path *p);

#endif
