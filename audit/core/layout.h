/* Numbers that C and assembly of entries have in common; read by the assembler, too. */
#ifndef GOAUDIT_CORE_LAYOUT_H
#define GOAUDIT_CORE_LAYOUT_H

#define STACK_WORDS 16 /* of stack arguments that an entry passes; a power of 2 */

/* Offsets in struct target_table. */
#define WIDE_TABLE   24
#define WIDE_TARGETS 32

#define WIDE_PLAIN \
	8192 /* words that are passed without a look at the room that there is, and
			 * where the caller has no unwind tables */

/* The table of callers' frames, by the low bits of the return address.  An element has its
 * other bits, and how many words above the stack pointer, or the frame pointer, the frame
 * ends; 0: unknown. */
#define WIDE_FRAMES      1024
#define WIDE_FRAMES_BITS 10
#define WIDE_SHIFT       27
#define WIDE_BITS_SEEN   47 /* of an address: WIDE_FRAMES_BITS + 64 - WIDE_SHIFT */
#define WIDE_FROM_FRAME  (1 << 26)

#endif
