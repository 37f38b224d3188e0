/* How the command ends, and what it says of it.
 *
 * Functions return 0 or an exit status; whoever detects a fault prints it
 * (tool_error) and the status travels up. */
#ifndef GOAUDIT_TOOL_BASE_ERROR_H
#define GOAUDIT_TOOL_BASE_ERROR_H

enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
};

/* Prints "goaudit: subject: reason: what to do", returns STATUS_FAILED. */
int tool_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
