/* The entries that the host's calls of dlopen and its kin are pointed at (dlcalls_*.S). */
#ifndef GOAUDIT_API_DLCALLS_H
#define GOAUDIT_API_DLCALLS_H

#include <stdint.h>

#include "goaudit.h"

/* Answer of a decide_* function: what the entry in dlcalls_*.S is to do. */
struct decision {
	uint64_t ours;  /* 0: jump to the real function */
	uint64_t value; /* otherwise: return this */
};

extern char entry_dlopen[], entry_dlmopen[], entry_dlclose[], entry_dlsym[], entry_dlvsym[];

#define NOT_OURS ((struct decision){ 0, 0 })
#define OURS(v)  ((struct decision){ 1, (uint64_t)(v) })

#endif
