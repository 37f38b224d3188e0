/* A library's life: from its creation to its deletion, and what is done after a change. */
#ifndef DLBIND_LIBRARY_H
#define DLBIND_LIBRARY_H

#include "state.h"

struct library *library_make(const char *name, const struct dlbind_options *o);
int library_destroy(void *handle);
/* For changes: gets and locks it.  NULL with the error set. */
struct library *library_lock(void *handle);
/* Unlocks and puts it, and does what ld.so is needed for; errno stays. */
void library_unlock(struct library *lib);

void library_figures(struct library *lib, struct dlbind_figures *f);

#endif
