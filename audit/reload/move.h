/* What a new generation takes over from the old one, and whether it may: by the
 * DWARF of both (image/compare/move_plan.h), and for Go by the runtime's mover
 * (go/overlay/runtime/_move/goaudit_move.go).
 *
 * All of it is without locks: it reads images, calls into Go and stops its world.
 * Both generations are kept by the caller, mapped and initialised. */
#ifndef GOAUDIT_RELOAD_MOVE_H
#define GOAUDIT_RELOAD_MOVE_H

#include <stddef.h>

struct generation;
struct reloads;

/* Have the exported functions of these names the same signatures in both?  Those
 * that one of them lacks, or does not describe, are passed over.
 * Returns 0, or -1 with dlerror set. */
int move_check_exports(struct reloads *rl, const struct generation *old,
		       const struct generation *new, const char *const *names, size_t n);

/* Copies package variables of a Go guest, all or none: those of the names up to a
 * NULL ("main.count", "example.com/m/pkg.Table"; one without a package is of main),
 * or, with NULL, all that both have.  Calls into the old generation should be over
 * and not begin again, since both have the objects in common from now on.
 * Returns 0, or -1 with dlerror set and nothing changed. */
int move_variables(struct reloads *rl, const struct generation *old,
		   const struct generation *new, const char *const *names);

#endif
