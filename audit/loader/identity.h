/* By what ld.so tells that a file is one that it has loaded: l_file_id of struct link_map,
 * device and inode (elf/dl-load.c, _dl_map_object_from_fd).  Where its place is known, an
 * object can be made one that no file is: then a file under another name, the same one, is
 * loaded once more. */
#ifndef GOAUDIT_LOADER_IDENTITY_H
#define GOAUDIT_LOADER_IDENTITY_H

#include <link.h>
#include <stdbool.h>

struct loader;

/* Learns the place, from an object that has been loaded from this file.  Only in a
 * transaction. */
void identity_learn(struct loader *ld, const struct link_map *map, const char *file);

/* Is it known? */
bool identity_known(const struct loader *ld);

/* The object is no file any more to ld.so, but goes on bearing its name.  Only with the load
 * lock, after it has been mapped. */
void identity_drop(const struct loader *ld, struct link_map *map);

#endif
