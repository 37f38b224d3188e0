/* Which functions are ours: whose calls by the host come to us. */
#ifndef GOAUDIT_API_TARGETS_H
#define GOAUDIT_API_TARGETS_H

#include <link.h>

#include "loader/redirect.h"

struct goaudit;

struct target {
	struct redirection redirection;
	void *entry; /* ours */
	void **real; /* the host's; NULL: the function exists only here */
};

/* NULL: none of ours. */
const struct target *targets_find(const char *name);

/* la_objopen: an object's references to them, and those that its language's adapter has
 * turned (struct adapter, redirect). */
void targets_redirect(struct goaudit *ga, const struct link_map *map);

#endif
