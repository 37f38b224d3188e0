/* Telling the user how a build goes, from the tools that go runs: it keeps back what they
 * write.  GOAUDIT_TELL says where to (share.h); without it nothing is told. */
#ifndef GOAUDIT_TOOL_SHARE_TELL_H
#define GOAUDIT_TOOL_SHARE_TELL_H

#include <stdbool.h>

bool tell_on_terminal(void);

/* Where that is not a terminal. */
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* On a terminal: a line in place of the last one; "": none. */
void tell_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
