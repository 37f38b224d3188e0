/* What ld.so and goaudit's cache mean by a path: of the module and the command alike,
 * so that what the one finds the other finds, too. */
#ifndef GOAUDIT_PATH_H
#define GOAUDIT_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "goaudit.h"

/* In the cache: a folder for each ABI hash, with the Go runtime library that has it. */
#define PATH_BY_ABI "runtime/by-abi"

/* Length of a $ORIGIN or ${ORIGIN} that the text begins with; 0: none.  A longer word,
 * $ORIGINAL, is another one, as in glibc's elf/dl-load.c, is_dst. */
static inline size_t path_origin(const char *text)
{
	char next;

	if (strncmp(text, "${ORIGIN}", 9) == 0)
		return 9;
	if (strncmp(text, "$ORIGIN", 7) != 0)
		return 0;
	next = text[7];
	return (next >= 'A' && next <= 'Z') || (next >= 'a' && next <= 'z') ||
			       (next >= '0' && next <= '9') || next == '_' ?
		       0 :
		       7;
}

/* Length of the folder's name in that of a file. */
static inline size_t path_folder(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? (size_t)(slash - file) : 0;
}

/* The last part of a path. */
static inline const char *path_base(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

/* The first n bytes of text, with each $ORIGIN as the first `len` of origin.  False if
 * they do not fit.  size is not 0. */
static inline bool path_expand(char *out, size_t size, const char *text, size_t n,
			       const char *origin, size_t len)
{
	const char *end = text + n;
	size_t at = 0;

	while (text < end) {
		size_t token = *text == '$' ? path_origin(text) : 0;
		size_t take = token ? len : 1;

		if (size - at <= take)
			return false;
		memcpy(out + at, token ? origin : text, take);
		at += take;
		text += token ? token : 1;
	}
	out[at] = 0;
	return true;
}

/* Adds "/name".  False if it does not fit. */
static inline bool path_add(char *folder, size_t size, const char *name)
{
	size_t at = strlen(folder);

	return (size_t)snprintf(folder + at, size - at, "/%s", name) < size - at;
}

/* The next folder of a list with colons that fits, where $ORIGIN is where the file `of`
 * lies; moves *list behind it.  False at the end. */
static inline bool path_next(const char **list, char *out, size_t size, const char *of)
{
	while (**list) {
		size_t n = strcspn(*list, ":");
		bool good = path_expand(out, size, *list, n, of, path_folder(of));

		*list += n + ((*list)[n] == ':');
		if (good)
			return true;
	}
	return false;
}

/* The cache's folder, by GOAUDIT_CACHE, XDG_CACHE_HOME and HOME; NULL or empty: not set.
 * False if none of them tells, or it does not fit.  A relative XDG_CACHE_HOME is to be
 * ignored (XDG Base Directory Specification). */
static inline bool path_cache(char *out, size_t size, const char *own, const char *xdg,
			      const char *home)
{
	int n = own && *own        ? snprintf(out, size, "%s", own) :
		xdg && *xdg == '/' ? snprintf(out, size, "%s/goaudit", xdg) :
		home && *home      ? snprintf(out, size, "%s/.cache/goaudit", home) :
				     -1;

	return n >= 0 && (size_t)n < size;
}

#endif
