/* goaudit reload: another process asks this one to reload (GOAUDIT_CONTROL).
 *
 * A thread waits at a socket whose name the kernel has chosen (unix(7), autobind) and which
 * goaudit_debug tells to who may read this process's memory.  Who asks must be root or the
 * user that this process is by then.  core/control.h has what is said. */
#ifndef GOAUDIT_API_CONTROL_H
#define GOAUDIT_API_CONTROL_H

struct goaudit;

/* A guest is open: begins, where it is wanted and has not begun.  Without locks. */
void control_start(struct goaudit *ga);

/* In a forked child, with core.lock: the thread is the parent's. */
void control_forked(struct goaudit *ga);

#endif
