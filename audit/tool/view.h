/* A guest build's own folder.
 *
 * go build -linkshared writes into its -pkgdir: it installs packages and a
 * relinked libstd.so there.  So it gets a folder of hard links to the runtime
 * library's packages, made for this one build: nothing of the library itself
 * can change, and guests can be built at the same time. */
#ifndef GOAUDIT_TOOL_VIEW_H
#define GOAUDIT_TOOL_VIEW_H

#include "runtime.h"

struct view {
	char *dir;		/* CACHE/tmp/build.XXXXXX */
	char *pkg;		/* DIR/pkg, for -pkgdir */
	char *lib;		/* DIR/pkg/libstd.so: what guests are linked with */
	char *work;		/* DIR/work, for GOTMPDIR: hard links need one file system */
	int lock;		/* held on DIR while the build runs */
};

int view_open(struct tool *t, const struct runtime *rt, struct view *v);
void view_close(struct view *v);

/* A package of std that the build compiled anew: its import path (to be
 * freed), NULL if there is none. */
char *view_changed(const struct runtime *rt, const struct view *v);

#endif
