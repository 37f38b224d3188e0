/* State that a guest's generation hands over to the next one (dlreload(3)). */
#ifndef GOAUDIT_HANDOVER_H
#define GOAUDIT_HANDOVER_H

#include <stdbool.h>

struct generation;
struct goaudit;

/* Has `old` save its state and `gen`, which is initialised, load it.  Without both
 * of goaudit_save and goaudit_load nothing happens.  Returns false, with dlerror
 * set, if one of them refuses.  Both are foreign code: without locks. */
bool handover(struct goaudit *ga, const struct generation *old,
	      const struct generation *gen);

#endif
