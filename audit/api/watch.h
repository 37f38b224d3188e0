/* Reloading a guest when its file changes (goaudit_watch). */
#ifndef GOAUDIT_API_WATCH_H
#define GOAUDIT_API_WATCH_H

#include "goaudit.h"

struct goaudit;

/* See goaudit_watch.  Return 0, or -1 with dlerror set. */
int watch_start(struct goaudit *ga, void *handle, goaudit_watch_function *callback, void *arg);
int watch_stop(struct goaudit *ga, void *handle);

/* The program has opened or closed a guest: the watch by GOAUDIT_WATCH begins or ends.  A
 * program's own takes its place.  Without locks. */
void watch_opened(struct goaudit *ga, void *handle);
void watch_closed(struct goaudit *ga, void *handle);

/* In a forked child, with core.lock: the threads are the parent's. */
void watch_forked(struct goaudit *ga);

#endif
