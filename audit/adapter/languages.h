/* The languages that there is an adapter for, and what is asked of all of them. */
#ifndef GOAUDIT_ADAPTER_LANGUAGES_H
#define GOAUDIT_ADAPTER_LANGUAGES_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>

#include "goaudit.h"

struct adapter;
struct adapters;
struct generation;
struct image_facts;
struct redirection;

void languages_start(struct adapters *ad);

/* The adapter of an image's language: never NULL. */
const struct adapter *languages_find(const struct image_facts *facts);

/* A new generation is of the image's language.  With core.lock. */
void languages_take_locked(struct generation *gen, const struct image_facts *facts);

/* Is an open file a guest of a language whose guests are always ours? */
bool languages_claim(struct adapters *ad, int fd);

/* Does a runtime run here whose generations the reaper takes out? */
bool languages_reaped(const struct adapters *ad);

/* la_objopen, after reload_mapped. */
void languages_mapped(struct adapters *ad, const struct link_map *map);

/* la_objsearch, LA_SER_ORIG: the path of what a generation needs; NULL: ld.so goes on. */
const char *languages_search(struct adapters *ad, const struct link_map *requester,
			     const char *name);

/* Is code at this address a runtime's, whose questions after objects are about ld.so's handles
 * and names (struct adapter, is_runtime)?  Cheap while there is none. */
bool languages_asks_loader(struct adapters *ad, const void *caller);

/* Whose references an object's are, for languages_redirect: NULL: no language asks. */
const struct adapter *languages_of_object(const struct generation *gen,
					  const struct link_map *map);

int languages_stats(struct adapters *ad, struct goaudit_runtime *out, int collect);
size_t languages_last_panic(struct adapters *ad, char *text, size_t size);

/* In a forked child, with core.lock. */
void languages_forked(struct adapters *ad);

#endif
