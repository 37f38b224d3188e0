#include "core/rows.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dlbind.h"
#include "goaudit.h"

/* Encodings of addresses (LSB, DW_EH_PE_*). */
#define OMIT     0xff
#define PCREL    0x10
#define DATAREL  0x30
#define SEARCHED 0x3b /* of the table: relative to it, 4 bytes, signed */

#define FP 6 /* psABI 3.6.2 */
#define SP 7

#define OP_DEREF 0x06 /* DW_OP_* */
#define OP_FP    0x76

static bool get(const struct rows_image *image, uint64_t at, void *out, uint64_t n)
{
	if (at > image->size || image->size - at < n)
		return false;
	memcpy(out, image->bytes + at, n);
	return true;
}

static bool get_leb(const struct rows_image *image, uint64_t *at, uint64_t *out, bool is_signed)
{
	uint64_t value = 0;
	unsigned shift = 0;
	unsigned char c;

	do {
		if (shift > 63 || !get(image, *at, &c, 1))
			return false;
		++*at;
		value |= (uint64_t)(c & 0x7f) << shift;
		shift += 7;
	} while (c & 0x80);
	if (is_signed && (c & 0x40) && shift < 64)
		value |= -1ull << shift;
	*out = value;
	return true;
}

/* A value of 4 or 8 bytes, a place if it is relative. */
static bool get_encoded(const struct rows_image *image, uint64_t *at, unsigned encoding,
			uint64_t *out)
{
	uint64_t from = *at, wide;
	int32_t narrow;

	switch (encoding & 0x0f) {
	case 0x03:
	case 0x0b:
		if (!get(image, *at, &narrow, sizeof narrow))
			return false;
		*out = encoding & 0x08 ? (uint64_t)(int64_t)narrow : (uint32_t)narrow;
		*at += sizeof narrow;
		break;
	case 0x00:
	case 0x04:
	case 0x0c:
		if (!get(image, *at, &wide, sizeof wide))
			return false;
		*out = wide;
		*at += sizeof wide;
		break;
	default: return false;
	}
	if ((encoding & 0x70) == PCREL)
		*out += from;
	else if ((encoding & 0x70) == DATAREL)
		*out += image->table;
	else
		return (encoding & 0x70) == 0;
	return true;
}

/* The FDE that may have a place, by the sorted table. */
static bool search(const struct rows_image *image, uint64_t place, uint64_t *fde)
{
	unsigned char head[4];
	uint64_t at = image->table + sizeof head, unused, n, lo = 0, hi;
	int32_t entry[2];

	if (!get(image, image->table, head, sizeof head) || head[0] != 1 ||
	    head[3] != SEARCHED || !get_encoded(image, &at, head[1], &unused) ||
	    !get_encoded(image, &at, head[2] & 0x0f, &n) || n > image->size / sizeof entry)
		return false;
	for (hi = n; lo < hi;) {
		uint64_t middle = lo + (hi - lo) / 2;

		if (!get(image, at + middle * sizeof entry, entry, sizeof entry))
			return false;
		if (image->table + (int64_t)entry[0] <= place)
			lo = middle + 1;
		else
			hi = middle;
	}
	if (!lo || !get(image, at + (lo - 1) * sizeof entry, entry, sizeof entry))
		return false;
	*fde = image->table + (int64_t)entry[1];
	return true;
}

/* The length of an entry, whose contents begin at *at then. */
static bool get_length(const struct rows_image *image, uint64_t *at, uint64_t *end)
{
	uint32_t length;

	if (!get(image, *at, &length, sizeof length) || !length || length == 0xffffffff)
		return false;
	*at += sizeof length;
	*end = *at + length;
	return *end <= image->size;
}

struct common {
	unsigned address, lsda; /* encodings */
	bool augmented;
	uint64_t code, code_end;
};

