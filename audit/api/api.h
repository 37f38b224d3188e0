/* The functions that the host calls directly: goaudit.h's, and those of dlfcn.h
 * whose answers must agree with what we do.  They are C functions of the same
 * signature; reference: dlfcn.h, goaudit.h. */
#ifndef GOAUDIT_API_API_H
#define GOAUDIT_API_API_H

#include <dlfcn.h>

#include "dlbind.h"
#include "goaudit.h"

char *api_dlerror(void);
int api_dladdr(const void *address, Dl_info *info);
int api_dladdr1(const void *address, Dl_info *info, void **extra, int flags);
int api_dlinfo(void *handle, int request, void *arg);

/* __cxa_thread_atexit_impl (glibc, stdlib/cxa_thread_atexit_impl.c): a C++
 * thread_local's destructor is registered for the object that `dso` lies in. */
int api_thread_atexit(void (*destructor)(void *), void *object, void *dso);

#endif
