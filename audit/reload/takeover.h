/* What comes between a generation's load and its turn: its initialisers, and what the old one
 * hands over to it. */
#ifndef GOAUDIT_RELOAD_TAKEOVER_H
#define GOAUDIT_RELOAD_TAKEOVER_H

#include <stdbool.h>

struct job;

/* Initialises a loaded generation, and has it take over what is to move.  Returns whether it
 * may become the current one; if not, dlerror is set.  Without locks. */
bool takeover_prepare(struct job *job);

/* n jobs that have come so far: the new generations become the current ones, all at one
 * moment, or, where one is not good, are all taken back.  Without locks. */
void takeover_end(struct job *const *jobs, unsigned n, bool good);

#endif
