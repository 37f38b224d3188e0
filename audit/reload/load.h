/* A snapshot becomes a generation. */
#ifndef GOAUDIT_RELOAD_LOAD_H
#define GOAUDIT_RELOAD_LOAD_H

#include <link.h>

struct job;
struct reloads;

/* la_objopen's part: a generation has been mapped. */
void reload_mapped(struct reloads *rl, struct link_map *map);

/* Loads job->snapshot as the guest's next generation.  In a transaction. */
void load_generation(struct job *job);

#endif
