/* How an object's references to some functions come to lead elsewhere.
 *
 * When ld.so has mapped an object and not yet relocated it (la_objopen), its
 * relocations against such a function are turned into IRELATIVE ones, whose
 * resolver names the new one.  That covers every kind of caller alike: lazy and
 * immediate PLT slots, GOT slots of -fno-plt code, addresses in data, and the
 * constructors of objects opened later; ld.so then stores the address
 * once, and no call costs anything.  la_symbind64 is not exported on purpose:
 * its mere presence makes glibc keep l_reloc_result tables that it never frees
 * (2.36: 32 bytes a PLT slot and dlopen).
 *
 * A program or library that defines dlopen itself keeps its place: callers are
 * bound to it as before, and it comes to us when it asks dlsym for the next one. */
#ifndef GOAUDIT_LOADER_REDIRECT_H
#define GOAUDIT_LOADER_REDIRECT_H

#include <link.h>
#include <stdbool.h>

struct loader;

struct redirection {
	const char *name;
	void *(*resolver)(void); /* runs inside ld.so, while it relocates an object */
};

/* Where a reference to this name is to lead; NULL: where it does. */
typedef const struct redirection *redirect_find(void *arg, const char *name);

/* Turns an object's references; own: also those to what it defines itself.  From la_objopen
 * only. */
void redirect_object(struct loader *ld, const struct link_map *map, redirect_find *find,
		     void *arg, bool own);

#endif
