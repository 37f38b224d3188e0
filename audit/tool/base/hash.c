#include "tool/base/hash.h"

#include <string.h>

void hash_add(struct hash *h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	const unsigned __int128 prime = ((unsigned __int128)1 << 88) | 0x13b;

	for (size_t i = 0; i < n; i++)
		h->h = (h->h ^ p[i]) * prime;
}

void hash_text(struct hash *h, const char *s)
{
	hash_add(h, s, strlen(s) + 1);
}
