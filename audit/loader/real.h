/* The host's own functions, past all that is redirected to us. */
#ifndef GOAUDIT_LOADER_REAL_H
#define GOAUDIT_LOADER_REAL_H

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "dlbind.h"

struct loader;

typedef int real_thread_atexit_function(void (*destructor)(void *), void *object, void *dso);
typedef int real_atexit_function(void (*function)(void *), void *arg, void *dso);

/* Set when the first object that calls them is relocated; read by api/dlcalls_*.S. */
extern __typeof__(dlopen) *real_dlopen;
extern __typeof__(dlmopen) *real_dlmopen;
extern __typeof__(dlclose) *real_dlclose;
extern __typeof__(dlsym) *real_dlsym;
extern __typeof__(dlvsym) *real_dlvsym;
extern __typeof__(dlerror) *real_dlerror;
extern __typeof__(dladdr) *real_dladdr;
extern __typeof__(dladdr1) *real_dladdr1;
extern __typeof__(dlinfo) *real_dlinfo;
extern __typeof__(pthread_create) *real_pthread_create;
extern __typeof__(pthread_key_create) *real_pthread_key_create;
extern __typeof__(pthread_key_delete) *real_pthread_key_delete;
extern __typeof__(pthread_setspecific) *real_pthread_setspecific;
extern __typeof__(on_exit) *real_on_exit;
extern real_atexit_function *real_cxa_atexit;           /* __cxa_atexit */
extern real_thread_atexit_function *real_thread_atexit; /* __cxa_thread_atexit_impl */

/* Finds those of them that nobody has asked for so far.  From la_preinit, and again at
 * need: an IFUNC's resolver runs before. */
void real_find(struct loader *ld);

/* Drops the text that the host's dlerror would return next. */
void real_forget_error(void);

/* dlopen in the name of the object that `caller` lies in; its dlerror is the
 * host's own. */
void *real_dlopen_as(struct loader *ld, const char *file, int mode, const void *caller);

/* For arch_call_as: a return instruction in the object that `caller` lies in. */
const void *real_ret_in_caller(struct loader *ld, const void *caller);

/* Is it the C library? */
bool real_is_libc(const struct link_map *map);

#endif
