#include "guest/index.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Eight bytes at a time: paths are long. */
uint64_t index_hash_text(const char *text)
{
	size_t n = strlen(text), part;
	uint64_t h = n, word;

	for (; n; n -= part, text += part) {
		part = n < sizeof word ? n : sizeof word;
		word = 0;
		memcpy(&word, text, part);
		h = (h ^ word) * 0x9e3779b97f4a7c15;
		h ^= h >> 32;
	}
	return index_hash_number(h);
}

/* All bits of the number come to be in the low ones. */
uint64_t index_hash_number(uint64_t number)
{
	number = (number ^ number >> 32) * 0x9e3779b97f4a7c15;
	return number ^ number >> 29;
}

static struct index_link *const *buckets(const struct index *index)
{
	return index->bucket ? index->bucket : index->few;
}

static size_t size_of(const struct index *index)
{
	return index->bucket ? index->size : INDEX_FIRST;
}

static struct index_link **chain(struct index *index, uint64_t hash)
{
	struct index_link **all = index->bucket ? index->bucket : index->few;

	return &all[hash & (size_of(index) - 1)];
}

static void grow(struct index *index)
{
	size_t old = size_of(index), size = 4 * old;
	struct index_link **bucket, *link, *next, **to;

	if (index->n < 2 * old)
		return;
	bucket = calloc(size, sizeof(struct index_link *));
	if (!bucket)
		return;
	for (size_t i = 0; i < old; i++)
		for (link = buckets(index)[i]; link; link = next) {
			next = link->next;
			to = &bucket[link->hash & (size - 1)];
			link->next = *to;
			*to = link;
		}
	free(index->bucket);
	index->bucket = bucket;
	index->size = size;
}

void index_put(struct index *index, struct index_link *link, uint64_t hash)
{
	struct index_link **to;

	index_remove(index, link);
	grow(index);
	to = chain(index, hash);
	link->hash = hash;
	link->next = *to;
	link->in = true;
	*to = link;
	index->n++;
}

void index_remove(struct index *index, struct index_link *link)
{
	struct index_link **p;

	if (!link->in)
		return;
	for (p = chain(index, link->hash); *p != link;)
		p = &(*p)->next;
	*p = link->next;
	link->in = false;
	index->n--;
}

struct index_link *index_first(const struct index *index, uint64_t hash)
{
	struct index_link *link = buckets(index)[hash & (size_of(index) - 1)];

	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct index_link *index_next(const struct index_link *link)
{
	struct index_link *next = link->next;

	while (next && next->hash != link->hash)
		next = next->next;
	return next;
}
