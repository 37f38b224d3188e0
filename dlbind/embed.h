/* For programs that link libdlbind.a into something that is not the program: an
 * auditor, which has a namespace and a loader interface of its own.  The shared
 * library does not export these.  dlbind_relist goes the other way. */
#ifndef DLBIND_EMBED_H
#define DLBIND_EMBED_H

#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>

/* How ld.so is called, with dlopen's, dlclose's and dlerror's meaning.  The objects
 * have to come into the namespace that the libraries are for. */
struct dlbind_loader {
	void *(*open)(const char *path, int mode);
	int (*close)(void *handle);
	char *(*error)(void);
	/* A folder of this process that only this user can enter, for files, without a
	 * slash at its end; NULL: it cannot be made (errno).  Who gives one removes
	 * it at exit and calls dlbind_forking() and dlbind_forked(); the environment is
	 * not read then.  No function: all this is done here. */
	const char *(*folder)(void);
	/* This thread's place of `size` bytes, the same for the thread's life, zero at
	 * first, for the text of its error; NULL: no memory, or there is none yet and none
	 * is to be made.  May be called with libdlbind's locks held, and takes only locks
	 * that come after them.  Given with `folder`: an auditor's libc and the program's
	 * keep the values of their keys (pthread_setspecific(3)) in the same place. */
	void *(*thread_text)(size_t size, bool make);
	/* What dlbind_relist below does; NULL: that one, or libdlbind itself. */
	int (*relist)(struct link_map *map, void (*between)(void *), void *arg);
	/* Does a debugger stop where ld.so reports?  NULL: one that does at r_brk. */
	bool (*watched)(void);
};

/* Before the first library; not thread-safe. */
void dlbind_use_loader(const struct dlbind_loader *loader);

/* Not in libdlbind: who has taken the link map over in this process (an auditor that takes
 * objects out of it, too) defines it, for the list has one keeper.
 *
 * Takes an object of the base namespace out of the link map and puts it back, both with
 * a debugger told of it.
 *
 *   map      a library of dlcreate.
 *   between  is called with arg while the object is out, with ld.so's load lock held:
 *            it must not wait for another thread's dlopen.
 *
 * Lookups by name go on finding the object.  Returns 0; -1, and nothing has been
 * called or changed, when this ld.so is not trusted or the object is not found. */
int dlbind_relist(struct link_map *map, void (*between)(void *), void *arg)
	__attribute__((weak, visibility("default")));

/* Before a fork, and after it in both processes.  False: the fork is in a signal handler, and
 * this thread was interrupted with a lock of the library's; no lock has been taken, and
 * dlbind_forked may be called in the child when dlbind_interrupted(that thread's number in
 * the parent) no longer says so. */
bool dlbind_forking(void);
bool dlbind_interrupted(int tid);
void dlbind_forked(bool child);

/* For dlbind_options.flags: the code stands in a section .plt, for debuggers to step
 * through to what it calls, as they do through a procedure linkage table. */
#define DLBIND_STUBS 0x80000000u

/* Makes the file of the smallest object there is: for who has to open and close
 * one.  0, or -1 with the error set. */
int dlbind_tiny(const char *name, char path[PATH_MAX]);

/* dlreload in two parts, for who has a dlreload of his own. */
bool dlbind_owns(void *library);
int dlbind_notify(void *library);

#endif
