#include "loader/ldso.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../dlbind/machine.h"
#include "core/arch.h"
#include "loader/transaction.h"
#include "core/clock.h"
#include "dlbind.h"
#include "loader/redirect.h"
#include "api/goaudit.h"

/* The name that a transaction asks ld.so for.  It has no slash, so ld.so works
 * out who is calling and asks la_objsearch before it looks at any file
 * (elf/dl-load.c, _dl_map_object); there we run, and then refuse the name. */
#define TRANSACTION_NAME "libgoaudit-transaction"

void ldso_init(struct goaudit *ga)
{
	struct ldso *ld = &ga->ldso;

	ld->ns = dlsym(RTLD_DEFAULT, "_rtld_global");
	ld->debug = dlsym(RTLD_DEFAULT, "_r_debug");
}

/* glibc's mutex (sysdeps/nptl/bits/struct_mutex.h), as far as it matters here. */
struct ldso_mutex {
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
static void find_locks(struct ldso *ld)
{
	int self = syscall(SYS_gettid);
	const ElfW(Sym) *sym = NULL;
	struct ldso_mutex *found[2] = { NULL, NULL }, *write;
	unsigned n = 0;
	Dl_info info;

	ld->locks_sought = true;
	if (!ld->ns || !dladdr1(ld->ns, &info, (void **)&sym, RTLD_DL_SYMENT) || !sym)
		return;
	for (size_t at = 0; at + sizeof(struct ldso_mutex) <= sym->st_size; at += 8) {
		struct ldso_mutex *m = (void *)((char *)ld->ns + at);

		if (m->owner != self || m->kind != PTHREAD_MUTEX_RECURSIVE ||
		    m->lock == 0 || m->count == 0)
			continue;
		if (n < 2)
			found[n] = m;
		n++;
	}
	if (n == 1 || (n == 2 && (char *)found[1] - (char *)found[0] ==
					 2 * sizeof(pthread_mutex_t))) {
		ld->lock_owner = &found[0]->owner;
		ld->tls_lock = (pthread_mutex_t *)found[1];
		write = (void *)((char *)found[0] + sizeof(pthread_mutex_t));
		if (n == 2 && write->kind == PTHREAD_MUTEX_RECURSIVE)
			ld->write_lock = (pthread_mutex_t *)write;
	}
}

bool ldso_lock_is_mine(const struct goaudit *ga, bool if_unknown)
{
	const int *owner = ga->ldso.lock_owner;

	if (!owner)
		return if_unknown;
	return __atomic_load_n(owner, __ATOMIC_RELAXED) == syscall(SYS_gettid);
}

/* Do count and chain follow an object that comes and goes?  *tried: there was one. */
static const char *check_count(struct goaudit *ga, bool *tried)
{
	const struct ldso *ld = &ga->ldso;
	unsigned int before = ld->ns->nloaded;
	const char *path = made_tiny(ga), *why;
	void *tiny = path ? dlmopen(LM_ID_BASE, path, RTLD_NOW) : NULL;

	*tried = tiny != NULL;
	if (!tiny) {
		why = path ? dlerror() : dlbind_error();
		return why ? why : "out of memory";
	}
	why = ld->ns->nloaded == before + 1 ? linkmap_check(ld->ns, ld->debug) :
					      "_ns_nloaded did not follow a dlopen";
	dlclose(tiny);
	if (!why && ld->ns->nloaded != before) {
		*tried = !linkmap_has(ld->ns, tiny);
		why = *tried ? "_ns_nloaded did not follow a dlclose" :
			       "a dlclose is under way";
	}
	return why ? why : linkmap_check(ld->ns, ld->debug);
}

const char *ldso_validate(struct goaudit *ga)
{
	struct ldso *ld = &ga->ldso;
	const char *why;
	bool tried = true;

	if (ld->checked)
		return ld->refusal[0] ? ld->refusal : NULL;
	why = linkmap_check(ld->ns, ld->debug);
	if (!why)
		why = check_count(ga, &tried);
	ld->checked = tried;
	ld->refusal[0] = 0;
	if (why)
		snprintf(ld->refusal, sizeof ld->refusal, "%s", why);
	return why ? ld->refusal : NULL;
}

bool ldso_lists(const struct goaudit *ga, const struct link_map *map, const char *name)
{
	return linkmap_has(ga->ldso.ns, map) && strcmp(map->l_name, name) == 0;
}

bool ldso_is_closing(struct goaudit *ga)
{
	const char *path = made_tiny(ga);
	struct link_map *tiny = path ? dlmopen(LM_ID_BASE, path, RTLD_NOW) : NULL;

	return tiny && dlclose(tiny) == 0 && linkmap_has(ga->ldso.ns, tiny);
}

bool ldso_transaction(struct goaudit *ga, void (*fn)(void *), void *arg)
{
	struct call call = { .kind = CALL_TRANSACTION, .fn = fn, .arg = arg };

	call_push(ga, &call);
	arch_call_as(intercept_real_dlopen, TRANSACTION_NAME,
		     RTLD_LAZY | RTLD_NOLOAD, 0, ga->ldso.base_ret);
	call_pop(ga, &call);
	/* The refusal leaves a text in the host's dlerror. */
	if (ga->host.dlerror)
		ga->host.dlerror();
	return call.ran;
}

/* Constructors and destructors are going to run in it, so the lock of the TLS tables
 * is released, as glibc itself does before it runs them: they may start threads. */
bool ldso_transaction_search(struct goaudit *ga, struct call *call, const char *name)
{
	struct ldso *ld = &ga->ldso;
	pthread_mutex_t *tls;

	if (call->ran || strcmp(name, TRANSACTION_NAME) != 0)
		return false;
	call->ran = true;
	call_begin(ga, call);
	if (!ld->locks_sought)
		find_locks(ld);
	tls = ld->tls_lock;
	if (tls)
		pthread_mutex_unlock(tls);
	call->fn(call->arg);
	if (tls)
		pthread_mutex_lock(tls);
	return true;
}

/* Who changes the link map has it for a moment, who reads it for as long as his
 * function takes: that one must not hold up a fork, and does no harm in the child. */
#define WRITE_LOCK_WAIT_NS 500000000

/* glibc's fork makes the load lock and the one of the TLS tables anew in the child
 * (posix/fork.c), this one not: a thread that is in dl_iterate_phdr would leave it
 * locked there, and with it every dlopen and dlclose. */
bool ldso_forking(struct goaudit *ga)
{
	struct timespec end = clock_deadline(WRITE_LOCK_WAIT_NS);

	return ga->ldso.write_lock &&
	       pthread_mutex_clocklock(ga->ldso.write_lock, CLOCK_MONOTONIC, &end) == 0;
}

void ldso_forked(struct goaudit *ga, bool child)
{
	static const pthread_mutex_t fresh = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

	/* Its owner is known by his number, which is another one in the child. */
	if (!ga->ldso.write_lock)
		return;
	if (child)
		*ga->ldso.write_lock = fresh;
	else
		pthread_mutex_unlock(ga->ldso.write_lock);
}

void ldso_hide(struct goaudit *ga, struct link_map *map, bool *was_global)
{
	linkmap_remove(ga->ldso.ns, map, was_global);
}

void ldso_reinsert(struct goaudit *ga, struct link_map *map, bool was_global)
{
	linkmap_insert(ga->ldso.ns, map, was_global);
}

bool ldso_dynamic(const struct link_map *map, int64_t tag, uint64_t *value)
{
	for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++)
		if (d->d_tag == tag) {
			*value = d->d_un.d_val;
			return true;
		}
	return false;
}

