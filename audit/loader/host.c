#include "loader/host.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cancel.h"
#include "core/core.h"
#include "goaudit.h"
#include "loader/debugger.h"
#include "loader/elf.h"
#include "loader/loader.h"
#include "loader/real.h"
#include "loader/tiny.h"

/* A copy of a vector of n texts, which are copied, too; NULL: no memory, which nobody
 * gives back: the module lives as long as the process. */
static char **copy_texts(char *const *from, size_t n)
{
	char **to = calloc(n + 1, sizeof *to);

	for (size_t i = 0; to && i < n; i++) {
		to[i] = strdup(from[i]);
		if (to[i])
			continue;
		for (char **t = to; *t; t++)
			free(*t);
		free(to);
		return NULL;
	}
	return to;
}

void host_remember(struct host *h, int argc, char **argv)
{
	size_t n = 0;
	char **own;

	h->argv = copy_texts(argv, argc);
	h->argc = h->argv ? argc : 0;
	h->env = argv + argc + 1;
	while (h->env[n])
		n++;
	h->auxv = h->env + n + 1;
	/* getenv in this namespace, ours and that of libraries in it. */
	own = copy_texts(h->env, n);
	if (own)
		environ = own;
}

/* Takes the module's name out of "LD_AUDIT=name:name"; the text of what is left, NULL:
 * nothing, or no memory. */
static char *without_module(const char *entry, const char **module, size_t *length)
{
	char *left = calloc(1, strlen(entry) + 1), *to = left;
	const char *name = strchr(entry, '=') + 1, *slash;
	bool first = true;
	size_t n;

	if (!left)
		return NULL;
	memcpy(to, entry, name - entry);
	to += name - entry;
	for (; *name; name += n + (name[n] == ':')) {
		n = strcspn(name, ":");
		slash = memrchr(name, '/', n);
		slash = slash ? slash + 1 : name;
		if (strncmp(slash, "libgoaudit.so", 13) == 0) {
			*module = name;
			*length = n;
			continue;
		}
		to += sprintf(to, "%s%.*s", first ? "" : ":", (int)n, name);
		first = false;
	}
	if (!first)
		return left;
	free(left);
	return NULL;
}

/* The place of the entry cannot be taken out of the vector: who looks for the kernel's
 * vector counts from here to the first NULL.  So it says something else. */
void host_hide_module(struct host *h)
{
	for (char **e = h->env; *e; e++) {
		const char *module = NULL;
		size_t n = 0;
		char *text;

		if (strncmp(*e, "LD_AUDIT=", 9) != 0)
			continue;
		text = without_module(*e, &module, &n);
		if (!module ||
		    (!text && asprintf(&text, "GOAUDIT_MODULE=%.*s", (int)n, module) < 0))
			continue;
		*e = text;
	}
}

/* The host's functions, found by name. */
static void *find_functions(struct loader *ld, struct host *h)
{
	void *libc = dlmopen(LM_ID_BASE, "libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	int (*set_state)(int, int *);

	if (!libc)
		return NULL; /* a static host: la_* is never called there */
	h->pthread_create = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
				     void *))dlsym(libc, "pthread_create");
	h->cxa_atexit = (int (*)(void (*)(void *), void *, void *))dlsym(libc, "__cxa_atexit");
	h->free = (void (*)(void *))dlsym(libc, "free");
	set_state = (int (*)(int, int *))dlsym(libc, "pthread_setcancelstate");
	if (set_state)
		cancel_set_state = set_state;
	h->register_atfork = (int (*)(void (*)(void), void (*)(void), void (*)(void),
				      void *))dlsym(libc, "__register_atfork");
	/* The program's own, if it has a copy (a COPY relocation). */
	h->environ = dlsym(ld->head, "environ");
	return libc;
}

/* Two threads may be here at once, and find the same; no lock is held meanwhile, for
 * one of them may be in a constructor, with ld.so's. */
void host_init(struct loader *ld)
{
	enum host_state unknown = HOST_UNKNOWN;
	struct host *h = &ld->host, found = { 0 };
	void *libc;

	if (__atomic_load_n(&h->state, __ATOMIC_ACQUIRE) == HOST_KNOWN)
		return;
	real_find(ld);
	libc = find_functions(ld, &found);
	if (!__atomic_compare_exchange_n(&h->state, &unknown, HOST_BEING_SET, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&h->state, __ATOMIC_ACQUIRE) != HOST_KNOWN)
			sched_yield(); /* a few stores */
	} else {
		h->pthread_create = found.pthread_create;
		h->cxa_atexit = found.cxa_atexit;
		h->register_atfork = found.register_atfork;
		h->free = found.free;
		h->environ = found.environ;
		ld->libc = libc;
		ld->base_ret = libc ? elf_find_ret(libc) : NULL;
		tiny_init(ld, debugger_relist, debugger_is_watched);
		__atomic_store_n(&h->state, HOST_KNOWN, __ATOMIC_RELEASE);
		/* Before any handler of the host's, so that theirs run outside of ours
		 * in both directions: they may call dlopen. */
		if (h->register_atfork)
			h->register_atfork(h->handlers->before_fork,
					   h->handlers->after_fork_parent,
					   h->handlers->after_fork_child, NULL);
	}
	if (libc)
		dlclose(libc);
}

void host_begins(struct loader *ld)
{
	bool hooked;

	host_init(ld);
	pthread_mutex_lock(&ld->core->lock);
	hooked = ld->host.hooked;
	pthread_mutex_unlock(&ld->core->lock);
	/* Since a constructor opened a guest, ld.so's own handler has been registered
	 * (csu/libc-start.c), which runs before those that were there: once more, to be
	 * in front of it. */
	if (hooked && ld->host.cxa_atexit)
		ld->host.cxa_atexit(ld->host.handlers->at_exit, NULL, NULL);
}

int host_start_thread(struct loader *ld, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int error;

	/* The host's signals are for the host's threads; SIGURG is how Go
	 * preempts. */
	sigfillset(&all);
	sigdelset(&all, SIGURG);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	error = ld->host.pthread_create(&thread, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

void host_hook(struct loader *ld)
{
	bool first;

	pthread_mutex_lock(&ld->core->lock);
	first = !ld->host.hooked;
	ld->host.hooked = true;
	pthread_mutex_unlock(&ld->core->lock);
	if (!first)
		return;
	if (ld->host.cxa_atexit)
		ld->host.cxa_atexit(ld->host.handlers->at_exit, NULL, NULL);
}
