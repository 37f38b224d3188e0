/* The layer that knows ld.so and the host's libc: objects, not guests. */
#ifndef GOAUDIT_LOADER_LOADER_H
#define GOAUDIT_LOADER_LOADER_H

#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dlbind.h"
#include "goaudit.h"

struct call;
struct core;
struct linkmap_namespace;
struct private_own;

/* What is not public of ld.so (ldso.c). */
struct ldso {
	struct linkmap_namespace *ns; /* c */
	struct r_debug *debug;        /* c */
	bool checked;                 /* D: ldso_validate has an answer */
	char refusal[192];            /* D: why the layout is not trusted, or "" */
	size_t inode;                 /* D, read without, atomic: place of an object's inode
				       * number; 0: not known (identity.h) */
};

/* ld.so's own locks (transaction.c). */
struct glibc_locks {
	bool sought;            /* D */
	pthread_mutex_t *load;  /* D, read without, atomic: the load lock; NULL: not found */
	const int *owner;       /* D: its owner, a thread id; NULL: not found */
	pthread_mutex_t *tls;   /* D: held by dlopen around us since 2.35; or NULL */
	pthread_mutex_t *write; /* D: guards the link map's pointers; NULL: not found */
};

struct tiny {
	char path[PATH_MAX]; /* D: the smallest object */
	bool main;           /* main.main is there; only the runtime's one starter
					 * is here */
};

/* A snapshot that a forked child may still need. */
struct snapshot_left {
	struct snapshot_left *next;
	struct process_folder *folder;
	uint64_t serial;
	char file[];
};

struct process_folder {
	struct private_own *own;     /* c; its mappings: L */
	struct process_folder *next; /* c */
	char made[272];              /* c */
};

struct process_folders {
	struct process_folder *all;     /* L: grows at the head; read without, atomic;
					 * NULL: none yet */
	struct process_folder *current; /* where snapshots are made; the same */
	struct snapshot_left *left;     /* L */
	uint64_t inherited;             /* L; in a forked child: N of the last one that others
					 * may have, too */
	uint64_t unheld;                /* L; N of the last one that a child may have without a
					 * lock */
	uint64_t serial;                /* N; atomic */
};

enum host_state { HOST_UNKNOWN, HOST_BEING_SET, HOST_KNOWN };

/* What is to run at the host's exit and around its forks; the loader does not know who it
 * is (api/process.c). */
struct host_handlers {
	void (*at_exit)(void *unused);
	void (*before_fork)(void), (*after_fork_parent)(void), (*after_fork_child)(void);
};

/* Functions of the host's own libc, for what must run there: threads and exit
 * handlers.  c once host_init has set `state` to HOST_KNOWN. */
struct host {
	int (*pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*cxa_atexit)(void (*)(void *), void *, void *);
	int (*register_atfork)(void (*)(void), void (*)(void), void (*)(void), void *);
	const struct host_handlers *handlers; /* c */
	void (*free)(void *);
	char ***environ;
	int argc;
	char **argv;           /* the process's own, as it began: copies, for a host may
					 * write a title over them; NULL: no memory */
	char **env;            /* the environment's vector, which is the host's, */
	char **auxv;           /* and the kernel's one behind it: pairs up to AT_NULL */
	enum host_state state; /* atomic */
	bool hooked;           /* L: the exit handler is registered */
	/* Of the fork under way: L. */
	int fork_cancel;      /* the thread's cancel state before it */
	bool fork_write_lock; /* ld.so's has been taken */
};

/* An object that can be taken out of the link map.  D, but for readers who know that it
 * stays. */
struct listed {
	struct link_map *map; /* NULL until loaded, and when gone */
	bool hidden;          /* out of the list */
	bool global;          /* stands in the global search list while hidden */
};

#define VACANT_PIECES 1024

/* D: see vacant.h. */
struct vacant {
	unsigned n;
	struct {
		uintptr_t lo, hi;
	} piece[VACANT_PIECES]; /* that which has grown last is the last */
};

struct loader {
	struct core *core;
	struct host host;
	/* Objects that never close.  c from la_preinit on; `runtime`: L, constant once set. */
	struct link_map *head;    /* the main program; from la_objopen on */
	struct link_map *libc;    /* the host's; NULL: none */
	struct link_map *runtime; /* the Go runtime library; NULL: none runs */
	const char *runtime_name; /* its file name without folders; NULL: none runs */
	const void *base_ret;     /* c: a return instruction in the host's libc */
	uint32_t others;          /* objects opened that are no snapshots; atomic */
	uintptr_t probe;          /* where debuggers stop in an ld.so with SDT
					 * probes; 0: none, or not looked for yet */
	struct ldso ldso;
	struct glibc_locks locks;
	pthread_mutex_t calls_lock;   /* the letter K: the list of calls; a leaf */
	struct call *calls;           /* K */
	pthread_cond_t calls_changed; /* with K: a call has ended, or a fork */
	unsigned forks;               /* K: threads that are about to fork */
	struct tiny tiny;
	struct process_folders folders;
	struct table_copy *tables; /* D: see tables.h */
	struct vacant vacant;
};

#endif
