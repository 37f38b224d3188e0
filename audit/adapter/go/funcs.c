#include "adapter/go/funcs.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "adapter/adapters.h"
#include "adapter/go/gort.h"
#include "adapter/go/library.h"
#include "core/core.h"
#include "go/protocol.h"
#include "goaudit.h"
#include "loader/elf.h"

#define SPARES 512

/* Where the value for this function is, or has to be put. */
static uint64_t **slot_of(const struct funcs *f, uint64_t code)
{
	size_t i = (code * 0x9e3779b97f4a7c15) >> 32;

	for (i &= f->room - 1; f->slots[i] && *f->slots[i] != code;)
		i = (i + 1) & (f->room - 1);
	return &f->slots[i];
}

static bool grow(struct funcs *f)
{
	struct funcs more = { .room = f->room ? 2 * f->room : SPARES };

	more.slots = calloc(more.room, sizeof *more.slots);
	if (!more.slots)
		return false;
	for (size_t i = 0; i < f->room; i++)
		if (f->slots[i])
			*slot_of(&more, *f->slots[i]) = f->slots[i];
	free(f->slots);
	f->slots = more.slots;
	f->room = more.room;
	return true;
}

/* The value for this function; NULL: out of memory.  With core.lock. */
static uint64_t *value_of_locked(struct funcs *f, uint64_t code)
{
	uint64_t **slot;

	if (2 * (f->n + 1) > f->room && !grow(f))
		return NULL;
	slot = slot_of(f, code);
	if (*slot)
		return *slot;
	if (!f->spares) {
		f->spare = calloc(SPARES, sizeof *f->spare);
		if (!f->spare)
			return NULL;
		f->spares = SPARES;
	}
	f->spares--;
	*slot = f->spare++;
	**slot = code;
	f->n++;
	return *slot;
}

static bool stays(struct adapters *ad, uint64_t code)
{
	uintptr_t lo, hi;

	return (elf_range(ad->gort->map, &lo, &hi) && code >= lo && code < hi) ||
	       library_at(ad, code);
}

size_t funcs_lead(struct adapters *ad, const struct go_register *guest, uint64_t *const *words,
		  size_t n)
{
	size_t led = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t code = *(const uint64_t *)*words[i], *value;

		if (code - guest->lo < guest->hi - guest->lo || !stays(ad, code))
			continue;
		pthread_mutex_lock(&ad->core->lock);
		value = value_of_locked(&ad->gort->funcs, code);
		pthread_mutex_unlock(&ad->core->lock);
		if (!value)
			break;
		*words[i] = (uintptr_t)value;
		led++;
	}
	return led;
}
