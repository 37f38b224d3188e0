/* The host process: its libc's functions, its exit, its forks. */
#ifndef GOAUDIT_LOADER_HOST_H
#define GOAUDIT_LOADER_HOST_H

struct host;
struct loader;

/* Copies what the process was started with, before a host can write over it.  Once, in
 * a constructor: argv is the kernel's, with environment and auxiliary vector behind. */
void host_remember(struct host *h, int argc, char **argv);

/* Takes the module out of LD_AUDIT in the host's environment, so that its children run
 * without.  From la_version: nothing of the host has run. */
void host_hide_module(struct host *h);

/* Finds the functions of the host's libc, and registers the fork handlers with
 * it, unless that has been done.  From la_preinit, and before it by the first call of a
 * constructor of what is linked or preloaded.  Without locks. */
void host_init(struct loader *ld);

/* From la_preinit: the constructors of what the program is linked to have run. */
void host_begins(struct loader *ld);

/* Starts a detached thread of the host's libc that gets none of the host's signals.
 * Returns 0 or an error number. */
int host_start_thread(struct loader *ld, void *(*fn)(void *), void *arg);

/* Registers the exit handler with the host's libc, at the first guest. */
void host_hook(struct loader *ld);

#endif
