/* What one link of Go's is given: packages, their modules, and who needs whom. */
#ifndef GOAUDIT_TOOL_SHARE_LINK_H
#define GOAUDIT_TOOL_SHARE_LINK_H

#include "tool/base/text.h"

#include <stdbool.h>

#define PACKAGE_ID 32 /* hex digits */

struct go_module {
	char *path, *version;
	bool own; /* the main module, or another one of its workspace */
};

struct package {
	char *path;
	char *file;    /* its archive; NULL: of the standard library */
	char *version; /* its module's, "(devel)" where it has none */
	struct list imports;
	char id[PACKAGE_ID + 1]; /* its content's, and of all that it needs */
	bool main;
	bool shared;              /* to be in a library */
	bool left_out;            /* it is not to be, or needs one that is not */
	bool seen;                /* in a walk */
	const struct library *in; /* the library that has it; NULL: none yet */
};

struct link {
	char *config;   /* the importcfg file */
	char *standard; /* folder of the runtime library that is linked with */
	struct list lines;
	struct package *package;
	size_t n;
	struct go_module *module;
	size_t modules;
};

/* Reads the configuration of the link argv; its archives' contents, and values that -X
 * gives, become IDs.  0, or a status after a message. */
int link_read(struct link *l, char *const *argv);
void link_free(struct link *l);

struct package *link_find(const struct link *l, const char *path);

/* Marks what the comma-separated patterns stand for (deps, or import paths, which may
 * end in "..."), and all that those need; but not what one with a "-" in front stands for,
 * nor what needs that. */
void link_mark(struct link *l, const char *patterns);

#endif
