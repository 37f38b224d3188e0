/* Tables of an object that ld.so reads and we change, where they share a segment with
 * code (ld -z noseparate-code, gold): such pages are never made writable, for the way back
 * may be forbidden (PR_SET_MDWE, seccomp, SELinux) and the code could not be executed any
 * more.  ld.so gets a changed copy instead: it finds the tables by the object's dynamic
 * section, which lies in the writable segment.
 *
 * All of it runs in ld.so's callbacks, with its load lock, which guards the list. */
#ifndef GOAUDIT_LOADER_TABLES_H
#define GOAUDIT_LOADER_TABLES_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "dlbind.h"
#include "goaudit.h"

struct loader;

/* Do the bytes at `address` of the object share a segment with code? */
bool tables_among_code(const struct link_map *map, uintptr_t address);

/* Copies [lo, hi), where the n tables lie that the dynamic tags name, to writable memory,
 * and makes the tags name them there.  From la_objopen: the object is not relocated yet.
 * false: errno says why not, and nothing has changed. */
bool tables_copy(struct loader *ld, const struct link_map *map, uintptr_t lo, uintptr_t hi,
		 const int64_t *tags, unsigned n);

/* From la_objclose: the object's copies are given back when it is unmapped.  ld.so reads
 * them until the destructors of all that is closed with it have run; and at exit, when
 * all objects are closed, to the end. */
void tables_closed(struct loader *ld, const struct link_map *map);

/* From la_activity: those that are closed are going to be unmapped. */
void tables_unmapped(struct loader *ld);

#endif
