/* How what a client writes comes to be executed, and how a debugger hears of it. */
#ifndef DLBIND_PUBLISH_H
#define DLBIND_PUBLISH_H

#include "state.h"

/* The block's own pages become writable at their address, or are no more. */
int publish_open(struct arena *a, uint32_t start, uint32_t granules);
void publish_close(struct arena *a, uint32_t start, uint32_t granules);
/* What has been written to [from, from + size) of the block is there to be
 * executed or read. */
int publish_seal(struct arena *a, uint32_t start, uint32_t granules, uintptr_t from,
		 size_t size);
/* If it has changed, or if asked to, and a debugger is there. */
void publish_notify(struct library *lib, bool always);

#endif
