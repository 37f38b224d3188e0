/* The host process: its libc's functions, its exit, its forks. */
#ifndef GOAUDIT_HOST_H
#define GOAUDIT_HOST_H

struct goaudit;

/* Finds the functions of the host's libc, and registers the fork handlers with
 * it.  From la_preinit, once. */
void host_init(struct goaudit *ga);

/* Starts a detached thread of the host's libc that gets none of the host's signals.
 * Returns 0 or an error number. */
int host_start_thread(struct goaudit *ga, void *(*fn)(void *), void *arg);

/* Registers the exit handler with the host's libc, at the first guest. */
void host_hook(struct goaudit *ga);

#endif
