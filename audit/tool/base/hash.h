/* FNV-1a, 128 bits: names a folder, guards nothing. */
#ifndef GOAUDIT_TOOL_BASE_HASH_H
#define GOAUDIT_TOOL_BASE_HASH_H

#include <stddef.h>

struct hash {
	unsigned __int128 h; /* 1 to begin with */
};
void hash_add(struct hash *h, const void *bytes, size_t n);

/* With its end, so that two texts cannot run into each other. */
void hash_text(struct hash *h, const char *s);

#endif
