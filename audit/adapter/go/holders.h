/* Holders of a module as text for people. */
#ifndef GOAUDIT_ADAPTER_GO_HOLDERS_H
#define GOAUDIT_ADAPTER_GO_HOLDERS_H

#include <stddef.h>

struct adapters;
struct generation;
struct go_module;

/* Writes the holders of gen that the runtime has found, a line each, cut where
 * they do not fit; "" when there are none.  On the reaper's thread, without locks. */
void holders_text(struct adapters *ad, const struct generation *gen, const struct go_module *m,
		  char *out, size_t size);

#endif