uintptr_t ldso_dynamic_address(const struct link_map *map, int64_t tag)
{
	const ElfW(Phdr) *segment;
	uint64_t v;

	if (!ldso_dynamic(map, tag, &v))
		return 0;
	if (v >= map->l_addr)
		return v;
	/* ld.so relocates these entries in place, except where the dynamic section is
	 * read-only (the vdso); a copy (tables.h) may lie in front of its object. */
	segment = ldso_segment_at(map, PT_LOAD, map->l_ld);
	return segment && segment->p_flags & PF_W ? v : v + map->l_addr;
}

/* Is it this object's header, not what happens to lie there? */
static bool is_header(const struct link_map *map, const ElfW(Ehdr) *eh)
{
	const ElfW(Phdr) *ph = (const void *)((const char *)eh + eh->e_phoff);

	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 ||
	    eh->e_phoff + eh->e_phnum * sizeof *ph > MACHINE_PAGE)
		return false;
	for (unsigned int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			return map->l_addr + ph[i].p_vaddr == (uintptr_t)map->l_ld;
	return false;
}

/* l_addr is where address 0 of the object is: that is its first page only when
 * it was linked to start there (not after prelink or -Ttext-segment). */
static const ElfW(Ehdr) *header_of(const struct link_map *map)
{
	const ElfW(Ehdr) *eh = (const void *)map->l_addr;
	Dl_info info;

	if (eh && (map->l_addr & (MACHINE_PAGE - 1)) == 0 && linkmap_readable(eh) &&
	    is_header(map, eh))
		return eh;
	if (!dladdr(map->l_ld, &info) || !info.dli_fbase ||
	    !is_header(map, info.dli_fbase))
		return NULL;
	return info.dli_fbase;
}

const ElfW(Phdr) *ldso_phdrs(const struct link_map *map, size_t *n)
{
	const ElfW(Ehdr) *eh;

	if (!map->l_prev && map->l_name && !map->l_name[0]) {
		/* The main program may be linked to a fixed address. */
		*n = getauxval(AT_PHNUM);
		return (const void *)getauxval(AT_PHDR);
	}
	eh = header_of(map);
	if (!eh)
		return NULL;
	*n = eh->e_phnum;
	return (const void *)((const char *)eh + eh->e_phoff);
}

