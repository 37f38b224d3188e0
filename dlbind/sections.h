/* The headers of the file, which follow its growth. */
#ifndef DLBIND_SECTIONS_H
#define DLBIND_SECTIONS_H

#include "state.h"

/* What ld.so must not see: after it has loaded the file.  `table`: the one of hash_visible,
 * here and below. */
void sections_loaded(struct library *lib, const struct hash_table *table);
/* Section sizes follow. */
void sections_update_symbols(struct library *lib, const struct hash_table *table);
void sections_update_arena(struct arena *a);
void sections_update_hash(struct library *lib, const struct hash_table *table);
void sections_update_frames(struct library *lib);
/* A section's index in the file's table, for st_shndx. */
unsigned sections_index(enum arena_kind kind);

#endif
