/* Memory of a library's file. */
#ifndef DLBIND_BACKING_H
#define DLBIND_BACKING_H

#include "state.h"

/* Gives pages of the file memory, so that touching them cannot raise SIGBUS.
 * -1 with the error set. */
int backing_add(struct library *lib, size_t offset, size_t bytes);
/* Gives the memory of the whole pages in the range back. */
void backing_remove(struct library *lib, size_t offset, size_t bytes);

#endif
