/* Rows of unwind tables (LSB, .eh_frame): where a function's frame ends at each of its
 * instructions.  No lock, no memory, no libc: a signal handler's call may lead here.
 *
 * Nothing in an image is trusted: what does not lie in it, or is not understood, is
 * unknown. */
#ifndef GOAUDIT_CORE_ROWS_H
#define GOAUDIT_CORE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "dlbind.h"
#include "goaudit.h"

/* An image as it is loaded.  Places are offsets in it. */
struct rows_image {
	const unsigned char *bytes;
	uint64_t size;
	uint64_t table; /* PT_GNU_EH_FRAME */
};

/* Where the canonical frame address is, which stack arguments begin at. */
enum rows_base {
	ROWS_UNKNOWN,
	ROWS_STACK_POINTER,       /* + offset */
	ROWS_FRAME_POINTER,       /* + offset */
	ROWS_ABOVE_FRAME_POINTER, /* on the far side of a realigned frame */
};

struct rows_state {
	enum rows_base base;
	int64_t offset;
};

#define ROWS_REMEMBERED 8

/* A function's rows, read from its first to its last. */
struct rows {
	const struct rows_image *image;
	uint64_t lo, hi;         /* the function */
	bool elsewhere;          /* it has landing pads outside of it */
	struct rows_state state; /* from the place asked for up to `until` */
	uint64_t until;
	uint64_t steps; /* taken so far */
	/* private */
	uint64_t code_factor, at, end;
	int64_t data_factor;
	struct rows_state remembered[ROWS_REMEMBERED];
	unsigned nremembered;
};

/* The rows of the function that a place lies in.  False: there are none. */
bool rows_find(const struct rows_image *image, uint64_t place, struct rows *rows);

/* Sets state to that at a place, not before the last one asked for.  False: not
 * understood. */
bool rows_at(struct rows *rows, uint64_t place);

#endif
