/* Whose symbols a Go guest is bound to.
 *
 * Guests are linked with -Bno-symbolic, so that what the runtime library
 * defines as well (types, itabs) is one thing in the whole process.  The price:
 * where another Go object is in the global scope, a Go host or a guest opened
 * with RTLD_GLOBAL, its main.main, main.init and every package that it shares
 * with the guest would take the place of the guest's own.  So in such a process
 * the guest's definitions are made hidden, as far as the runtime library has
 * none of that name, which binds references in the guest to the guest. */
#ifndef GOAUDIT_ADAPTER_GO_BINDING_H
#define GOAUDIT_ADAPTER_GO_BINDING_H

#include <link.h>

struct adapters;
struct generation;

/* See struct adapter, mapped. */
void binding_bind(struct adapters *ad, struct generation *gen, const struct link_map *map);

#endif
