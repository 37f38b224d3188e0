/* A process under the audit module, seen from outside (goaudit-debug.h). */
#ifndef GOAUDIT_TOOL_PROCESS_H
#define GOAUDIT_TOOL_PROCESS_H

#include "goaudit-debug.h"

#include <sys/types.h>

struct process {
	pid_t pid;
	char *command;    /* its arguments, joined by blanks */
	uint64_t address; /* of goaudit_debug in it */
	struct goaudit_debug head;
	struct goaudit_generation *records; /* in use, in no order; fields that an
						 * older module does not have are 0 */
	size_t n;
};

enum process_result {
	PROCESS_OK,
	PROCESS_GONE,     /* there is no such process */
	PROCESS_NOT_OURS, /* it does not run under the module */
	PROCESS_DENIED,   /* this user may not look into it */
	PROCESS_UNKNOWN,  /* under a module that this tool does not understand */
	PROCESS_BUSY,     /* changing for longer than we wait, or stopped in a change */
};

/* Finds the module in the process.  *why (at least 256 bytes) says more where
 * the result is not PROCESS_OK.  process_close may be called on any outcome. */
enum process_result process_open(struct process *p, pid_t pid, char *why, size_t why_len);

/* Takes a picture in which all records belong together.  The process does not
 * notice. */
enum process_result process_read(struct process *p, char *why, size_t why_len);
void process_close(struct process *p);

#endif
