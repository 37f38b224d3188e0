#include "loader/redirect.h"

#include <string.h>
#include <sys/mman.h>

#include "../dlbind/machine.h"
#include "api/api.h"
#include "core/arch.h"
#include "core/cancel.h"
#include "reload/close.h"
#include "api/open.h"
#include "api/goaudit.h"
#include "loader/tables.h"

void *intercept_real_dlopen, *intercept_real_dlmopen, *intercept_real_dlclose,
	*intercept_real_dlsym, *intercept_real_dlvsym, *intercept_real_dlerror,
	*intercept_real_dladdr, *intercept_real_dladdr1, *intercept_real_dlinfo,
	*intercept_real_thread_atexit;

struct target {
	const char *name;
	void *entry;		/* ours */
	void **real;		/* the host's; NULL: the function exists only here */
	void *(*resolver)(void);
};

static void *resolve(unsigned index);

/* IRELATIVE resolvers take no argument, so each function has its own. */
#define RESOLVER(n) static void *resolver_##n(void) { return resolve(n); }
RESOLVER(0) RESOLVER(1) RESOLVER(2) RESOLVER(3) RESOLVER(4) RESOLVER(5)
RESOLVER(6) RESOLVER(7) RESOLVER(8) RESOLVER(9) RESOLVER(10) RESOLVER(11)
RESOLVER(12) RESOLVER(13) RESOLVER(14) RESOLVER(15) RESOLVER(16) RESOLVER(17)

static const struct target targets[] = {
	{ "dlopen", entry_dlopen, &intercept_real_dlopen, resolver_0 },
	{ "dlmopen", entry_dlmopen, &intercept_real_dlmopen, resolver_1 },
	{ "dlclose", entry_dlclose, &intercept_real_dlclose, resolver_2 },
	{ "dlsym", entry_dlsym, &intercept_real_dlsym, resolver_3 },
	{ "dlvsym", entry_dlvsym, &intercept_real_dlvsym, resolver_4 },
	{ "dlerror", api_dlerror, &intercept_real_dlerror, resolver_5 },
	{ "dladdr", api_dladdr, &intercept_real_dladdr, resolver_6 },
	{ "dladdr1", api_dladdr1, &intercept_real_dladdr1, resolver_7 },
	{ "dlinfo", api_dlinfo, &intercept_real_dlinfo, resolver_8 },
	{ "dlreload", dlreload, NULL, resolver_9 },
	{ "goaudit_reclaim", goaudit_reclaim, NULL, resolver_10 },
	{ "goaudit_generations", goaudit_generations, NULL, resolver_11 },
	{ "goaudit_runtime_stats", goaudit_runtime_stats, NULL, resolver_12 },
	{ "__cxa_thread_atexit_impl", api_thread_atexit,
	  &intercept_real_thread_atexit, resolver_13 },
	{ "goaudit_last_panic", goaudit_last_panic, NULL, resolver_14 },
	{ "goaudit_watch", goaudit_watch, NULL, resolver_15 },
	{ "dlreload2", dlreload2, NULL, resolver_16 },
	{ "dlbind_relist", dlbind_relist, NULL, resolver_17 },
};

#define TARGETS (sizeof targets / sizeof *targets)

/* For Go guests only: a Go program links its own module. */
static void *resolver_module(void)
{
	return gort_module_found;
}

static const struct target guest_target = {
	"runtime.addmoduledata.abi0", gort_module_found, NULL, resolver_module
};

static void *resolver_guard(void)
{
	return goaudit_state.guard.entry;
}

/* For those opened with RTLD_PANIC_RETURN. */
static const struct target guard_target = {
	"crosscall2", NULL, NULL, resolver_guard
};

static int find_target(const char *name)
{
	if (!(name[0] == 'd' && name[1] == 'l') &&
	    !(name[0] == 'g' && name[1] == 'o') &&
	    !(name[0] == '_' && name[1] == '_' && name[2] == 'c'))
		return -1;
	for (unsigned i = 0; i < TARGETS; i++)
		if (strcmp(name, targets[i].name) == 0)
			return i;
	return -1;
}

static bool is_libc(const struct link_map *map)
{
	const char *base = map->l_name ? strrchr(map->l_name, '/') : NULL;

	base = base ? base + 1 : map->l_name;
	return base && strcmp(base, "libc.so.6") == 0;
}

/* The definition that callers would be bound to: the first one in the link
 * map, which is the global scope's order. */
