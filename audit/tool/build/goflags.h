/* The flags of go build, as far as goaudit build has to understand them. */
#ifndef GOAUDIT_TOOL_GOFLAGS_H
#define GOAUDIT_TOOL_GOFLAGS_H

#include "tool/base/text.h"

#include <stdbool.h>

struct goflags {
	struct list flags; /* to pass on, without those below */
	struct list packages;
	char *output;        /* -o; NULL: none given */
	char *dir;           /* -C; NULL: none given */
	char *share;         /* -share; NULL: none given */
	struct list ldflags; /* every -ldflags, as written: [PATTERN=]FLAGS */
	bool dry;            /* -n */
	bool exe;            /* -exe: a program that opens guests */
	bool other_std;      /* a flag that compiles std in another way, which
				 * is harmless: -trimpath, -gcflags=all=... */
};

/* Sorts the arguments of go build (argv[0] not among them), those of GOFLAGS
 * first.  Flags that cannot be are refused with their reason. */
int goflags_parse(struct goflags *g, const char *env, char **argv);
void goflags_free(struct goflags *g);

/* The user's [PATTERN=]FLAGS joined with those a guest needs: RUNPATH `dir`,
 * no -Bsymbolic and, if the linker can, debug information, unless the user says
 * -s or -w.  program: the folder of what a program has more (audit/go/exe), or NULL.
 * NULL, after a message, where its quoting is broken. */
char *goflags_link(const char *user, const char *dir, const char *program, bool debug);

#endif
