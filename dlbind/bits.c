#include "bits.h"

static size_t words_of(size_t n)
{
	return (n + 63) / 64;
}

size_t bits_upper_words(size_t n)
{
	size_t total = 0;

	for (n = words_of(n); n > 1; total += n + 1)
		n = words_of(n);
	return total;
}

void bits_place(struct bits *b, size_t n, uint64_t *lowest, unsigned stride, uint64_t *upper)
{
	b->level[0] = lowest;
	b->stride = stride;
	b->levels = 1;
	for (n = words_of(n); n > 1; upper += n + 1) {
		n = words_of(n);
		b->level[b->levels++] = upper;
	}
}

static uint64_t *word(const struct bits *b, unsigned level, size_t i)
{
	return &b->level[level][level ? i : i * b->stride];
}

bool bits_test(const struct bits *b, size_t i)
{
	return *word(b, 0, i / 64) >> (i % 64) & 1;
}

void bits_set(struct bits *b, size_t i)
{
	for (unsigned l = 0; l < b->levels; l++, i /= 64) {
		uint64_t *w = word(b, l, i / 64), old = *w;

		*w = old | 1ull << (i % 64);
		if (old)
			return;
	}
}

void bits_clear(struct bits *b, size_t i)
{
	for (unsigned l = 0; l < b->levels; l++, i /= 64) {
		uint64_t *w = word(b, l, i / 64);

		*w &= ~(1ull << (i % 64));
		if (*w)
			return;
	}
}

size_t bits_next(const struct bits *b, size_t i)
{
	for (unsigned l = 0; l < b->levels; l++) {
		uint64_t w = *word(b, l, i / 64) & (~0ull << (i % 64));

		if (w) {
			i = i / 64 * 64 + __builtin_ctzll(w);
			while (l-- > 0)
				i = i * 64 + __builtin_ctzll(*word(b, l, i));
			return i;
		}
		i = i / 64 + 1; /* behind the last word is one that stays 0 */
	}
	return BITS_NONE;
}

size_t bits_prev(const struct bits *b, size_t i)
{
	for (unsigned l = 0; l < b->levels; l++) {
		uint64_t w = *word(b, l, i / 64) & (~0ull >> (63 - i % 64));

		if (w) {
			i = i / 64 * 64 + 63 - __builtin_clzll(w);
			while (l-- > 0)
				i = i * 64 + 63 - __builtin_clzll(*word(b, l, i));
			return i;
		}
		if (i / 64 == 0)
			return BITS_NONE;
		i = i / 64 - 1;
	}
	return BITS_NONE;
}
