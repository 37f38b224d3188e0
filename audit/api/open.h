/* From dlopen's arguments to a file, and whether it is ours. */
#ifndef GOAUDIT_API_OPEN_H
#define GOAUDIT_API_OPEN_H

#include <stdbool.h>

struct call;
struct goaudit;

/* A host's dlopen.  Returns false when the call is glibc's: nothing has
 * happened then.  Otherwise *handle is what dlopen returns; on NULL dlerror's
 * text is set. */
bool open_call(struct goaudit *ga, const char *file, int mode, const void *caller,
	       void **handle);

/* la_objsearch's half of a dlopen by bare name: a candidate that ld.so is about
 * to try.  Returns true when ld.so must not load it. */
bool open_watch(struct goaudit *ga, struct call *call, const char *candidate,
		unsigned int flag);

/* See goaudit_open_instance; caller: an address in who calls it. */
void *open_instance(struct goaudit *ga, const char *file, int mode, void *context,
		    const void *caller);

/* The absolute name that a file is known by which is opened so, from malloc; NULL: errno says
 * why not. */
char *open_name(const char *file);

#endif
