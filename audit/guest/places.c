#include "guest/places.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "goaudit.h"
#include "guest/guests.h"

/* Places that have been given back are not taken before there are so many. */
#define PLACES_RESTING 256

static size_t size_of(unsigned area)
{
	return (size_t)PLACES_FIRST << area;
}

static struct guest *fresh(struct places *p)
{
	uint32_t n = p->fresh;
	unsigned area = 0;
	void *memory;

	while (area < PLACES_AREAS && n >= size_of(area))
		n -= size_of(area++);
	if (area == PLACES_AREAS)
		return NULL;
	if (!p->area[area]) {
		memory =
			mmap(NULL, size_of(area) * sizeof(struct guest), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (memory == MAP_FAILED)
			return NULL;
		__atomic_store_n(&p->area[area], (struct guest *)memory, __ATOMIC_RELEASE);
	}
	p->fresh++;
	return &p->area[area][n];
}

struct guest *places_take(struct places *p)
{
	struct guest *g = p->frees < PLACES_RESTING ? fresh(p) : NULL;

	if (g || !p->free)
		return g;
	g = p->free;
	p->free = g->next;
	p->frees--;
	memset(g, 0, sizeof *g);
	return g;
}

void places_give(struct places *p, struct guest *g)
{
	g->path = NULL;
	g->next = NULL;
	if (p->free)
		p->last->next = g;
	else
		p->free = g;
	p->last = g;
	p->frees++;
}

/* The place with that handle, taken or not. */
static struct guest *place_of(const struct places *p, const void *handle)
{
	for (unsigned i = 0; i < PLACES_AREAS; i++) {
		struct guest *area = __atomic_load_n(&p->area[i], __ATOMIC_ACQUIRE);
		uintptr_t at =
			(uintptr_t)handle - (uintptr_t)area - offsetof(struct guest, handle);

		if (!area)
			return NULL;
		if (at < size_of(i) * sizeof *area)
			return at % sizeof *area ? NULL : &area[at / sizeof *area];
	}
	return NULL;
}

struct guest *places_guest(const struct places *p, const void *handle)
{
	struct guest *g = place_of(p, handle);

	return g && g->path ? g : NULL;
}

bool places_has(const struct places *p, const void *handle)
{
	return place_of(p, handle) != NULL;
}