static void *first_definition(struct goaudit *ga, const struct target *t,
			      bool *libc)
{
	for (struct link_map *map = ga->ldso.head; map; map = map->l_next) {
		void *p = ldso_lookup(map, t->name);

		if (p) {
			*libc = is_libc(map);
			return p;
		}
	}
	return NULL;
}

static void find_real(struct goaudit *ga, const struct target *t)
{
	for (struct link_map *map = ga->ldso.head; map && !*t->real;
	     map = map->l_next)
		if (is_libc(map))
			*t->real = ldso_lookup(map, t->name);
}

/* Runs inside ld.so, while it relocates an object. */
static void *resolve(unsigned index)
{
	struct goaudit *ga = &goaudit_state;
	const struct target *t = &targets[index];
	bool libc = false;
	void *p;
	CANCEL_OFF();

	p = first_definition(ga, t, &libc);
	if (p && !libc)
		return p;	/* libdlbind's dlreload passes guests on to ours */
	if (!t->real)
		return t->entry;
	find_real(ga, t);
	return *t->real ? t->entry : NULL;
}

void intercept_find_real(struct goaudit *ga)
{
	for (unsigned i = 0; i < TARGETS; i++)
		if (targets[i].real && !*targets[i].real)
			find_real(ga, &targets[i]);
}

static int protection_of(const ElfW(Phdr) *segment)
{
	return (segment->p_flags & PF_R ? PROT_READ : 0) |
	       (segment->p_flags & PF_W ? PROT_WRITE : 0) |
	       (segment->p_flags & PF_X ? PROT_EXEC : 0);
}

/* What is turned, of one object. */
struct scan {
	struct goaudit *ga;
	const struct link_map *map;
	const ElfW(Sym) *syms;
	const char *strings;
	bool guest, guarded;
};

static void stays(const struct scan *s, const char *name)
{
	goaudit_log(s->ga, "%s: its calls of %s stay glibc's own: %m", s->map->l_name, name);
}

/* No page of code comes here (tables.h), so that the way back cannot be forbidden. */
static void redirect(const struct scan *s, ElfW(Rela) *r, const struct target *t)
{
	uintptr_t page = (uintptr_t)r & -MACHINE_PAGE;
	size_t size = (uintptr_t)(r + 1) - page;
	const ElfW(Phdr) *segment = ldso_segment_at(s->map, PT_LOAD, r);

	/* A copy is writable. */
	if (segment && mprotect((void *)page, size, PROT_READ | PROT_WRITE) != 0) {
		stays(s, t->name);
		return;
	}
	r->r_info = ELF64_R_INFO(0, MACHINE_R_IRELATIVE);
	r->r_addend = (uintptr_t)t->resolver - s->map->l_addr;
	if (segment && mprotect((void *)page, size, protection_of(segment)) != 0)
		goaudit_log(s->ga, "%s: a page of its relocations stays writable: %m",
			    s->map->l_name);
}

static bool is_guarded(struct goaudit *ga, const struct link_map *map)
{
	struct generation *gen;
	bool guarded;

	pthread_mutex_lock(&ga->lock);
	gen = registry_find_snapshot(ga, map->l_name);
	guarded = gen && gen->guarded;
	pthread_mutex_unlock(&ga->lock);
	return guarded;
}

/* What the calls by this relocation are to reach instead; NULL: nothing of ours. */
static const struct target *target_of(const struct scan *s, const ElfW(Rela) *r)
{
	const ElfW(Sym) *sym = &s->syms[ELF64_R_SYM(r->r_info)];
	const char *name;
	int t;

	if (!machine_stores_address(ELF64_R_TYPE(r->r_info)) ||
	    sym->st_shndx != SHN_UNDEF || r->r_addend != 0)
		return NULL;
	name = s->strings + sym->st_name;
	t = find_target(name);
	if (t >= 0)
		return &targets[t];
	if (s->guest && strcmp(name, guest_target.name) == 0)
		return &guest_target;
	if (s->guarded && strcmp(name, guard_target.name) == 0)
		return &guard_target;
	return NULL;
}

struct relocations {
	ElfW(Rela) *r;
	size_t n;
};

/* The two tables; the relative ones come first in the first, and name no symbol. */
static void find_relocations(const struct link_map *map, struct relocations tables[2])
{
	ElfW(Rela) *rela = (void *)ldso_dynamic_address(map, DT_RELA);
	ElfW(Rela) *plt = (void *)ldso_dynamic_address(map, DT_JMPREL);
	uint64_t size, relative, kind;

	memset(tables, 0, 2 * sizeof *tables);
	if (rela && ldso_dynamic(map, DT_RELASZ, &size)) {
		if (!ldso_dynamic(map, DT_RELACOUNT, &relative) ||
		    relative * sizeof *rela > size)
			relative = 0;
		tables[0].r = rela + relative;
		tables[0].n = size / sizeof *rela - relative;
	}
	if (plt && ldso_dynamic(map, DT_PLTRELSZ, &size) &&
	    ldso_dynamic(map, DT_PLTREL, &kind) && kind == DT_RELA) {
		tables[1].r = plt;
		tables[1].n = size / sizeof *plt;
	}
}

