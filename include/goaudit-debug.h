/* goaudit-debug.h - what a debugger or a monitor reads from outside.
 *
 * libgoaudit.so exports the object `goaudit_debug`.  A reader finds the
 * library in the process's map list, adds the symbol's value to its base, and
 * copies (ptrace, process_vm_readv, a core file) the head and then the records.
 * The process never waits for a reader and need not cooperate.
 *
 * Consistency: `sequence` is odd while records are being changed.  Read it,
 * copy, read it again: when it is odd or differs, copy again.  In a core file
 * an odd value means that the process died in the middle of a change.
 *
 * The function goaudit_debug_event() is called after each change, so that a
 * debugger can stop there; it does nothing. */
#ifndef GOAUDIT_DEBUG_H
#define GOAUDIT_DEBUG_H

#include "goaudit.h"

#define GOAUDIT_DEBUG_MAGIC   "goaudit" /* with its NUL: 8 bytes */
#define GOAUDIT_DEBUG_VERSION 1         /* raised when a field changes its meaning */

struct goaudit_debug {
	char magic[8];
	uint32_t version;
	uint32_t size; /* sizeof(struct goaudit_debug) */
	uint64_t sequence;
	uint64_t changes;               /* state changes since the start */
	uint32_t record_size;           /* sizeof(struct goaudit_generation) */
	uint32_t records;               /* how many at `generations` are in use */
	uint64_t generations;           /* address of the array */
	uint32_t guests;                /* how many guests there have been */
	uint32_t go_running;            /* a Go runtime has been started or found */
	struct goaudit_runtime runtime; /* version, path, start_ns; figures are 0 */
	char refusal[256];              /* why reloading is off in this process, or "" */
	char control[32];               /* the abstract socket that answers goaudit reload
					 * (unix(7)), without the NUL before it, or "" */
};

#endif
