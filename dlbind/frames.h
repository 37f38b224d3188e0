/* Unwind tables. */
#ifndef DLBIND_FRAMES_H
#define DLBIND_FRAMES_H

#include "state.h"

int frames_add(struct library *lib, const void *eh_frame, size_t size, void **token);
int frames_remove(struct library *lib, void *token);
bool frames_in(const struct library *lib, uintptr_t from, uintptr_t to);

#endif
