/* Public records (goaudit-debug.h), written under a sequence count, so that another process
 * can read them at any time. */
#ifndef GOAUDIT_GUEST_RECORDS_H
#define GOAUDIT_GUEST_RECORDS_H

#include <stdint.h>

#include "goaudit.h"

extern struct goaudit_debug goaudit_debug;

void records_init(struct goaudit_generation *records);
struct goaudit_generation *records_at(uint32_t index);

/* Around every change of a record or of goaudit_debug; with core.lock. They
 * do not nest. */
void records_begin_locked(void);
void records_end_locked(void);

const char *records_state_name(uint32_t state);

/* A debugger's place to stop: called after each change, with core.lock. */
void goaudit_debug_event(void);

#endif
