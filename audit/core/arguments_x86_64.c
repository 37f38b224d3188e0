#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/arguments.h"
#include "core/rows.h"
#include "goaudit.h"

#define JUMPS         6  /* from function to function */
#define MARGIN        72 /* how far below the arguments an index may begin from */
#define WORDS_ALIGNED 17 /* more than an entry passes by itself */

enum map { MAP_PLAIN, MAP_0F, MAP_0F38, MAP_0F3A };

struct insn {
	unsigned length;
	enum map map;
	unsigned char op, reg, mod, rm;
	bool vector;                                   /* VEX or EVEX */
	bool wide, narrow, untracked, short_addresses; /* REX.W, 66, 3E, 67 */
	unsigned char b, x, r;                         /* bits 3 of the registers' numbers */
	bool has_modrm, has_base, has_index;
	unsigned base;
	unsigned scale;       /* of a displacement of 8 bits */
	int64_t displacement; /* or a branch's */
};

static const unsigned char *prefixes(const unsigned char *p, const unsigned char *end,
				     struct insn *in)
{
	for (; p < end; p++)
		switch (*p) {
		case 0x66: in->narrow = true; break;
		case 0x67: in->short_addresses = true; break;
		case 0x3e: in->untracked = true; break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x64:
		case 0x65:
		case 0xf0:
		case 0xf2:
		case 0xf3: break;
		default:
			if ((*p & 0xf0) != 0x40)
				return p;
			in->wide = *p & 8;
			in->r = (*p & 4) << 1;
			in->x = (*p & 2) << 2;
			in->b = (*p & 1) << 3;
			return p + 1;
		}
	return p;
}

/* VEX of 2 and 3 bytes, EVEX: to the code of operation.  NULL: unknown. */
static const unsigned char *vector_prefix(const unsigned char *p, const unsigned char *end,
					  struct insn *in)
{
	unsigned n = *p == 0xc5 ? 2 : *p == 0xc4 ? 3 : 4, map;

	if ((size_t)(end - p) <= n)
		return NULL;
	map = n == 2 ? MAP_0F : p[1] & (n == 3 ? 0x1f : 7);
	in->r = ~p[1] >> 4 & 8;
	if (n > 2) {
		in->x = ~p[1] >> 3 & 8;
		in->b = ~p[1] >> 2 & 8;
	}
	if (n == 4) {
		in->scale = 16u << (p[3] >> 5 & 3);
		if (map == 5 || map == 6) /* AVX-512 FP16: no immediates there */
			map = MAP_0F38;
	}
	in->vector = true;
	in->map = (enum map)map;
	return map >= MAP_0F && map <= MAP_0F3A ? p + n : NULL;
}

static bool in_list(unsigned char op, const char *list, size_t n)
{
	return memchr(list, op, n) != NULL;
}
#define IN(op, list) in_list(op, list, sizeof list - 1)

/* Operations of one byte that 64-bit code does not have, or that hide the stack. */
static bool is_odd(unsigned char op)
{
	return IN(op, "\x06\x07\x0e\x16\x17\x1e\x1f\x27\x2f\x37\x3f\x60\x61\x82\x9a\xc8\xce"
		      "\xd4\xd5\xd6\xea");
}

static bool plain_has_modrm(unsigned char op)
{
	return op < 0x40 ?
		       (op & 7) < 4 :
		       IN(op, "\x63\x69\x6b\xc0\xc1\xc6\xc7\xd0\xd1\xd2\xd3\xf6\xf7\xfe\xff") ||
			       (op >= 0x80 && op < 0x90) || (op >= 0xd8 && op < 0xe0);
}

static unsigned plain_immediate(const struct insn *in)
{
	const unsigned char op = in->op;
	const unsigned z = in->narrow ? 2 : 4;

	if (op < 0x40)
		return (op & 7) == 4 ? 1 : (op & 7) == 5 ? z : 0;
	if (op >= 0xa0 && op < 0xa4)
		return in->short_addresses ? 4 : 8;
	if (op >= 0xb8 && op < 0xc0)
		return in->wide ? 8 : z;
	if (op == 0xf6 || op == 0xf7)
		return (in->reg & 7) > 1 ? 0 : op == 0xf6 ? 1 : z;
	if (op == 0xe8 || op == 0xe9)
		return 4;
	if (op == 0xc2)
		return 2;
	if (IN(op, "\x68\x69\x81\xa9\xc7"))
		return z;
	return IN(op, "\x6a\x6b\x80\x83\xa8\xc0\xc1\xc6\xcd\xeb") ||
	       (op >= 0x70 && op < 0x80) || (op >= 0xb0 && op < 0xb8) ||
	       (op >= 0xe0 && op < 0xe8);
}

