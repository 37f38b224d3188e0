/* A guest build's own folder.
 *
 * go build -linkshared writes into its -pkgdir: it installs packages and a
 * relinked libstd.so there.  So it gets a folder of hard links to the runtime
 * library's packages, which no other build uses at the same time: nothing of the
 * library itself can change, and guests can be built in parallel. */
#ifndef GOAUDIT_TOOL_VIEW_H
#define GOAUDIT_TOOL_VIEW_H

#include "tool/runtime/runtime.h"

struct view {
	char *dir;      /* CACHE/tmp/KEY.N */
	char *pkg;      /* DIR/pkg, for -pkgdir */
	char *lib;      /* DIR/pkg/libstd.so: what guests are linked with */
	char *work;     /* DIR/work, for GOTMPDIR: hard links need one file system;
				 * empty before and after */
	char *complete; /* DIR/complete */
	int lock;       /* held on DIR while the build runs */
	bool kept;      /* for later builds */
};

int view_open(struct tool *t, const struct runtime *rt, struct view *v);

/* Leaves the folder to the next build, or removes it where something in it differs
 * from the library. */
void view_close(const struct runtime *rt, struct view *v);

/* Removes what killed builds have left, what has not been used for a day, and
 * the folders of libraries that are gone. */
void view_sweep(struct tool *t);

/* A package of std that the build compiled anew: its import path (to be
 * freed), NULL if there is none. */
char *view_changed(const struct runtime *rt, const struct view *v);

#endif
