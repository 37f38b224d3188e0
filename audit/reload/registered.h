/* What guests have registered with libc, beside threads (threads.h).
 *
 *	__cxa_atexit	a static of a header that the host has too (a template's, an inline
 *			variable) is one object, the host's, and whoever comes first
 *			constructs it: its destructor belongs to the object that has it, not
 *			to the guest, whose end would destroy what others use
 *	on_exit		runs at exit only: it holds the guest
 *	pthread keys	whose destructor is the guest's: a thread's end would call what is
 *			gone, so a key that is left is deleted when the guest is unmapped;
 *			values that threads have under it are lost
 *	signals		a handler of the guest's holds it
 */
#ifndef GOAUDIT_RELOAD_REGISTERED_H
#define GOAUDIT_RELOAD_REGISTERED_H

#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct generation;
struct reloads;

/* The functions of these names, by the host's own.  Without locks. */
int registered_atexit(struct reloads *rl, void (*function)(void *), void *object, void *dso);
int registered_on_exit(struct reloads *rl, void (*function)(int, void *), void *arg);
int registered_key(struct reloads *rl, pthread_key_t *key, void (*destructor)(void *));
int registered_no_key(struct reloads *rl, pthread_key_t key);

/* Does something that it has registered hold a generation?  Calls `say`, if not NULL, with a
 * line for each.  Without locks. */
bool registered_hold(struct reloads *rl, const struct generation *gen,
		     void (*say)(void *arg, const char *line), void *arg);

/* Destroys the objects of a generation that is about to be unmapped and that others have
 * constructed.  In a transaction, without our lock. */
void registered_leave(struct reloads *rl, struct generation *gen);

/* la_objclose: an object's destructors have run, and it is still mapped. */
void registered_closed(struct reloads *rl, const struct link_map *map);

/* The record of a generation ends.  With core.lock. */
void registered_gone_locked(struct reloads *rl, struct generation *gen);

#endif
