/* Addresses where nothing is mapped again.
 *
 * The runtime of a language, or the program, may remember addresses of functions that are
 * gone, and so does Delve.  What they lead to shall be nothing and not another build's: so
 * the place of an object of a Go guest, or with Delve of any, stays reserved without memory.
 * Neighbours are one mapping, for the kernel, too; of many pieces the oldest are given back,
 * and nothing is kept where the process's address space is limited. */
#ifndef GOAUDIT_LOADER_VACANT_H
#define GOAUDIT_LOADER_VACANT_H

#include <stdint.h>

struct loader;

/* An object has been unmapped from there.  In a transaction, without our lock. */
void vacant_keep(struct loader *ld, uintptr_t lo, uintptr_t hi);

#endif
