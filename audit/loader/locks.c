#include "loader/locks.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loader/loader.h"

/* glibc's mutex (sysdeps/nptl/bits/struct_mutex.h), as far as it matters here. */
struct glibc_mutex {
	int lock;
	unsigned int count;
	int owner;
	unsigned int nusers;
	int kind;
};

/* In a transaction this thread holds the load lock and, since glibc 2.35, the
 * lock of the TLS tables (elf/dl-open.c, dl_open_worker), which stands two
 * mutexes behind it (ldsodefs.h: load, write, TLS).  So they are the recursive
 * mutexes in _rtld_global whose owner we are; if more look like it, or in
 * another order, none is believed.  The write lock is the one between them. */
void locks_find(struct loader *ld)
{
	int self = syscall(SYS_gettid);
	const ElfW(Sym) *sym = NULL;
	struct glibc_mutex *found[2] = { NULL, NULL }, *write;
	unsigned n = 0;
	Dl_info info;

	ld->locks.sought = true;
	if (!ld->ldso.ns || !dladdr1(ld->ldso.ns, &info, (void **)&sym, RTLD_DL_SYMENT) || !sym)
		return;
	for (size_t at = 0; at + sizeof(struct glibc_mutex) <= sym->st_size; at += 8) {
		struct glibc_mutex *m = (void *)((char *)ld->ldso.ns + at);

		if (m->owner != self || m->kind != PTHREAD_MUTEX_RECURSIVE || m->lock == 0 ||
		    m->count == 0)
			continue;
		if (n < 2)
			found[n] = m;
		n++;
	}
	if (n == 1 ||
	    (n == 2 && (char *)found[1] - (char *)found[0] == 2 * sizeof(pthread_mutex_t))) {
		ld->locks.owner = &found[0]->owner;
		__atomic_store_n(&ld->locks.load, (pthread_mutex_t *)found[0],
				 __ATOMIC_RELEASE);
		ld->locks.tls = (pthread_mutex_t *)found[1];
		write = (void *)((char *)found[0] + sizeof(pthread_mutex_t));
		if (n == 2 && write->kind == PTHREAD_MUTEX_RECURSIVE)
			ld->locks.write = (pthread_mutex_t *)write;
	}
}

bool locks_load_is_mine(const struct loader *ld, bool if_unknown)
{
	const int *owner = ld->locks.owner;

	if (!owner)
		return if_unknown;
	return __atomic_load_n(owner, __ATOMIC_RELAXED) == syscall(SYS_gettid);
}

pthread_mutex_t *locks_load(const struct loader *ld)
{
	return __atomic_load_n(&ld->locks.load, __ATOMIC_ACQUIRE);
}
