/* The part of glibc's loader that is not public: layout, locks, the link map.
 *
 * Locks of ld.so, in the order in which ld.so itself takes them:
 *   load lock   (_dl_load_lock, recursive): dlopen, dlclose, dlsym, la_*
 *   write lock  (_dl_load_write_lock): the link map's pointers; dl_iterate_phdr
 *
 * Neither can be named from outside, so ldso_transaction() borrows them. */
#ifndef GOAUDIT_LDSO_H
#define GOAUDIT_LDSO_H

#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../dlbind/linkmap.h"

struct call;
struct goaudit;

struct ldso {
	struct link_map *head;		/* the main program; from la_objopen on */
	struct r_debug *debug;
	struct linkmap_namespace *ns;
	const void *base_ret;		/* a return instruction in the host's libc */
	bool checked;			/* ldso_validate has an answer; guarded by the load
					 * lock */
	uint32_t others;		/* objects opened that are no snapshots; atomic */
	struct link_map *libc;		/* the host's; NULL: none */
	bool locks_sought;		/* guarded by the load lock */
	const int *lock_owner;		/* the load lock's owner, a thread id; NULL: not found */
	pthread_mutex_t *write_lock;	/* since 2.35; or NULL */
	pthread_mutex_t *tls_lock;	/* held by dlopen around us since 2.35; or NULL */
	uintptr_t probe;		/* where debuggers stop in an ld.so with SDT
					 * probes; 0: none, or not looked for yet */
	char refusal[192];		/* why the layout is not trusted, or "" */
};

/* Finds ld.so's variables.  Called once, from la_preinit. */
void ldso_init(struct goaudit *ga);

/* Checks that the private layout is the one that was built for: pointers,
 * chain and counts agree, and opening and closing a tiny object moves the count
 * by exactly one.  Touches nothing on failure.  Only in a transaction.
 * Returns NULL, or why not; with `checked` false, only for now: no such object can
 * be had. */
const char *ldso_validate(struct goaudit *ga);

/* Is the object of this name still in the link map?  The pointer need not be good.  Only
 * in a transaction or a callback. */
bool ldso_lists(const struct goaudit *ga, const struct link_map *map, const char *name);

/* Is a dlclose under way above us, which goes on when we have returned?  Until then
 * ld.so unmaps nothing (elf/dl-close.c, dl_close_state).  Only in a transaction. */
bool ldso_is_closing(struct goaudit *ga);

/* What is said where ldso_transaction returns false. */
#define LDSO_NOT_CALLED "ld.so does not call the audit module: is another auditor in " \
			"front of it in LD_AUDIT?"

/* Runs fn(arg) on this thread with the load lock held, as a constructor would:
 * the loader may be called from it.  Costs about a microsecond.  Sets no error
 * that dlerror would show.  Returns false if ld.so could not be brought to
 * call us (fn has not run then). */
bool ldso_transaction(struct goaudit *ga, void (*fn)(void *), void *arg);

/* la_objsearch's half of a transaction: runs its function, once, when ld.so asks for
 * the transaction's name.  Returns whether it has. */
bool ldso_transaction_search(struct goaudit *ga, struct call *call, const char *name);

/* Does this thread hold the load lock: is it in a constructor, say?  Where that
 * cannot be known, the answer is `if_unknown`. */
bool ldso_lock_is_mine(const struct goaudit *ga, bool if_unknown);

/* Before a fork, and after it in both processes: the write lock, where it is known.
 * ldso_forking returns whether it has been taken, and is to be released in the
 * parent; in the child it is made anew in any case. */
bool ldso_forking(struct goaudit *ga);
void ldso_forked(struct goaudit *ga, bool child);

/* Takes an object out of the link map, and puts it back at the tail.
 * `was_global`: it stands in the global search list (RTLD_GLOBAL); hide tells
 * it, reinsert wants it back; NULL, false: it stays there.  Only in a transaction.  The caller tells the
 * debugger (debugger.h). */
void ldso_hide(struct goaudit *ga, struct link_map *map, bool *was_global);
void ldso_reinsert(struct goaudit *ga, struct link_map *map, bool was_global);

/* A symbol that the object itself defines, by its own hash table, and its address;
 * NULL if none.  They need no lock and no relocation: they work from la_objopen on. */
const ElfW(Sym) *ldso_symbol(const struct link_map *map, const char *name);
void *ldso_lookup(const struct link_map *map, const char *name);

/* How many dynamic symbols it has. */
size_t ldso_symbols(const struct link_map *map);

/* A dynamic entry's value; pointers come relocated, whatever ld.so did. */
bool ldso_dynamic(const struct link_map *map, int64_t tag, uint64_t *value);
uintptr_t ldso_dynamic_address(const struct link_map *map, int64_t tag);

/* Program headers of a loaded object, from its mapped ELF header; NULL when the
 * header is not mapped at l_addr (a program linked to a fixed address). */
const ElfW(Phdr) *ldso_phdrs(const struct link_map *map, size_t *n);

/* The program header of this type that an address of the object falls under; NULL
 * if none. */
const ElfW(Phdr) *ldso_segment_at(const struct link_map *map, uint32_t type,
				  const void *address);

/* [lo, hi) of a loaded object, page-aligned. */
bool ldso_range(const struct link_map *map, uintptr_t *lo, uintptr_t *hi);

/* A return instruction in the object's code; NULL if none. */
const void *ldso_find_ret(const struct link_map *map);

/* The object of the host's namespace that an address lies in; NULL if none. */
struct link_map *ldso_object_at(const void *address);

#endif
