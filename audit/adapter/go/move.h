/* Package variables, by the DWARF of both builds (image/compare/move_plan.h) and the runtime's
 * mover (go/overlay/runtime/_move/goaudit_move.go). */
#ifndef GOAUDIT_ADAPTER_GO_MOVE_H
#define GOAUDIT_ADAPTER_GO_MOVE_H

struct adapters;
struct generation;

/* See move_variables in reload/move.h. */
int go_move(struct adapters *ad, const struct generation *old, const struct generation *new,
	    const char *const *names);

#endif