const ElfW(Phdr) *ldso_segment_at(const struct link_map *map, uint32_t type,
				  const void *address)
{
	uintptr_t offset = (uintptr_t)address - map->l_addr;
	size_t n;
	const ElfW(Phdr) *ph = ldso_phdrs(map, &n);

	for (size_t i = 0; ph && i < n; i++)
		if (ph[i].p_type == type && offset - ph[i].p_vaddr < ph[i].p_memsz)
			return &ph[i];
	return NULL;
}

bool ldso_range(const struct link_map *map, uintptr_t *lo, uintptr_t *hi)
{
	size_t n;
	const ElfW(Phdr) *ph = ldso_phdrs(map, &n);

	*lo = UINTPTR_MAX;
	*hi = 0;
	for (size_t i = 0; ph && i < n; i++) {
		uintptr_t b, e;

		if (ph[i].p_type != PT_LOAD)
			continue;
		b = (map->l_addr + ph[i].p_vaddr) & -MACHINE_PAGE;
		e = (map->l_addr + ph[i].p_vaddr + ph[i].p_memsz + MACHINE_PAGE - 1) &
		    -MACHINE_PAGE;
		*lo = b < *lo ? b : *lo;
		*hi = e > *hi ? e : *hi;
	}
	return *hi != 0;
}

const void *ldso_find_ret(const struct link_map *map)
{
	size_t n;
	const ElfW(Phdr) *ph = ldso_phdrs(map, &n);

	for (size_t i = 0; ph && i < n; i++)
		if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_X) &&
		    (ph[i].p_flags & PF_R))
			return machine_find_return((void *)(map->l_addr + ph[i].p_vaddr),
						   ph[i].p_filesz);
	return NULL;
}

struct link_map *ldso_object_at(const void *address)
{
	struct link_map *map = NULL;
	Dl_info info;

	if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP))
		return NULL;
	return map;
}

static const ElfW(Sym) *gnu_lookup(const uint32_t *table, const ElfW(Sym) *syms,
				   const char *strings, const char *name)
{
	uint32_t hash = 5381, nbuckets = table[0], symoffset = table[1];
	uint32_t bloom_size = table[2], index;
	const uint32_t *buckets =
		(const uint32_t *)((const uint64_t *)(table + 4) + bloom_size);
	const uint32_t *chain = buckets + nbuckets;

	for (const char *p = name; *p; p++)
		hash = hash * 33 + (unsigned char)*p;
	index = nbuckets ? buckets[hash % nbuckets] : 0;
	if (index < symoffset)
		return NULL;
	for (;; index++) {
		uint32_t h = chain[index - symoffset];

		if ((h | 1) == (hash | 1) && syms[index].st_shndx != SHN_UNDEF &&
		    strcmp(strings + syms[index].st_name, name) == 0)
			return &syms[index];
		if (h & 1)
			return NULL;
	}
}

static const ElfW(Sym) *sysv_lookup(const uint32_t *table, const ElfW(Sym) *syms,
				    const char *strings, const char *name)
{
	uint32_t hash = 0, high;

	for (const char *p = name; *p; p++) {
		hash = (hash << 4) + (unsigned char)*p;
		high = hash & 0xf0000000;
		hash = (hash ^ (high >> 24)) & ~high;
	}
	for (uint32_t i = table[0] ? table[2 + hash % table[0]] : 0; i;
	     i = table[2 + table[0] + i])
		if (syms[i].st_shndx != SHN_UNDEF &&
		    strcmp(strings + syms[i].st_name, name) == 0)
			return &syms[i];
	return NULL;
}

const ElfW(Sym) *ldso_symbol(const struct link_map *map, const char *name)
{
	const ElfW(Sym) *syms = (void *)ldso_dynamic_address(map, DT_SYMTAB);
	const char *strings = (void *)ldso_dynamic_address(map, DT_STRTAB);
	const uint32_t *gnu = (void *)ldso_dynamic_address(map, DT_GNU_HASH);
	const uint32_t *sysv = (void *)ldso_dynamic_address(map, DT_HASH);

	if (!syms || !strings)
		return NULL;
	if (gnu)
		return gnu_lookup(gnu, syms, strings, name);
	if (sysv)
		return sysv_lookup(sysv, syms, strings, name);
	return NULL;
}

void *ldso_lookup(const struct link_map *map, const char *name)
{
	const ElfW(Sym) *sym = ldso_symbol(map, name);

	return sym ? (void *)(map->l_addr + sym->st_value) : NULL;
}

/* No table says so but the hash table. */
size_t ldso_symbols(const struct link_map *map)
{
	const uint32_t *gnu = (void *)ldso_dynamic_address(map, DT_GNU_HASH);
	const uint32_t *sysv = (void *)ldso_dynamic_address(map, DT_HASH);
	const uint32_t *buckets, *chain;
	uint32_t last = 0;

	if (!gnu)
		return sysv ? sysv[1] : 0;
	buckets = (const uint32_t *)((const uint64_t *)(gnu + 4) + gnu[2]);
	chain = buckets + gnu[0];
	for (uint32_t i = 0; i < gnu[0]; i++)
		if (buckets[i] > last)
			last = buckets[i];
	if (last < gnu[1])
		return 0;
	while (!(chain[last - gnu[1]] & 1))
		last++;
	return last + 1;
}
