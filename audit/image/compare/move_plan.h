/* Comparing two builds of a guest by their DWARF: signatures of exported functions,
 * and which package variables can move from the one into the other, and how.
 *
 * Of libgoaudit-dwarf.so, which is apart from libgoaudit-image.so so that libdw is
 * loaded by the first reload that compares, not by the first open.  What image.h says
 * of threads and of hostile bytes holds here, too.
 *
 * A value can move if code of the new build reads the words of the old one alike,
 * and nothing of it leads back into the old build: numbers, strings, arrays,
 * structs, slices and maps of such; pointers to types of the runtime library;
 * interfaces, functions and channels as far as their values at run time are the
 * library's (the Go side looks: go/overlay/runtime/_move/goaudit_move.go).  Types are
 * equal if they have the same names and kinds, sizes, and fields of the same names,
 * offsets and types, all the way down; types of the library are equal by name,
 * since both builds are for the same one (its ABI hash is compared before). */
#ifndef GOAUDIT_IMAGE_COPY_H
#define GOAUDIT_IMAGE_COPY_H

#include "go/protocol.h"
#include "image/image.h"

/* Do two builds of a guest agree on the signatures of C functions?
 *   old, new   the files' bytes; not modified, not kept
 *   names, n   exported functions; of interest are those that both images define
 *              and both describe in DWARF, with a prototype
 *   text       if not NULL: what differs, in the first such function by name, as
 *              "Add: was int(int, int), is long(long, long)"
 * Types are compared by kind, size, encoding and layout, through typedefs and
 * qualifiers; names of parameters and tags do not count.  Returns 1 if a function
 * differs, else 0: also where there is nothing to compare, the DWARF of one side
 * is missing or unreadable, or memory has run out. */
IMAGE_API
int image_compare_exports(const void *old, size_t old_size, const void *new_, size_t new_size,
			  const char *const *names, size_t n, char *text, size_t text_size);

struct image_copy_plan {
	size_t size; /* sizeof, set by the caller, checked */
	struct go_move_var *vars;
	size_t nvars;
	struct go_move_op *ops;
	size_t nops;
	struct go_move_type *types; /* by `from` */
	size_t ntypes;
	struct go_range *named; /* all variables of the old build, by lo */
	size_t nnamed;
	char *names; /* of variables: "main.count", NUL-terminated */
	size_t names_size;
};

enum image_copy_status {
	IMAGE_COPY_OK = 0,
	IMAGE_COPY_REFUSED,  /* a variable cannot move, or is not there */
	IMAGE_COPY_NO_DWARF, /* one of the images does not describe its variables */
	IMAGE_COPY_NO_MEMORY,
};

/* Makes the plan.
 *   old, new_   the files' bytes; not modified, not kept
 *   variables   names as Go prints them, up to a NULL: "main.count",
 *               "example.com/m/pkg.Table"; a name without a package is of main.
 *               NULL: all that both builds have, but what cgo and embed make
 *   plan        filled on IMAGE_COPY_OK, for image_copy_free; else nothing is held
 *   text        otherwise, if not NULL: "main.table.entries[].next: pointer to
 *               main.node, a type of the guest" */
IMAGE_API
enum image_copy_status image_plan_copy(const void *old, size_t old_size, const void *new_,
				       size_t new_size, const char *const *variables,
				       struct image_copy_plan *plan, char *text,
				       size_t text_size);

IMAGE_API
void image_copy_free(struct image_copy_plan *plan);

#endif
