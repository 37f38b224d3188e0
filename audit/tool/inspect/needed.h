/* What ld.so would load with an image, and what an inspection keeps from image to
 * image. */
#ifndef GOAUDIT_TOOL_INSPECT_NEEDED_H
#define GOAUDIT_TOOL_INSPECT_NEEDED_H

#include "tool/inspect/object.h"
#include "tool/inspect/report.h"

#define INSPECT_OBJECTS_MAX 256 /* in a set of dependencies */

/* What ld.so would load, in its order: [0] is the object itself. */
struct closure {
	struct object *object[INSPECT_OBJECTS_MAX];
	size_t n;
	struct list missing; /* "NAME (needed by NAME)" */
	bool cut;            /* more than the limit */
};

struct inspector {
	const char *cache;   /* goaudit's; NULL: not to be looked in */
	struct object *host; /* --host; NULL: none */
	struct closure host_closure;
	struct object *runtime; /* --runtime; NULL: none */
	struct object *kept;    /* the Go runtime library seen last: it has 60 MB, and
				 * every guest leads to it */
	bool files;             /* other files may be opened: dependencies, runtimes */
	struct list ld_cache;   /* "NAME", "PATH", ... of ldconfig -p */
	bool ld_cache_read;
	char *first_guest; /* of those inspected so far: path, and its hash */
	uint8_t first_hash[IMAGE_HASH_MAX];
	unsigned first_hash_len;
};

/* object_open for a library that another one leads to: opened once, if it is
 * the Go runtime library. */
struct object *object_share(struct inspector *in, const char *path);

void closure_open(struct inspector *in, struct object *o, struct closure *c);
void closure_preload(struct inspector *in, struct closure *c, const char *list);
void closure_close(struct closure *c);         /* but for [0] */
uint64_t closure_tls(const struct closure *c); /* TLS of all but [0], with alignment */

void inspect_missing(const struct closure *c, struct report *r);

#endif
