/* Unmapping retired generations whose runtime has to let go of them first (struct adapter,
 * reaped), on a thread of its own.
 *
 * dlclose and dlreload only queue a generation here.  The thread takes all that
 * are queued together: they may hold each other, and they share one stop of
 * the world.  Those in use stay queued and are tried again when another one is
 * retired, when somebody asks (goaudit_reclaim), and, in a bounded share of the
 * time, after a garbage collection and when the holder was about to let go. */
#ifndef GOAUDIT_RELOAD_REAPER_H
#define GOAUDIT_RELOAD_REAPER_H

#include "goaudit.h"

struct guest;
struct reloads;

/* Makes sure that the thread runs; without our lock. */
void reaper_start(struct reloads *rl);

/* Waits for a round when the backlog is long.  Without our lock. */
void reaper_throttle(struct reloads *rl);

/* May a generation more be loaded?  Returns 0, or -1 with dlerror set when more is
 * held than GOAUDIT_HELD allows, also after another round.  Without our lock. */
int reaper_admit(struct reloads *rl, const char *path);

/* Has all retired generations tried, and returns how many of the guest's (NULL:
 * of all) are left; see goaudit_reclaim. */
int reaper_wait(struct reloads *rl, struct guest *guest, int timeout_ms);

/* In a forked child, with core.lock: there is no thread. */
void reaper_forked(struct reloads *rl);

/* Stops the thread; at exit. */
void reaper_finish(struct reloads *rl);

#endif
