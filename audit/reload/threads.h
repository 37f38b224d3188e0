/* What threads have in guests: thread-local objects to destroy at their end, and the code
 * that they were started with.
 *
 * The C++ runtime and Rust register a destructor for the thread and the object that it lies
 * in (__cxa_thread_atexit_impl), and ld.so keeps the object until all have run.  Those of a
 * guest are kept here, so that ld.so counts nothing: libc is told of a function of ours,
 * in the program's name, that runs them in their turn.  A generation goes when no other
 * thread has any in it, and those of the thread that unmaps it are run before.
 *
 * A thread that was created with a function of a guest, or with an object whose class is
 * the guest's (std::thread), holds it until it ends. */
#ifndef GOAUDIT_RELOAD_THREADS_H
#define GOAUDIT_RELOAD_THREADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct generation;
struct reloads;

/* __cxa_thread_atexit_impl.  Returns whether the destructor is kept here; if not, libc is
 * to be told.  Without locks. */
bool threads_register(struct reloads *rl, void (*destructor)(void *), void *object, void *dso);

/* pthread_create, by the host's own.  Without locks. */
int threads_create(struct reloads *rl, pthread_t *thread, const pthread_attr_t *attr,
		   void *(*start)(void *), void *arg);

/* Has another thread something in it?  With core.lock. */
bool threads_hold_locked(struct reloads *rl, const struct generation *gen);

/* Runs this thread's destructors in a generation that is about to be unmapped.  In a
 * transaction, without our lock. */
void threads_leave(struct reloads *rl, struct generation *gen);

/* Calls `say` with a line for each thread that holds it.  With core.lock. */
void threads_name_locked(struct reloads *rl, const struct generation *gen,
			 void (*say)(void *arg, const char *line), void *arg);

/* In a forked child, with core.lock: only this thread is left. */
void threads_forked(struct reloads *rl);

#endif
