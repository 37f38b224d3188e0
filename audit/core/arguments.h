/* How much of its caller's stack a function reads its arguments from, by its code. */
#ifndef GOAUDIT_CORE_ARGUMENTS_H
#define GOAUDIT_CORE_ARGUMENTS_H

#include <stdint.h>

struct rows_image;

enum arguments_kind {
	ARGUMENTS_COUNTED,   /* no more than `words` */
	ARGUMENTS_ADDRESSED, /* it takes the address of some: a struct, va_start(3) */
	ARGUMENTS_UNKNOWN,   /* no unwind table, a jump to another function, ... */
};

struct arguments {
	enum arguments_kind kind;
	uint32_t words;
};

/* Of the function that a place in the image lies in.  `left` is how many steps it may take,
 * instructions and those of unwind tables; after that it is unknown. */
struct arguments arguments_of(const struct rows_image *image, uint64_t place, uint64_t *left);

#endif
