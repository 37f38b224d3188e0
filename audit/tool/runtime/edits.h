/* Pieces of the toolchain's sources that are replaced.
 *
 * A list of edits has blocks: "@ FILE COUNT", then lines that begin with "-" and are looked
 * for in FILE, and lines that begin with "+" and take their place.  They must be found COUNT
 * times; "0+1" is once or not at all.  With a "?" behind the count a release may lack FILE. */
#ifndef GOAUDIT_TOOL_EDITS_H
#define GOAUDIT_TOOL_EDITS_H

#include <stdbool.h>

struct text;

/* A changed source file. */
struct edited {
	struct edited *next;
	char *name; /* below the root */
	char *text;
};

struct edits {
	const char *root; /* folder of the files */
	struct edited *files;
};

/* Makes the edits of the list at `path`.  False, with a message: one does not fit. */
bool edits_make(struct edits *l, const char *path);

/* One file's line of the JSON that go build -overlay reads: `to` stands for `place`. */
void edits_stand_for(struct text *json, const char *place, const char *to);

void edits_free(struct edits *l);

#endif