static bool escaped_has_modrm(unsigned char op)
{
	return !IN(op, "\x05\x06\x07\x08\x09\x0b\x0e\x77\xa0\xa1\xa2\xa8\xa9\xaa") &&
	       !(op >= 0x30 && op < 0x38) && !(op >= 0x80 && op < 0x90) &&
	       !(op >= 0xc8 && op < 0xd0);
}

static unsigned immediate(const struct insn *in)
{
	switch (in->map) {
	case MAP_PLAIN: return plain_immediate(in);
	case MAP_0F:
		if (in->op >= 0x80 && in->op < 0x90 && !in->vector)
			return 4;
		return IN(in->op, "\x70\x71\x72\x73\xa4\xac\xba\xc2\xc4\xc5\xc6");
	case MAP_0F38: return 0;
	case MAP_0F3A: return 1;
	}
	return 0;
}

/* ModRM, SIB and displacement. */
static const unsigned char *operand(const unsigned char *p, const unsigned char *end,
				    struct insn *in)
{
	unsigned size;
	int32_t d32;

	if (p == end)
		return NULL;
	in->mod = *p >> 6;
	in->reg = (*p >> 3 & 7) | in->r;
	in->rm = *p & 7;
	p++;
	if (in->mod == 3)
		return p;
	size = in->mod == 1 ? 1 : in->mod == 2 ? 4 : 0;
	in->has_base = true;
	in->base = in->rm | in->b;
	if (in->rm == 4) {
		if (p == end)
			return NULL;
		in->base = (*p & 7) | in->b;
		in->has_index = ((*p >> 3 & 7) | in->x) != 4;
		in->has_base = in->mod || (*p & 7) != 5;
		if (!in->has_base)
			size = 4;
		p++;
	} else if (in->rm == 5 && !in->mod) {
		in->has_base = false;
		size = 4;
	}
	if ((size_t)(end - p) < size)
		return NULL;
	if (size == 1)
		in->displacement = (signed char)*p * (in->scale ? (int)in->scale : 1);
	if (size == 4) {
		memcpy(&d32, p, sizeof d32);
		in->displacement = d32;
	}
	return p + size;
}

/* What a direct branch adds to the place behind it. */
static void branch(const unsigned char *p, unsigned size, struct insn *in)
{
	int32_t d32;

	if (size == 1)
		in->displacement = (signed char)*p;
	if (size == 4) {
		memcpy(&d32, p, sizeof d32);
		in->displacement = d32;
	}
}

static bool decode(const unsigned char *from, const unsigned char *end, struct insn *in)
{
	const unsigned char *p;
	unsigned size;

	*in = (struct insn){ 0 };
	p = prefixes(from, end, in);
	if (p == end)
		return false;
	if (*p == 0x62 || *p == 0xc4 || *p == 0xc5) {
		p = vector_prefix(p, end, in);
		if (!p)
			return false;
	} else if (*p == 0x0f) {
		in->map = MAP_0F;
		if (++p < end && (*p == 0x38 || *p == 0x3a)) {
			in->map = *p == 0x38 ? MAP_0F38 : MAP_0F3A;
			p++;
		}
	}
	if (p >= end)
		return false;
	in->op = *p++;
	if (in->map == MAP_PLAIN)
		in->has_modrm = plain_has_modrm(in->op);
	else if (in->map == MAP_0F)
		in->has_modrm = in->vector ? in->op != 0x77 : escaped_has_modrm(in->op);
	else
		in->has_modrm = true;
	if ((in->map == MAP_PLAIN && is_odd(in->op)) ||
	    (in->map == MAP_0F && !in->vector && in->op == 0x0f))
		return false;
	if (in->has_modrm && !(p = operand(p, end, in)))
		return false;
	/* XOP, once AMD's, begins as a pop does. */
	if (in->map == MAP_PLAIN && in->op == 0x8f && (in->reg & 7))
		return false;
	size = immediate(in);
	if ((size_t)(end - p) < size)
		return false;
	if (!in->has_modrm)
		branch(p, size, in);
	in->length = p + size - from;
	return true;
}

/* --- what an instruction says of the arguments ---------------------------- */