static const struct target *first_target(const struct scan *s,
					 const struct relocations *table)
{
	const struct target *t = NULL;

	for (size_t i = 0; i < table->n && !t; i++)
		t = target_of(s, &table->r[i]);
	return t;
}

/* Has those tables copied that stand among code, and finds them anew; both as one, for
 * ld.so looks whether one follows the other.  false: they cannot be changed. */
static bool leave_code(const struct scan *s, struct relocations tables[2])
{
	static const int64_t tags[] = { DT_RELA, DT_JMPREL };
	uintptr_t rela = ldso_dynamic_address(s->map, DT_RELA), lo, hi;
	const struct target *t = first_target(s, &tables[0]);

	if (!t)
		t = first_target(s, &tables[1]);
	if (!t || !tables_among_code(s->map, (uintptr_t)tables[tables[0].n == 0].r))
		return true;
	lo = rela ? rela : (uintptr_t)tables[1].r;
	hi = (uintptr_t)(tables[0].r + tables[0].n);
	if (tables[1].n) {
		lo = (uintptr_t)tables[1].r < lo ? (uintptr_t)tables[1].r : lo;
		hi = (uintptr_t)(tables[1].r + tables[1].n) > hi ?
			     (uintptr_t)(tables[1].r + tables[1].n) : hi;
	}
	if (!tables_among_code(s->map, hi - 1) ||
	    !tables_copy(s->ga, s->map, lo, hi, tags, 2)) {
		stays(s, t->name);
		return false;
	}
	find_relocations(s->map, tables);
	return true;
}

void intercept_object(struct goaudit *ga, const struct link_map *map)
{
	struct relocations tables[2];
	struct scan s = {
		.ga = ga, .map = map, .guest = snapshot_is_ours(ga, map->l_name),
		.syms = (void *)ldso_dynamic_address(map, DT_SYMTAB),
		.strings = (void *)ldso_dynamic_address(map, DT_STRTAB),
	};

	if (!s.syms || !s.strings)
		return;
	s.guarded = s.guest && is_guarded(ga, map);
	find_relocations(map, tables);
	if (!leave_code(&s, tables))
		return;
	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < tables[k].n; i++) {
			const struct target *t = target_of(&s, &tables[k].r[i]);

			if (t)
				redirect(&s, &tables[k].r[i], t);
		}
}

static const void *ret_in_caller(struct goaudit *ga, const void *caller)
{
	struct link_map *map = ldso_object_at(caller);
	const void *ret = map ? ldso_find_ret(map) : NULL;

	return ret ? ret : ga->ldso.base_ret;
}

void *intercept_dlopen_as(struct goaudit *ga, const char *file, int mode,
			  const void *caller)
{
	return (void *)arch_call_as(intercept_real_dlopen, file, mode, 0,
				    ret_in_caller(ga, caller));
}

/* What the entries ask (arch_*.S): the call's first four arguments, and the
 * caller's return address. */

#define NOT_OURS ((struct decision){ 0, 0 })
#define OURS(v) ((struct decision){ 1, (uint64_t)(v) })

struct decision decide_dlopen(const char *file, uint64_t mode, uint64_t a,
			      uint64_t b, const void *caller)
{
	void *handle;
	CANCEL_OFF();

	(void)a, (void)b;
	return open_call(&goaudit_state, file, mode, caller, &handle) ?
		       OURS(handle) : NOT_OURS;
}

struct decision decide_dlmopen(Lmid_t ns, const char *file, uint64_t mode,
			       uint64_t a, const void *caller)
{
	CANCEL_OFF();

	if (ns != LM_ID_BASE)
		return NOT_OURS;
	return decide_dlopen(file, mode, a, 0, caller);
}

struct decision decide_dlclose(void *handle, uint64_t a, uint64_t b, uint64_t c,
			       const void *caller)
{
	int result;
	CANCEL_OFF();

	(void)a, (void)b, (void)c, (void)caller;
	return close_handle(&goaudit_state, handle, &result) ?
		       OURS((int64_t)result) : NOT_OURS;
}

/* What a handle of ours stands for, which is not unmapped until registry_let_go.
 * *lasting: it is a lasting one, whatever it stands for. */
