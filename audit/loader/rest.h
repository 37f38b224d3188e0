/* What ld.so leaves mapped of an object that it could not load. */
#ifndef GOAUDIT_LOADER_REST_H
#define GOAUDIT_LOADER_REST_H

/* Unmaps all that is mapped of a file that is no object's and that nobody else maps.  In a
 * transaction. */
void rest_unmap(const char *file);

#endif
