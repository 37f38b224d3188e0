/* A set of integers. */
#ifndef DLBIND_BITS_H
#define DLBIND_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BITS_LEVELS 5
#define BITS_NONE   SIZE_MAX

/* A bit each, and above it a level that has one for each word that is not 0.
 * The words of the lowest level may stand apart (`stride`), so that sets that
 * are used together share pages. */
struct bits {
	uint64_t *level[BITS_LEVELS];
	unsigned levels, stride;
};

/* How many words the upper levels take for 0 .. n-1. */
size_t bits_upper_words(size_t n);
/* `lowest` and `upper` are zeroed memory that the caller keeps. */
void bits_place(struct bits *b, size_t n, uint64_t *lowest, unsigned stride, uint64_t *upper);
void bits_set(struct bits *b, size_t i);
void bits_clear(struct bits *b, size_t i);
bool bits_test(const struct bits *b, size_t i);
size_t bits_next(const struct bits *b, size_t i); /* least member >= i */
size_t bits_prev(const struct bits *b, size_t i); /* greatest member <= i */

#endif
