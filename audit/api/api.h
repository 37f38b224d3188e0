/* The functions that the host calls directly: goaudit.h's, and those of dlfcn.h
 * whose answers must agree with what we do.  They are C functions of the same
 * signature; reference: dlfcn.h, goaudit.h. */
#ifndef GOAUDIT_API_API_H
#define GOAUDIT_API_API_H

#include <dlfcn.h>
#include <pthread.h>

#include "dlbind.h"
#include "goaudit.h"

char *api_dlerror(void);
int api_dladdr(const void *address, Dl_info *info);
int api_dladdr1(const void *address, Dl_info *info, void **extra, int flags);
int api_dlinfo(void *handle, int request, void *arg);

/* __cxa_thread_atexit_impl (glibc, stdlib/cxa_thread_atexit_impl.c): a C++
 * thread_local's destructor is registered for the object that `dso` lies in. */
int api_thread_atexit(void (*destructor)(void *), void *object, void *dso);

/* These are the host's own but where a guest is concerned (reload/registered.h). */
int api_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int api_pthread_key_delete(pthread_key_t key);
int api_cxa_atexit(void (*function)(void *), void *object, void *dso);
int api_on_exit(void (*function)(int, void *), void *arg);

int api_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
		       void *arg);

#endif
