/* The libraries of this process, by handle and by address. */
#ifndef DLBIND_REGISTRY_H
#define DLBIND_REGISTRY_H

#include "state.h"

struct library *registry_get(void *handle);     /* NULL with the error set */
struct library *registry_find(void *handle);    /* NULL: it is not ours; no error */
struct library *registry_at(uintptr_t address); /* the same */
void registry_put(struct library *lib);
int registry_add(struct library *lib); /* cannot fail after registry_take */
struct library *registry_take(void *handle);
/* Handlers, and this process's folder. */
int registry_prepare(void);
/* So that a forked child finds every library in a whole state.  False: no lock has been
 * taken, since this thread was interrupted with one. */
bool registry_forking(void);
/* Had the thread of that number one of them?  In the only thread of a child. */
bool registry_interrupted(int tid);
void registry_forked_parent(void);
void registry_forked_child(void);

#endif