static struct generation *pin(struct goaudit *ga, const void *handle, bool *lasting)
{
	struct generation *gen;

	pthread_mutex_lock(&ga->lock);
	*lasting = registry_find_lasting(ga, handle) != NULL;
	gen = registry_find_handle(ga, handle);
	if (gen && gen->map)
		gen->kept++;
	else
		gen = NULL;
	pthread_mutex_unlock(&ga->lock);
	return gen;
}

struct lookup {
	void *real;			/* dlsym or dlvsym */
	const char *name, *version;
	const void *ret;		/* see arch_call_as */
};

static void *look_up(const struct lookup *l, void *handle)
{
	return (void *)arch_call_as(l->real, handle, (uint64_t)l->name,
				    (uint64_t)l->version, l->ret);
}

/* dlerror's text of a failed lookup, with the user's name for the file. */
static void name_error(struct goaudit *ga, const struct generation *gen)
{
	const char *text = ga->host.dlerror ? ga->host.dlerror() : NULL;
	size_t n = strlen(gen->info->snapshot);

	if (text && strncmp(text, gen->info->snapshot, n) == 0)
		error_set(ga, "%s%s", gen->guest->path, text + n);
	else if (text)
		error_set(ga, "%s", text);
}

/* A function of a library that the guest needs is called through that one's entries;
 * while a newer one of the library serves, by its address. */
static void enter_needed(struct goaudit *ga, const struct lookup *l, void **found)
{
	struct generation *gen;

	pthread_mutex_lock(&ga->lock);
	gen = registry_find_address(ga, (uintptr_t)*found);
	if (gen && (!gen->users || gen->guest->raw || gen->guest->serving != gen))
		gen = NULL;
	if (gen)
		gen->kept++;
	pthread_mutex_unlock(&ga->lock);
	if (!gen)
		return;
	gate_enter_by(ga, gen, l->name, l->version, found);
	registry_let_go(ga, gen);
}

/* dlsym and dlvsym in a guest: its functions are called through entries. */
static void *look_up_in_guest(struct goaudit *ga, const struct lookup *l, void *handle,
			      bool *ours)
{
	struct generation *gen;
	bool lasting, again;
	void *found;

	do {
		gen = pin(ga, handle, &lasting);
		*ours = gen || lasting;
		if (!gen) {
			if (lasting)
				error_set(ga, "%p: the handle is not open: it was "
					  "closed before", handle);
			return NULL;
		}
		found = look_up(l, gen->map);
		if (!found)
			name_error(ga, gen);
		again = found && !gen->guest->raw &&
			!gate_enter_by(ga, gen, l->name, l->version, &found);
		if (found && !again && gen->pins.needs)
			enter_needed(ga, l, &found);
		registry_let_go(ga, gen);
	} while (again && lasting);
	return found;
}

/* One of our names: whoever finds the host's function finds ours. */
static void *look_up_target(struct goaudit *ga, const struct lookup *l,
			    const struct target *t, void *handle)
{
	void *found;

	intercept_find_real(ga);
	found = look_up(l, handle);
	if (t->real)
		return found && found == *t->real ? t->entry : found;
	if (!found && ga->host.dlerror)
		ga->host.dlerror();	/* that the name is unknown is no error now */
	return found ? found : t->entry;
}

static struct decision decide_symbol(void *real, void *handle, const char *name,
				     const char *version, const void *caller)
{
	struct goaudit *ga = &goaudit_state;
	struct lookup l = { .real = real, .name = name, .version = version };
	bool ours = false;
	void *found;
	int i;

	error_clear(ga);
	if (!name)
		return NOT_OURS;
	l.ret = ret_in_caller(ga, caller);
	i = find_target(name);
	if (handle != RTLD_DEFAULT && handle != RTLD_NEXT && ga->registry.guests) {
		found = look_up_in_guest(ga, &l, handle, &ours);
		if (ours)
			return OURS(found);
	}
	return i < 0 ? NOT_OURS : OURS(look_up_target(ga, &l, &targets[i], handle));
}

struct decision decide_dlsym(void *handle, const char *name, uint64_t a,
			     uint64_t b, const void *caller)
{
	CANCEL_OFF();

	(void)a, (void)b;
	return decide_symbol(intercept_real_dlsym, handle, name, NULL, caller);
}

struct decision decide_dlvsym(void *handle, const char *name,
			      const char *version, uint64_t a, const void *caller)
{
	CANCEL_OFF();

	(void)a;
	return decide_symbol(intercept_real_dlvsym, handle, name, version, caller);
}
