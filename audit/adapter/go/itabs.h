/* The runtime library's own itabs in a guest's relocations. */
#ifndef GOAUDIT_ADAPTER_GO_ITABS_H
#define GOAUDIT_ADAPTER_GO_ITABS_H

#include <stdbool.h>

struct adapters;
struct generation;

/* An itab of a library interface and a library type is compared by address, and
 * travels into library variables; the guest must use the library's own one.  After its load,
 * before its inits. */
bool itabs_use_library(struct adapters *ad, struct generation *gen);

#endif