static bool get_common(struct rows *rows, uint64_t at, struct common *c)
{
	const struct rows_image *image = rows->image;
	char head[12];
	uint64_t value;
	unsigned n;

	*c = (struct common){ .lsda = OMIT };
	if (!get_length(image, &at, &c->code_end) || !get(image, at, head, sizeof head) ||
	    memcmp(head, "\0\0\0", 4) != 0 || (head[4] != 1 && head[4] != 3))
		return false;
	n = strnlen(head + 5, sizeof head - 5);
	at += 5 + n + 1;
	if (n == sizeof head - 5 || !get_leb(image, &at, &rows->code_factor, false) ||
	    !get_leb(image, &at, &value, true))
		return false;
	rows->data_factor = (int64_t)value;
	if (!get_leb(image, &at, &value, false)) /* the return address's column */
		return false;
	c->augmented = head[5] == 'z';
	if ((n && !c->augmented) || (n && !get_leb(image, &at, &value, false)))
		return false;
	c->code = at + (n ? value : 0);
	for (unsigned i = 1; i < n; i++) {
		unsigned char encoding;

		if (head[5 + i] == 'S')
			continue;
		if (!get(image, at++, &encoding, 1))
			return false;
		if (head[5 + i] == 'R')
			c->address = encoding;
		else if (head[5 + i] == 'L')
			c->lsda = encoding;
		else if (head[5 + i] != 'P' ||
			 !get_encoded(image, &at, encoding & 0x0f, &value))
			return false;
	}
	return c->code <= c->code_end;
}

/* Compilers keep landing pads in their function, or say where else they are. */
static bool has_pads_elsewhere(const struct rows_image *image, uint64_t at, unsigned encoding)
{
	uint64_t lsda = 0;
	unsigned char start;

	if (encoding == OMIT)
		return false;
	if (!get_encoded(image, &at, encoding & 0x0f, &lsda))
		return true;
	if (!lsda)
		return false;
	at -= (encoding & 0x07) == 0x03 ? 4 : 8;
	return !get_encoded(image, &at, encoding & 0x7f, &lsda) ||
	       !get(image, lsda, &start, 1) || start != OMIT;
}

bool rows_find(const struct rows_image *image, uint64_t place, struct rows *rows)
{
	uint64_t fde, at, end, n, after;
	struct common common;
	uint32_t back;

	*rows = (struct rows){ .image = image };
	if (!search(image, place, &fde))
		return false;
	at = fde;
	if (!get_length(image, &at, &end) || !get(image, at, &back, sizeof back) || !back ||
	    back > at || !get_common(rows, at - back, &common))
		return false;
	at += sizeof back;
	if (!get_encoded(image, &at, common.address, &rows->lo) ||
	    !get_encoded(image, &at, common.address & 0x0f, &n) || place - rows->lo >= n ||
	    rows->lo > image->size || n > image->size - rows->lo)
		return false;
	rows->hi = rows->lo + n;
	after = at;
	if (common.augmented) {
		if (!get_leb(image, &at, &n, false))
			return false;
		after = at + n;
		rows->elsewhere = n && has_pads_elsewhere(image, at, common.lsda);
	}
	/* What all functions begin with, then what is this one's. */
	rows->at = common.code;
	rows->end = common.code_end;
	if (!rows_at(rows, UINT64_MAX))
		return false;
	rows->until = rows->lo;
	rows->at = after;
	rows->end = end;
	return after <= end;
}

static void set_base(struct rows *rows, uint64_t number)
{
	rows->state.base = number == SP ? ROWS_STACK_POINTER :
			   number == FP ? ROWS_FRAME_POINTER :
					  ROWS_UNKNOWN;
}

/* All but what stands below a realigned frame's pointer is unknown. */
static bool set_expression(struct rows *rows)
{
	unsigned char op[3];
	uint64_t n;

	if (!get_leb(rows->image, &rows->at, &n, false) || n > rows->image->size)
		return false;
	rows->state = (struct rows_state){ ROWS_UNKNOWN, 0 };
	if (n == sizeof op && get(rows->image, rows->at, op, sizeof op) && op[0] == OP_FP &&
	    op[2] == OP_DEREF)
		rows->state.base = ROWS_ABOVE_FRAME_POINTER;
	rows->at += n;
	return true;
}

