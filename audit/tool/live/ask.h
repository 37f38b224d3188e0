/* Asking a process under the audit module to reload (audit/core/control.h). */
#ifndef GOAUDIT_TOOL_LIVE_ASK_H
#define GOAUDIT_TOOL_LIVE_ASK_H

#include <sys/types.h>

/* What it answers of one guest: kind is one of core/control.h; text the generation's
 * number, or why. */
typedef void ask_answer(const char *kind, const char *path, const char *text, void *arg);

/* Reloads the open guests of a name ("": all), and calls `answer` for each.  Returns how many
 * there were, or -1 with a message. */
int ask_reload(pid_t pid, const char *name, ask_answer *answer, void *arg);

#endif
