/* Package libraries: packages outside of std that guests share, with each other and with a
 * Go host (tool/share/).
 *
 * One is a Go module of its own, over the runtime library and perhaps over other ones.  A
 * program that was linked with it has it from the start, in the global scope; else it comes
 * with the first guest that needs it: opened RTLD_LOCAL, registered with the runtime and
 * initialised, after those that it needs, once.  It stays, as the runtime library does. */
#ifndef GOAUDIT_ADAPTER_GO_LIBRARY_H
#define GOAUDIT_ADAPTER_GO_LIBRARY_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct adapters;
struct go_range;
struct image_facts;

/* Makes those libraries be there that a guest was linked against.  Before anything is
 * mapped it is seen whether they can be in this process together with what there is.
 * Returns 0, or -1 with dlerror set.  The runtime runs.  Without locks. */
int library_ensure(struct adapters *ad, const struct image_facts *facts,
		   const char *guest_path);

/* The library that an address lies in; NULL: none. */
struct link_map *library_at(struct adapters *ad, uint64_t address);

/* Adds the libraries that an object needs, and those that these need, to the n that are in
 * `out`, which has room for LIBRARIES_NEEDED; returns how many are there now.  Without locks. */
#define LIBRARIES_NEEDED 64
unsigned library_needed(struct adapters *ad, const struct link_map *map, struct go_range *out,
			unsigned n);

/* Is it a library that is being opened by this thread?  See struct adapter, is_runtime. */
bool library_is_coming(const struct link_map *map);

#endif