static bool skip_lebs(struct rows *rows, unsigned n)
{
	uint64_t unused;

	while (n--)
		if (!get_leb(rows->image, &rows->at, &unused, false))
			return false;
	return true;
}

static bool skip_block(struct rows *rows)
{
	uint64_t n;

	if (!get_leb(rows->image, &rows->at, &n, false) || n > rows->image->size)
		return false;
	rows->at += n;
	return true;
}

static bool set_offset(struct rows *rows, bool is_signed)
{
	uint64_t value;

	if (!get_leb(rows->image, &rows->at, &value, is_signed))
		return false;
	rows->state.offset = is_signed ? (int64_t)value * rows->data_factor : (int64_t)value;
	return true;
}

static bool set_both(struct rows *rows, bool is_signed)
{
	uint64_t number;

	if (!get_leb(rows->image, &rows->at, &number, false))
		return false;
	set_base(rows, number);
	return set_offset(rows, is_signed);
}

static bool set_register(struct rows *rows)
{
	uint64_t number;

	if (!get_leb(rows->image, &rows->at, &number, false))
		return false;
	set_base(rows, number);
	return true;
}

static bool advance(struct rows *rows, unsigned bytes)
{
	uint32_t delta = 0;

	if (!get(rows->image, rows->at, &delta, bytes))
		return false;
	rows->at += bytes;
	rows->until += delta * rows->code_factor;
	return true;
}

static bool remember(struct rows *rows, bool restore)
{
	if (restore) {
		if (!rows->nremembered)
			return false;
		rows->state = rows->remembered[--rows->nremembered];
		return true;
	}
	if (rows->nremembered == ROWS_REMEMBERED)
		return false;
	rows->remembered[rows->nremembered++] = rows->state;
	return true;
}

/* One of DW_CFA_*. */
static bool run_one(struct rows *rows, unsigned op)
{
	switch (op >> 6) {
	case 1: rows->until += (op & 0x3f) * rows->code_factor; return true;
	case 2: return skip_lebs(rows, 1);
	case 3: return true;
	}
	switch (op) {
	case 0x00: /* nop */ return true;
	case 0x02:
	case 0x03: /* advance_loc1, 2 */ return advance(rows, op - 1);
	case 0x04: return advance(rows, 4);
	case 0x05:
	case 0x09:
	case 0x11: /* offset_extended, register, offset_extended_sf */
	case 0x14:
	case 0x15:
	case 0x2f: /* val_offset, _sf, GNU_negative_offset_extended */
		return skip_lebs(rows, 2);
	case 0x06:
	case 0x07:
	case 0x08: /* restore_extended, undefined, same_value */
	case 0x2e: /* GNU_args_size */ return skip_lebs(rows, 1);
	case 0x0a:
	case 0x0b: /* remember_state, restore_state */ return remember(rows, op == 0x0b);
	case 0x0c:
	case 0x12: /* def_cfa, _sf */ return set_both(rows, op == 0x12);
	case 0x0d: /* def_cfa_register */ return set_register(rows);
	case 0x0e:
	case 0x13: /* def_cfa_offset, _sf */ return set_offset(rows, op == 0x13);
	case 0x0f: /* def_cfa_expression */ return set_expression(rows);
	case 0x10:
	case 0x16: /* expression, val_expression */
		return skip_lebs(rows, 1) && skip_block(rows);
	}
	return false;
}

bool rows_at(struct rows *rows, uint64_t place)
{
	unsigned char op;

	for (; rows->at < rows->end && rows->until <= place; rows->steps++)
		if (!get(rows->image, rows->at++, &op, 1) || !run_one(rows, op))
			return false;
	return true;
}
