/* The shared Go runtime libraries in the cache folder.
 *
 *	CACHE/runtime/KEY/libstd.so	the library, read-only
 *	CACHE/runtime/KEY/pkg/		std's packages, for building guests
 *	CACHE/runtime/KEY/overlay/	the overlay's files, as they were built in
 *	CACHE/runtime/KEY/overlay.json	what to pass to go build -overlay
 *	CACHE/runtime/KEY/link		a linker for guests; see linker.h
 *	CACHE/runtime/KEY/stub/libstd.so	a library of its soname without symbols
 *	CACHE/runtime/KEY/complete	written last: without it, KEY is to be redone
 *	CACHE/runtime/by-abi/HEX	symlink to ../KEY: how the audit module finds
 *					the library that a guest was linked against
 *	CACHE/runtime/.KEY.lock		held (flock) by whoever builds or removes KEY
 *	CACHE/headers/			C headers of guests; see tool/build/header.h
 *	CACHE/tmp/KEY.N/		folders for guest builds; see tool/build/pkgdir.h
 *
 * KEY is Go's version and a hash of all that the library is made from. */
#ifndef GOAUDIT_TOOL_RUNTIME_H
#define GOAUDIT_TOOL_RUNTIME_H

#include "tool/base/self.h"

struct runtime {
	char *version; /* "go1.26.8" */
	int minor;     /* 26; of a development version: larger than any */
	char *goroot;
	char *cc;      /* the C compiler, perhaps with arguments */
	char *goflags; /* what the user has set for every build */
	char *key;
	char *dir;          /* CACHE/runtime/KEY */
	char *libstd;       /* DIR/libstd.so */
	char *overlay_json; /* DIR/overlay.json */
	char *abi;          /* its ABI hash in hex; NULL until it is built */
};

void runtime_free(struct runtime *rt);

/* The lock of a key: a descriptor to close, -1 with errno.  Without `wait`
 * EWOULDBLOCK means that somebody else holds it. */
int runtime_lock(const struct tool *t, const char *key, bool wait);

/* The ABI hash that CACHE/runtime/KEY/complete tells; NULL: not complete. */
char *runtime_abi(const char *dir);

/* Was the folder made by runtime_ensure? */
bool runtime_is_ours(const char *dir);

/* The environment for builds of std: nothing of the user's flags, and the
 * toolchain that is asked for, not one that a go.mod prefers. */
#define RUNTIME_ENV 3 /* entries, without the NULL */
extern char *const runtime_env[RUNTIME_ENV + 1];

#endif
