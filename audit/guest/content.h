/* What instances of the same content have in common: the facts of their image, and a file,
 * under a name for each (guest/snapshot.h).  With core.lock, as all where nothing else is
 * said. */
#ifndef GOAUDIT_GUEST_CONTENT_H
#define GOAUDIT_GUEST_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

struct content;
struct generation;
struct guests;

/* Adds a generation to those of its content.  Out of memory: it shares nothing. */
void content_join_locked(struct guests *gs, struct generation *gen,
			 const struct image_facts *facts);

/* It is gone. */
void content_leave_locked(struct guests *gs, struct generation *gen);

/* The facts of a content, and a file that has it, mended.  Returns false when no generation
 * has it.  Without locks: the file may be gone when it is wanted. */
bool content_of(struct guests *gs, const uint64_t hash[2], struct image_facts *facts,
		char *file, size_t size);

#endif
