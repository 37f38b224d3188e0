/* What the audit module (audit/) offers to a libdlbind in its process: the link map has
 * one keeper.  It is not for others. */
#ifndef DLBIND_AUDITED_H
#define DLBIND_AUDITED_H

#include <link.h>

/* Takes an object of the base namespace out of the link map and puts it back, both with
 * a debugger told of it.
 *
 *   map      not one of the module's guests.
 *   between  is called with arg while the object is out, with ld.so's load lock held:
 *            it must not wait for another thread's dlopen.
 *
 * Lookups by name go on finding the object.  Returns 0; -1, and nothing has been
 * called or changed, when the module does not trust this ld.so or does not find the
 * object.  NULL without the module. */
int goaudit_relist(struct link_map *map, void (*between)(void *), void *arg)
	__attribute__((weak, visibility("default")));

#endif
