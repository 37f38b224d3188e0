/* What a Go program does to the thread pointer of whoever enters it. */
#ifndef GOAUDIT_TOOL_INSPECT_THREAD_POINTER_H
#define GOAUDIT_TOOL_INSPECT_THREAD_POINTER_H

#include "tool/inspect/object.h"
#include "tool/inspect/report.h"

void inspect_thread_pointer(struct object *o, struct report *r);

#endif
