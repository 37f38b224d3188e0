/* Functions with many arguments. */
#ifndef GOAUDIT_TOOL_INSPECT_MANY_ARGUMENTS_H
#define GOAUDIT_TOOL_INSPECT_MANY_ARGUMENTS_H

#include "tool/inspect/object.h"
#include "tool/inspect/report.h"

void inspect_arguments(struct object *o, struct report *r);

#endif
