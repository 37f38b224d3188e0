/* The records that others read: goaudit-debug.h's side of the registry. */
#ifndef GOAUDIT_JOURNAL_H
#define GOAUDIT_JOURNAL_H

#include <stdint.h>

#include "goaudit-debug.h"

extern struct goaudit_debug goaudit_debug;

void journal_init(struct goaudit_generation *records);
struct goaudit_generation *journal_record(uint32_t index);

/* Around every change of a record or of goaudit_debug; with goaudit.lock. They
 * do not nest. */
void journal_begin(void);
void journal_end(void);

const char *journal_state_name(uint32_t state);

/* A debugger's place to stop: called after each change, with goaudit.lock. */
void goaudit_debug_event(void);

#endif
