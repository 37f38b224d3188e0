#include "core/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#include "dlbind.h"
#include "goaudit.h"

#define EXPORT __attribute__((visibility("default")))

/* glibc's own, by the names that it keeps for this (malloc/Versions). */
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t),
	*__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER;

/* A sanitizer has its own. */
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__

EXPORT void *malloc(size_t size)
{
	void *p;

	pthread_mutex_lock(&memory_lock);
	p = __libc_malloc(size);
	pthread_mutex_unlock(&memory_lock);
	return p;
}

EXPORT void *calloc(size_t n, size_t size)
{
	void *p;

	pthread_mutex_lock(&memory_lock);
	p = __libc_calloc(n, size);
	pthread_mutex_unlock(&memory_lock);
	return p;
}

EXPORT void *realloc(void *old, size_t size)
{
	void *p;

	pthread_mutex_lock(&memory_lock);
	p = __libc_realloc(old, size);
	pthread_mutex_unlock(&memory_lock);
	return p;
}

EXPORT void free(void *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&memory_lock);
	__libc_free(p);
	pthread_mutex_unlock(&memory_lock);
}

EXPORT void *memalign(size_t alignment, size_t size)
{
	void *p;

	pthread_mutex_lock(&memory_lock);
	p = __libc_memalign(alignment, size);
	pthread_mutex_unlock(&memory_lock);
	return p;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

EXPORT int posix_memalign(void **p, size_t alignment, size_t size)
{
	int saved = errno;
	void *made;

	if (alignment % sizeof(void *) || !alignment || (alignment & (alignment - 1)))
		return EINVAL;
	made = memalign(alignment, size);
	errno = saved;
	if (!made)
		return ENOMEM;
	*p = made;
	return 0;
}

#endif
