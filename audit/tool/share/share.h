/* Sharing packages between a program and its guests: goaudit build's part, which tells
 * goaudit toolexec by the environment, and toolexec's, at the link.
 *
 *	GOAUDIT_SHARE		which packages: patterns with commas (link.h); not set: none
 *	GOAUDIT_SHARE_ASKED	"yes": by the user; without, a library that cannot be made
 *				is none
 *	GOAUDIT_SHARE_ORDER	the workspace's file (library.h)
 *	GOAUDIT_PACKAGES	the folder of libraries
 *	GOAUDIT_TELL		"FD tty" or "FD pipe": tell.h */
#ifndef GOAUDIT_TOOL_SHARE_SHARE_H
#define GOAUDIT_TOOL_SHARE_SHARE_H

#include "tool/base/text.h"
#include "tool/runtime/runtime.h"

/* What a build shares, as asked by -share (NULL: it is not given) and with these flags of
 * go build's: entries NAME=VALUE for go's environment, none where it is to
 * share nothing.  0, or a status after a message. */
int share_prepare(const struct tool *t, const struct runtime *rt, const char *asked,
		  const struct list *flags, struct list *env);

/* For the identity of links: what they share, and the libraries that are there. */
char *share_identity(void);

/* In toolexec, before a link: makes what libraries it needs, and has it use them.
 * *argv is replaced.  0, or a status after a message. */
int share_link(char ***argv);

#endif
