/* Which calls of the host come to us, and by which way.
 *
 * When ld.so has mapped an object and not yet relocated it (la_objopen), its
 * relocations against the functions below are turned into IRELATIVE ones, whose
 * resolver names our entry.  That covers every kind of caller alike: lazy and
 * immediate PLT slots, GOT slots of -fno-plt code, addresses in data, and the
 * constructors of objects opened later; ld.so then stores the entry's address
 * once, and no call costs anything.  la_symbind64 is not exported on purpose:
 * its mere presence makes glibc keep l_reloc_result tables that it never frees
 * (2.36: 32 bytes a PLT slot and dlopen).
 *
 * In a Go guest the constructor's call of runtime.addmoduledata is turned too:
 * the module goes onto the runtime's list when it is initialised (gort.h).
 *
 * A program or library that defines dlopen itself keeps its place: callers are
 * bound to it as before, and it comes to us when it asks dlsym for the next one. */
#ifndef GOAUDIT_INTERCEPT_H
#define GOAUDIT_INTERCEPT_H

#include <dlfcn.h>
#include <link.h>

struct goaudit;

/* The host's own functions.  Set when the first object that calls them is
 * relocated; read by arch_*.S. */
extern void *intercept_real_dlopen, *intercept_real_dlmopen,
	*intercept_real_dlclose, *intercept_real_dlsym, *intercept_real_dlvsym,
	*intercept_real_dlerror, *intercept_real_dladdr, *intercept_real_dladdr1,
	*intercept_real_dlinfo, *intercept_real_thread_atexit;

/* Turns an object's references.  From la_objopen only. */
void intercept_object(struct goaudit *ga, const struct link_map *map);

/* Finds those of the host's functions that nobody has asked for so far.  From
 * la_preinit, and again at need: an IFUNC's resolver runs before. */
void intercept_find_real(struct goaudit *ga);

/* dlopen in the name of the object that `caller` lies in; its dlerror is the
 * host's own. */
void *intercept_dlopen_as(struct goaudit *ga, const char *file, int mode,
			  const void *caller);

#endif