struct scan {
	const struct rows_image *image;
	uint64_t *left; /* steps */
	uint64_t seen[JUMPS];
	unsigned nseen;
	struct arguments found;
};

static void note(struct scan *s, enum arguments_kind kind)
{
	if (kind > s->found.kind)
		s->found.kind = kind;
}

static bool is_branch(const struct insn *in)
{
	return in->map == MAP_PLAIN ?
		       in->op == 0xe9 || in->op == 0xeb || (in->op & 0xf0) == 0x70 ||
			       (in->op >= 0xe0 && in->op < 0xe4) :
		       in->map == MAP_0F && !in->vector && (in->op & 0xf0) == 0x80;
}

static unsigned width(const struct insn *in)
{
	return in->vector ? 64 : in->map != MAP_PLAIN || (in->op & 0xf8) == 0xd8 ? 16 : 8;
}

static void look_at_operand(struct scan *s, const struct rows_state *row, const struct insn *in)
{
	const bool lea = in->map == MAP_PLAIN && in->op == 0x8d;
	int64_t at = in->displacement - row->offset;
	uint64_t words;

	if (!in->has_base || in->base != (row->base == ROWS_STACK_POINTER ? 4 : 5))
		return;
	if (in->has_index ? at >= -MARGIN : lea && at >= 0 && in->reg != 4) {
		note(s, ARGUMENTS_ADDRESSED);
		return;
	}
	if (at < 0 || lea)
		return;
	words = (at + width(in) + 7) / 8;
	if (in->vector && words < WORDS_ALIGNED)
		words = WORDS_ALIGNED;
	if (words > s->found.words)
		s->found.words = words;
}

/* The stack pointer in another register but the frame's, before anything was pushed. */
static bool copies_stack_pointer(const struct rows_state *row, const struct insn *in)
{
	unsigned to = in->rm | in->b;

	if (row->base != ROWS_STACK_POINTER || row->offset != 8 || in->map != MAP_PLAIN ||
	    in->mod != 3)
		return false;
	return (in->op == 0x89 && in->reg == 4 && to != 5) ||
	       (in->op == 0x8b && to == 4 && in->reg != 5);
}

static void scan_function(struct scan *s, uint64_t place);

static void look_at(struct scan *s, const struct rows *rows, uint64_t at, const struct insn *in)
{
	const struct rows_state *row = &rows->state;
	uint64_t to = at + in->length + in->displacement;

	if (row->base != ROWS_STACK_POINTER && row->base != ROWS_FRAME_POINTER) {
		note(s, ARGUMENTS_UNKNOWN);
	} else if (is_branch(in)) {
		if (to - rows->lo >= rows->hi - rows->lo)
			scan_function(s, to);
	} else if (in->map == MAP_PLAIN && in->op == 0xff && (in->reg & 6) == 4) {
		/* Through a table of its own (notrack), or with its frame still there. */
		if (row->base == ROWS_STACK_POINTER && row->offset == 8 && !in->untracked)
			note(s, ARGUMENTS_UNKNOWN);
	} else if (in->has_modrm) {
		look_at_operand(s, row, in);
		if (copies_stack_pointer(row, in))
			note(s, ARGUMENTS_ADDRESSED);
	}
}

static void scan_function(struct scan *s, uint64_t place)
{
	const struct rows_image *image = s->image;
	struct rows rows;
	struct insn in;

	if (!rows_find(image, place, &rows) || rows.elsewhere) {
		note(s, ARGUMENTS_UNKNOWN);
		return;
	}
	for (unsigned i = 0; i < s->nseen; i++)
		if (s->seen[i] == rows.lo)
			return;
	if (s->nseen == JUMPS) {
		note(s, ARGUMENTS_UNKNOWN);
		return;
	}
	s->seen[s->nseen++] = rows.lo;
	for (uint64_t at = rows.lo; at < rows.hi && s->found.kind != ARGUMENTS_UNKNOWN;
	     at += in.length) {
		if (*s->left <= rows.steps ||
		    !decode(image->bytes + at, image->bytes + rows.hi, &in) ||
		    !rows_at(&rows, at)) {
			note(s, ARGUMENTS_UNKNOWN);
			break;
		}
		--*s->left;
		look_at(s, &rows, at, &in);
	}
	*s->left -= *s->left < rows.steps ? *s->left : rows.steps;
}

struct arguments arguments_of(const struct rows_image *image, uint64_t place, uint64_t *left)
{
	struct scan s = { .image = image, .left = left };

	scan_function(&s, place);
	return s.found;
}
