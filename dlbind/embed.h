/* For programs that link libdlbind.a into something that is not the program: an
 * auditor, which has a namespace and a loader interface of its own.  The shared
 * library does not export these. */
#ifndef DLBIND_EMBED_H
#define DLBIND_EMBED_H

#include <stdbool.h>

/* How ld.so is called, with dlopen's, dlclose's and dlerror's meaning.  The objects
 * have to come into the namespace that the libraries are for. */
struct dlbind_loader {
	void *(*open)(const char *path, int mode);
	int (*close)(void *handle);
	char *(*error)(void);
};

/* Before the first library; not thread-safe. */
void dlbind_use_loader(const struct dlbind_loader *loader);

/* dlreload in two parts, for who has a dlreload of his own. */
bool dlbind_owns(void *library);
int dlbind_notify(void *library);

#endif
