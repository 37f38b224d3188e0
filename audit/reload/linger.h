/* Generations that have been closed and are not out.
 *
 * Our dlclose gives our reference back; ld.so unmaps an object when it finds no other
 * use for it (elf/dl-close.c, _dl_close_worker).  Such uses are another object that needs
 * it or is bound to it, a reference of somebody else's, RTLD_NODELETE, or a dlclose further
 * up the stack that goes on when we have returned; what threads have in it is ours to count
 * (threads.h).  Until it is out the generation is retired, out of
 * the link map, with all that belongs to it, and its record says who holds it. */
#ifndef GOAUDIT_RELOAD_LINGER_H
#define GOAUDIT_RELOAD_LINGER_H

#include <stdbool.h>
#include <stddef.h>

struct generation;
struct reloads;

/* Who holds a generation: lines of text.  nested: a dlclose is under way above us.  In a
 * transaction, without our lock. */
void linger_name(struct reloads *rl, const struct generation *gen, bool nested, char *out,
		 size_t size);

#endif
