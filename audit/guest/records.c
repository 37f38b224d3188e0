#include "guest/records.h"

#include <stdint.h>

#include "goaudit-debug.h"
#include "goaudit.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT struct goaudit_debug goaudit_debug = {
	.magic = GOAUDIT_DEBUG_MAGIC,
	.version = GOAUDIT_DEBUG_VERSION,
	.size = sizeof(struct goaudit_debug),
	.record_size = sizeof(struct goaudit_generation),
};

EXPORT __attribute__((noinline)) void goaudit_debug_event(void)
{
	__asm__ volatile("");
}

void records_init(struct goaudit_generation *records)
{
	goaudit_debug.generations = (uintptr_t)records;
}

struct goaudit_generation *records_at(uint32_t index)
{
	return (struct goaudit_generation *)(uintptr_t)goaudit_debug.generations + index;
}

void records_begin_locked(void)
{
	__atomic_add_fetch(&goaudit_debug.sequence, 1, __ATOMIC_SEQ_CST);
}

void records_end_locked(void)
{
	goaudit_debug.changes++;
	__atomic_add_fetch(&goaudit_debug.sequence, 1, __ATOMIC_SEQ_CST);
	goaudit_debug_event();
}

const char *records_state_name(uint32_t state)
{
	static const char *const names[] = {
		[GOAUDIT_FREE] = "free",
		[GOAUDIT_LOADING] = "loading",
		[GOAUDIT_INITIALISING] = "initialising",
		[GOAUDIT_OPEN] = "open",
		[GOAUDIT_PARKED] = "parked",
		[GOAUDIT_SUPERSEDED] = "superseded",
		[GOAUDIT_RETIRED] = "retired",
		[GOAUDIT_GONE] = "gone",
	};

	return state < sizeof names / sizeof *names ? names[state] : "?";
}
