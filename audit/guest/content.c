#include "guest/content.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/text.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/index.h"
#include "image/image.h"

struct content {
	struct index_link by_hash;
	uint64_t hash[2];
	struct generation *first; /* newest first; never NULL */
	struct image_facts facts;
};

static struct content *find_locked(struct guests *gs, const uint64_t hash[2])
{
	struct index_link *l = index_first(&gs->registry.contents, hash[0]);

	for (; l; l = index_next(l)) {
		struct content *c = INDEX_RECORD(l, struct content, by_hash);

		if (memcmp(c->hash, hash, sizeof c->hash) == 0)
			return c;
	}
	return NULL;
}

static struct content *make_locked(struct guests *gs, const uint64_t hash[2],
				   const struct image_facts *facts)
{
	struct content *c = malloc(sizeof *c);

	if (!c)
		return NULL;
	*c = (struct content){ .facts = *facts };
	memcpy(c->hash, hash, sizeof c->hash);
	index_put(&gs->registry.contents, &c->by_hash, hash[0]);
	return c;
}

void content_join_locked(struct guests *gs, struct generation *gen,
			 const struct image_facts *facts)
{
	struct content *c = find_locked(gs, gen->hash);

	if (!c)
		c = make_locked(gs, gen->hash, facts);
	gen->content = c;
	if (!c)
		return;
	gen->next_same = c->first;
	gen->before_same = &c->first;
	if (c->first)
		c->first->before_same = &gen->next_same;
	c->first = gen;
}

void content_leave_locked(struct guests *gs, struct generation *gen)
{
	struct content *c = gen->content;

	if (!c)
		return;
	gen->content = NULL;
	*gen->before_same = gen->next_same;
	if (gen->next_same)
		gen->next_same->before_same = gen->before_same;
	if (c->first)
		return;
	index_remove(&gs->registry.contents, &c->by_hash);
	free(c);
}

bool content_of(struct guests *gs, const uint64_t hash[2], struct image_facts *facts,
		char *file, size_t size)
{
	const struct content *c;

	pthread_mutex_lock(&gs->core->lock);
	c = find_locked(gs, hash);
	if (c) {
		*facts = c->facts;
		text_copy(file, size, c->first->info->snapshot);
	}
	pthread_mutex_unlock(&gs->core->lock);
	return c;
}
