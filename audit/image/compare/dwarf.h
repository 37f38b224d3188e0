/* Reading DWARF with libdw, for the comparisons of two builds of a guest.  Private
 * to audit/image.
 *
 * Nothing in a file is trusted: libdw knows the bounds of its sections; loops in
 * chains and trees of entries are ended here, by counting. */
#ifndef GOAUDIT_IMAGE_DWARF_H
#define GOAUDIT_IMAGE_DWARF_H

#include "image/elf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

/* Attributes of the Go linker (cmd/internal/dwarf, "Attributes for ... Go"). */
#define DW_AT_go_kind 0x2900 /* reflect.Kind */
#define DW_AT_go_key  0x2901 /* of a map */
#define DW_AT_go_elem 0x2902 /* of a map, slice or channel */
#define DW_AT_go_runtime_type \
	0x2904 /* offset of the descriptor in
					 * runtime.types; 0: not in this image */

struct image_dwarf {
	struct image_elf img;
	void *copy; /* libdw decompresses sections in place of their headers */
	Dwarf *dbg;
	struct {
		const char *lo, *hi;
	} info[4]; /* of entries: .debug_info, .debug_types */
	unsigned ninfo;
	unsigned long steps; /* entries looked at so far */
};

#define IMAGE_DWARF_STEPS 20000000ul /* no image has so many */

/* Calls fn(arg); false if libdw has run out of memory in it.  libdw knows no other
 * way to say so than to leave by a jump: all that reads through an image_dwarf runs
 * in here, and keeps what is to be freed where its caller finds it. */
bool image_dwarf_guarded(void (*fn)(void *), void *arg);

/* False if it is no image, has no DWARF, or memory has run out.  In any case it may
 * be closed, more than once. */
bool image_dwarf_open(struct image_dwarf *d, const void *data, size_t len);
void image_dwarf_close(struct image_dwarf *d);

/* Calls fn for each direct child of each unit of Go code, or of other code, until it
 * returns false. */
typedef bool image_dwarf_fn(struct image_dwarf *d, Dwarf_Die *unit, Dwarf_Die *die, void *arg);
void image_dwarf_each(struct image_dwarf *d, bool go, image_dwarf_fn *fn, void *arg);

/* The first child, or the next sibling; false at the end, and after
 * IMAGE_DWARF_STEPS entries. */
bool image_dwarf_child(struct image_dwarf *d, Dwarf_Die *parent, Dwarf_Die *out);
bool image_dwarf_next(struct image_dwarf *d, Dwarf_Die *die);

/* Attributes, also those of the entry that a concrete one refers to. */
const char *image_dwarf_text(struct image_dwarf *d, Dwarf_Die *die, unsigned attribute);
const char *image_dwarf_name(struct image_dwarf *d, Dwarf_Die *die); /* "" if none */
bool image_dwarf_number(Dwarf_Die *die, unsigned attribute, uint64_t *out);
bool image_dwarf_flag(Dwarf_Die *die, unsigned attribute);
bool image_dwarf_ref(Dwarf_Die *die, unsigned attribute, Dwarf_Die *out);

/* Number of elements of an array type; false if it does not say. */
bool image_dwarf_count(struct image_dwarf *d, Dwarf_Die *array, uint64_t *out);

/* Values of DW_AT_language. */
bool image_dwarf_is_go(Dwarf_Die *unit);

#endif
