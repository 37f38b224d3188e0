/* Which Go runtime library: the one that is loaded, or the one to load. */
#ifndef GOAUDIT_GORT_FIND_H
#define GOAUDIT_GORT_FIND_H

struct goaudit;
struct gort;
struct image_facts;

/* A runtime that the host brought itself (a Go program linked with
 * -linkshared): fills rt's map, path and hash.  0 also when there is none; -1
 * with dlerror set when there is one that cannot be used. */
int gort_find_loaded(struct goaudit *ga, struct gort *rt);

/* The library that a guest was linked against, by its ABI hash: in the guest's
 * RUNPATH, then in the cache that `goaudit runtime` fills.  Fills rt's path and
 * hash.  -1 with dlerror set when there is none. */
int gort_find_file(struct goaudit *ga, const struct image_facts *facts,
		   const char *guest_path, struct gort *rt);

#endif
