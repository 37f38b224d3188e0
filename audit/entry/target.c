#include "entry/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "entry/entries.h"
#include "goaudit.h"
#include "guest/guests.h"

/* Of the generation, taken for it if need be.  NULL: all are taken. */
static struct call_slot *target_slot(struct entries *es, struct generation *gen)
{
	unsigned n = es->taken;

	if (gen->entered)
		return &es->slot[gen->slot];
	while (n < CALL_SLOT_NONE && es->slot[n].of)
		n++;
	if (n == CALL_SLOT_NONE)
		return NULL;
	if (n >= es->slots)
		__atomic_store_n(&es->slots, n + 1, __ATOMIC_RELEASE);
	es->slot[n].of = gen;
	es->taken = n + 1;
	gen->slot = n;
	gen->entered = true;
	return &es->slot[n];
}

struct target_table *target_take_locked(struct entries *es, struct generation *gen, uint32_t n)
{
	struct call_slot *slot = target_slot(es, gen);
	struct target_table **p, *t;
	uint32_t size = 4;

	while (size < TARGET_SIZES && n > 1u << size)
		size++;
	if (!slot || size >= TARGET_SIZES)
		return NULL;
	for (p = &slot->free; *p && (*p)->size != size;)
		p = &(*p)->next;
	t = *p;
	if (t) {
		*p = t->next;
	} else {
		t = calloc(1, sizeof *t + (sizeof(void *) << size));
		if (!t)
			return NULL;
		t->size = size;
		t->slot = offsetof(struct entry_thread, calls) +
			  gen->slot * sizeof(struct call_count);
	}
	t->n = n;
	return t;
}

void target_give_locked(struct entries *es, struct target_table *t)
{
	struct call_slot *slot;

	if (!t)
		return;
	slot = &es->slot[(t->slot - offsetof(struct entry_thread, calls)) /
			 sizeof(struct call_count)];
	t->next = slot->free;
	slot->free = t;
}

void target_publish_locked(struct entries *es, struct guest_entries *d, struct target_table *t,
			   struct generation *of)
{
	struct target_table *old = d->table;

	t->next = of->tables;
	of->tables = t;
	d->table = t;
	for (struct entrylib_chunk *c = d->chunks; c; c = c->next)
		__atomic_store_n(c->table, t, __ATOMIC_SEQ_CST);
	if (!d->of)
		target_give_locked(es, old); /* its generation is gone */
	d->of = of;
}
