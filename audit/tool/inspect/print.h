/* Reports as text and as JSON. */
#ifndef GOAUDIT_TOOL_INSPECT_PRINT_H
#define GOAUDIT_TOOL_INSPECT_PRINT_H

#include "tool/inspect/report.h"

void report_print(const struct report *r, bool colour);
void report_json(const struct report *r, bool first);

#endif
