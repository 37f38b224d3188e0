/* Holders of a module as text for people. */
#ifndef GOAUDIT_HELD_H
#define GOAUDIT_HELD_H

#include <stddef.h>

struct generation;
struct go_module;
struct goaudit;

/* Writes the holders of gen that the runtime has found, a line each, cut where
 * they do not fit; "" when there are none.  On the reaper's thread, without locks. */
void held_text(struct goaudit *ga, const struct generation *gen,
	       const struct go_module *m, char *out, size_t size);

#endif
