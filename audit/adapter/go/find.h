/* Which Go runtime library: the one that is loaded, or the one to load. */
#ifndef GOAUDIT_ADAPTER_GO_FIND_H
#define GOAUDIT_ADAPTER_GO_FIND_H

#include <link.h>

struct adapters;
struct gort;
struct image_facts;

/* A runtime that the host brought itself (a Go program linked with
 * -linkshared): fills rt's map, path and hash.  0 also when there is none; -1
 * with dlerror set when there is one that cannot be used. */
int find_loaded(struct adapters *ad, struct gort *rt);

/* The library that a guest was linked against, by its ABI hash: in the guest's
 * RUNPATH, then in the cache that `goaudit runtime` fills.  Fills rt's path and
 * hash.  -1 with dlerror set when there is none. */
int find_file(struct adapters *ad, const struct image_facts *facts, const char *guest_path,
	      struct gort *rt);

/* A guest needs a library by this name.  Returns the path of the runtime that runs, or
 * NULL: it is not that. */
const char *find_needed(struct adapters *ad, const char *name);

#endif
