/* Unmapping retired Go generations, on a thread of its own.
 *
 * dlclose and dlreload only queue a generation here.  The thread takes all that
 * are queued together: they may hold each other, and they share one stop of
 * the world.  Those in use stay queued and are tried again when another one is
 * retired, when somebody asks (goaudit_reclaim), and, in a bounded share of the
 * time, after a garbage collection and when the holder was about to let go. */
#ifndef GOAUDIT_REAPER_H
#define GOAUDIT_REAPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct generation;
struct goaudit;
struct guest;

/* A queue this long makes the thread that adds to it wait for a round, so that
 * a host that reloads in a loop cannot outrun the reaper. */
#define REAPER_BACKLOG 32

/* All guarded by goaudit.lock. */
struct reaper {
	pthread_cond_t work;			/* what the thread waits for; all else
						 * waits for goaudit.changed */
	struct generation *queue, **tail;	/* retired, oldest first */
	unsigned queued;			/* of them not yet tried */
	bool started, stop;
	uint64_t wanted, done;			/* rounds asked for, and finished */
	/* When a round is due that nobody has asked for: */
	bool collected;				/* Go has collected garbage since the last one */
	unsigned soon;				/* so many in a row ended with a holder that was
						 * about to let go */
	uint64_t spent, ended;			/* the last round's work, and its end; ns */
	unsigned hurry;				/* threads that wait for a round */
};

/* Queues a retired generation and wakes the thread.  With goaudit.lock. */
void reaper_add(struct goaudit *ga, struct generation *gen);

/* Makes sure that the thread runs; without our lock. */
void reaper_start(struct goaudit *ga);

/* Waits for a round when the backlog is long.  Without our lock. */
void reaper_throttle(struct goaudit *ga);

/* May a generation more be loaded?  Returns 0, or -1 with dlerror set when more is
 * held than GOAUDIT_HELD allows, also after another round.  Without our lock. */
int reaper_admit(struct goaudit *ga, const char *path);

/* Has all retired generations tried, and returns how many of the guest's (NULL:
 * of all) are left; see goaudit_reclaim. */
int reaper_wait(struct goaudit *ga, struct guest *guest, int timeout_ms);

/* Asks for another round.  With goaudit.lock. */
void reaper_wake(struct goaudit *ga);

/* Go has collected garbage, and something is held.  Without our lock. */
void reaper_collected(struct goaudit *ga);

/* In a forked child, with goaudit.lock: there is no thread. */
void reaper_forked(struct goaudit *ga);

/* Stops the thread; at exit. */
void reaper_finish(struct goaudit *ga);

#endif
