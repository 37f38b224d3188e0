/* A growing buffer of bytes.  Running out of memory is remembered, and looked
 * at once, at the end. */
#ifndef GOAUDIT_DEBUG_OUT_H
#define GOAUDIT_DEBUG_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct out {
	uint8_t *p;
	size_t n, room;
	bool failed;
};

static inline void out_bytes(struct out *o, const void *bytes, size_t n)
{
	if (o->failed || n == 0)
		return;
	if (o->room - o->n < n) {
		size_t room = (o->n + n) * 2;
		uint8_t *p = realloc(o->p, room);

		o->failed = p == NULL;
		if (o->failed)
			return;
		o->p = p;
		o->room = room;
	}
	memcpy(o->p + o->n, bytes, n);
	o->n += n;
}

static inline void out_u8(struct out *o, uint8_t v)
{
	out_bytes(o, &v, sizeof v);
}
static inline void out_u16(struct out *o, uint16_t v)
{
	out_bytes(o, &v, sizeof v);
}
static inline void out_u32(struct out *o, uint32_t v)
{
	out_bytes(o, &v, sizeof v);
}
static inline void out_u64(struct out *o, uint64_t v)
{
	out_bytes(o, &v, sizeof v);
}

/* With its NUL. */
static inline void out_text(struct out *o, const char *s)
{
	out_bytes(o, s, strlen(s) + 1);
}

static inline void out_set32(struct out *o, size_t at, uint32_t v)
{
	if (!o->failed)
		memcpy(o->p + at, &v, sizeof v);
}

static inline void out_align(struct out *o, size_t to)
{
	while (!o->failed && o->n % to != 0)
		out_u8(o, 0);
}

static inline void out_uleb(struct out *o, uint64_t v)
{
	do {
		uint8_t b = v & 0x7f;

		v >>= 7;
		out_u8(o, b | (v != 0 ? 0x80 : 0));
	} while (v != 0);
}

static inline void out_sleb(struct out *o, int64_t v)
{
	bool more;

	do {
		uint8_t b = v & 0x7f;

		v >>= 7;
		more = !((v == 0 && (b & 0x40) == 0) || (v == -1 && (b & 0x40) != 0));
		out_u8(o, b | (more ? 0x80 : 0));
	} while (more);
}

#endif
