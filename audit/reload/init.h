/* The initialisers of a new generation, with or without a limit of time. */
#ifndef GOAUDIT_RELOAD_INIT_H
#define GOAUDIT_RELOAD_INIT_H

struct generation;
struct reloads;

enum init_result { INIT_GOOD, INIT_FAILED, INIT_ABANDONED };

/* Registers a loaded generation and runs its package inits: on this thread, or, with
 * a limit in milliseconds that is not 0, on a thread of its own, for which this one
 * waits.
 *
 *   INIT_GOOD       the adapter's end_takeover has to follow
 *   INIT_FAILED     dlerror is set; the generation can be retired
 *   INIT_ABANDONED  dlerror is set; the inits run on.  The generation can be retired,
 *                   and is kept mapped and its record in use until they have ended.
 *
 * In a constructor there is no limit: the inits may need ld.so's lock, which this
 * thread has.  Without locks. */
enum init_result init_run(struct reloads *rl, struct generation *gen, unsigned limit_ms);

#endif
