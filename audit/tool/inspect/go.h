/* The Go runtime that an image needs or carries. */
#ifndef GOAUDIT_TOOL_INSPECT_GO_H
#define GOAUDIT_TOOL_INSPECT_GO_H

#include "tool/inspect/needed.h"

void inspect_go_guest(struct inspector *in, struct object *o, struct report *r);
void inspect_go_runtimes(const struct inspector *in, const struct object *o,
			 const struct closure *c, struct report *r);

/* Can the guest's package libraries be in one process with the host's? */
void inspect_go_packages(const struct inspector *in, const struct closure *c, struct report *r);

#endif
