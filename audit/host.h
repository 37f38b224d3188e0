/* The host process: its libc's functions, its exit, its forks. */
#ifndef GOAUDIT_HOST_H
#define GOAUDIT_HOST_H

struct goaudit;

/* Finds the functions of the host's libc.  From la_preinit, once. */
void host_init(struct goaudit *ga);

/* Registers the exit and fork handlers with the host's libc, at the first
 * guest: a host without guests runs no code of ours there. */
void host_hook(struct goaudit *ga);

#endif
