/* Names. */
#ifndef DLBIND_SYMBOLS_H
#define DLBIND_SYMBOLS_H

#include "state.h"

int symbols_init(struct library *lib);
int symbols_bind(struct library *lib, const struct dlbind_symbol *s);
int symbols_unbind(struct library *lib, const char *name, const char *version);
bool symbols_in(struct arena *a, uint32_t start, uint32_t end);
bool symbols_at(struct arena *a, uintptr_t address, Elf64_Sym *found);
int symbols_back_strings(struct library *lib, uint32_t end);
/* The retired ones: before and after a grace period. */
bool symbols_want_grace(const struct library *lib);
void symbols_begin_grace(struct library *lib);
void symbols_end_grace(struct library *lib);

#endif
