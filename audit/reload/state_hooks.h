/* State that a guest's generation hands over to the next one (dlreload(3)). */
#ifndef GOAUDIT_RELOAD_STATE_HOOKS_H
#define GOAUDIT_RELOAD_STATE_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

struct generation;
struct reloads;

/* Has `old` save its state and `gen`, which is initialised, load it.  Without both
 * of goaudit_save and goaudit_load nothing happens.  Returns false, with dlerror
 * set, if one of them refuses.  Both are foreign code: without locks. */
bool state_hooks_run(struct reloads *rl, const struct generation *old,
		     const struct generation *gen);

/* What a build says of the hook of its that has failed, "" or "TEXT: ": of
 * goaudit_state_error.  Foreign code: without locks. */
void state_hooks_reason(struct reloads *rl, const struct generation *gen, char *out,
			size_t size);

#endif
