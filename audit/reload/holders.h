/* Holders of a module as text for people. */
#ifndef GOAUDIT_RELOAD_HOLDERS_H
#define GOAUDIT_RELOAD_HOLDERS_H

#include <stddef.h>

struct generation;
struct go_module;
struct reloads;

/* Writes the holders of gen that the runtime has found, a line each, cut where
 * they do not fit; "" when there are none.  On the reaper's thread, without locks. */
void holders_text(struct reloads *rl, const struct generation *gen, const struct go_module *m,
		  char *out, size_t size);

#endif
