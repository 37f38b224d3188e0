/* A guest's module enters the runtime, and its words are led to types and itabs that stay. */
#ifndef GOAUDIT_ADAPTER_GO_TYPES_H
#define GOAUDIT_ADAPTER_GO_TYPES_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct adapters;
struct go_register;

/* Registers a loaded object's module, before its inits.  Types and itabs are compared by
 * address, and values of them travel: its relocated words that lead to its own are pointed
 * to those of modules that stay, where there are such.  What ld.so has protected is writable
 * meanwhile.  `request` has the mapping, the module, and what the caller knows of libraries;
 * the rest is filled in, with the verdict.  Returns false, with errno set and nothing
 * registered, if that is not possible.  Without locks. */
bool types_register(struct adapters *ad, const struct link_map *map,
		    struct go_register *request);

/* The text of the build information in a Go object that goaudit's linker has made, and its
 * size; 0 if there is none. */
uint64_t types_modinfo(const struct link_map *map, uint64_t *size);

#endif
