/* COPY relocations, and symbols that a host captures. */
#ifndef GOAUDIT_TOOL_INSPECT_HOST_H
#define GOAUDIT_TOOL_INSPECT_HOST_H

#include "tool/inspect/needed.h"

void inspect_copies(struct object *program, const struct closure *c, struct report *r);
void inspect_captured(struct inspector *in, struct object *o, struct report *r);

#endif
