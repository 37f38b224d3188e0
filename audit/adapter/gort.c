#include "adapter/gort.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../dlbind/machine.h"
#include "core/cancel.h"
#include "core/clock.h"
#include "go/protocol.h"
#include "adapter/find.h"
#include "guest/records.h"
#include "api/goaudit.h"

static void go_call(struct goaudit *ga, void *fn, void *request)
{
	ga->gort.crosscall2(fn, request, 0, 0);
}

/* The vector that the runtime reads (runtime.sysargs, goenvs): arguments, then
 * the environment as the host has it now, then the kernel's auxiliary vector.
 * It is kept for ever. */
static char **make_arguments(struct goaudit *ga, int *argc)
{
	char **env = ga->host.environ ? *ga->host.environ : NULL, **v;
	size_t nenv = 0, naux = 0, at = 0;

	while (env && env[nenv])
		nenv++;
	while (ga->host.auxv[naux])
		naux += 2;
	v = calloc(ga->host.argc + 1 + nenv + 1 + naux + 2, sizeof *v);
	if (!v)
		return NULL;
	for (int i = 0; i < ga->host.argc; i++)
		v[at++] = ga->host.argv[i];
	at++;
	for (size_t i = 0; i < nenv; i++)
		if (!(v[at++] = strdup(env[i])))
			return NULL;	/* never with a gap: what follows would be lost */
	at++;
	memcpy(v + at, ga->host.auxv, naux * sizeof *v);
	*argc = ga->host.argc;
	return v;
}

/* Opens a library of the host's namespace for good. */
static void *open_global(struct goaudit *ga, const char *name)
{
	return call_dlopen(ga, false, name, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
}

/* What the Go runtime reserves at its start (runtime/mpagealloc_64bit.go, sysInit: 600 MB,
 * and its first arena); where it does not get that it ends the process. */
#define GO_RUNTIME_MB 900	/* as in tool/live/launch.c */

static bool has_address_space(struct goaudit *ga, const char *path)
{
	size_t size = (size_t)GO_RUNTIME_MB << 20;
	void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	if (p != MAP_FAILED)
		return munmap(p, size) == 0;
	error_set(ga, "%s: the Go runtime wants %d MB of address space: %m: raise the limit "
		  "(ulimit -v)", path, GO_RUNTIME_MB);
	return false;
}

static int start(struct goaudit *ga, struct gort *rt)
{
	void (*rt0)(int, char **);
	void (*wait)(void);
	char *islibrary, **argv;
	int argc;

	if (!has_address_space(ga, rt->path) || made_main(ga) != 0)
		return -1;
	rt->map = open_global(ga, rt->path);
	if (!rt->map) {
		error_set(ga, "%s: the Go runtime cannot be loaded: see above, or "
			  "build it again with `goaudit runtime`", dlerror());
		return -1;
	}
	rt0 = (void (*)(int, char **))ldso_lookup(rt->map, "_rt0_amd64_linux_lib");
	wait = (void (*)(void))ldso_lookup(rt->map, "_cgo_wait_runtime_init_done");
	islibrary = ldso_lookup(rt->map, "runtime.islibrary");
	argv = make_arguments(ga, &argc);
	if (!rt0 || !wait || !islibrary || !argv) {
		error_set(ga, "%s: not a Go runtime library that can be started: "
			  "build it with `goaudit runtime`", rt->path);
		return -1;
	}
	*islibrary = 1;
	rt0(argc, argv);
	wait();
	return 0;
}

static int collected(void *unused)
{
	CANCEL_OFF();

	(void)unused;
	reaper_collected(&goaudit_state);
	return 0;
}

static int bind(struct goaudit *ga, struct gort *rt)
{
	void *hello = ldso_lookup(rt->map, GO_FN_HELLO);
	struct go_hello h = { .size = sizeof h, .collected = collected };

	rt->crosscall2 = (void (*)(void *, void *, int, uintptr_t))ldso_lookup(
		rt->map, "crosscall2");
	rt->init = ldso_lookup(rt->map, GO_FN_INIT);
	rt->canon = ldso_lookup(rt->map, GO_FN_CANON);
	rt->unlink = ldso_lookup(rt->map, GO_FN_UNLINK);
	rt->settle = ldso_lookup(rt->map, GO_FN_SETTLE);
	rt->guard = ldso_lookup(rt->map, GO_FN_GUARD);
	rt->stats = ldso_lookup(rt->map, GO_FN_STATS);
	if (!hello || !rt->crosscall2 || !rt->init || !rt->canon || !rt->unlink ||
	    !rt->settle || !rt->guard || !rt->stats) {
		error_set(ga, "%s: it lacks the entry points of goaudit: build the "
			  "runtime with `goaudit runtime`", rt->path);
		return -1;
	}
	go_call(ga, hello, &h);
	if (h.protocol != GO_PROTOCOL) {
		error_set(ga, "%s: built by another release of goaudit (protocol "
			  "%llu, here %d): build it again with `goaudit runtime`",
			  rt->path, (unsigned long long)h.protocol, GO_PROTOCOL);
		return -1;
	}
	snprintf(rt->version, sizeof rt->version, "%s", h.version);
	return 0;
}

static void refuse_here(struct goaudit *ga, const char *what)
{
	error_set(ga, "%s: the Go runtime does not run in a forked child: exec a program "
		  "first", what);
}

/* Finds or starts the runtime; only one thread is ever here. */
static int bring_up(struct goaudit *ga, struct gort *rt,
		    const struct image_facts *facts, const char *guest_path)
{
	uint64_t begin = clock_ns();

	if (gort_find_loaded(ga, rt) < 0)
		return -1;
	if (rt->map && ga->forked) {
		rt->map = NULL;		/* the program's own: it runs in the parent */
		refuse_here(ga, guest_path);
		return -1;
	}
	if (!rt->map) {
		if (gort_find_file(ga, facts, guest_path, rt) != 0 ||
		    start(ga, rt) != 0)
			return -1;
	}
	if (bind(ga, rt) != 0)
		return -1;
	rt->start_ns = clock_ns() - begin;
	goaudit_log(ga, "%s: %s runs, start took %llu us", rt->path, rt->version,
		    (unsigned long long)rt->start_ns / 1000);
	return 0;
}

static void publish(struct gort *rt)
{
	journal_begin();
	goaudit_debug.go_running = 1;
	goaudit_debug.runtime.start_ns = rt->start_ns;
	memcpy(goaudit_debug.runtime.version, rt->version, sizeof rt->version);
	memcpy(goaudit_debug.runtime.path, rt->path, sizeof rt->path);
	journal_end();
}

static int check_hash(struct goaudit *ga, const struct gort *rt,
		      const struct image_facts *facts, const char *guest_path)
{
	char want[IMAGE_HEX_MAX], have[IMAGE_HEX_MAX];

	if (rt->abi_hash_len == facts->abi_hash_len &&
	    memcmp(rt->abi_hash, facts->abi_hash, rt->abi_hash_len) == 0)
		return 0;
	image_hex(facts->abi_hash, facts->abi_hash_len, want);
	image_hex(rt->abi_hash, rt->abi_hash_len, have);
	error_set(ga, "%s: built for another Go runtime (ABI hash %s, the one of "
		  "this process is %s): rebuild it with `goaudit build`",
		  guest_path, want, have);
	return -1;
}

/* Takes goaudit.lock once no other thread starts the runtime.  That one needs ld.so's lock,
 * so a constructor, which holds it, does not wait for ever. */
static bool lock_when_started(struct goaudit *ga, struct gort *rt,
			   const char *guest_path)
{
	bool bounded = ldso_lock_is_mine(ga, true), in_time = true;
	struct timespec end = clock_deadline(CONSTRUCTOR_WAIT_NS);

	pthread_mutex_lock(&ga->lock);
	while (rt->state == GORT_STARTING && in_time)
		in_time = clock_wait(&ga->changed, &ga->lock, bounded ? &end : NULL);
	/* The caller goes on under the lock: nobody else may begin now. */
	if (in_time)
		return true;
	pthread_mutex_unlock(&ga->lock);
	error_set(ga, "%s: another thread is starting the Go runtime, and this one "
		  "is in a constructor: open it from outside of constructors",
		  guest_path);
	return false;
}

/* Children of _Fork(3), clone(2) and vfork(2) have run no handler. */
bool gort_runs_here(const struct gort *rt)
{
	return rt->state == GORT_READY && rt->pid == getpid();
}

void gort_forked(struct goaudit *ga)
{
	if (ga->gort.state != GORT_NONE)
		ga->gort.state = GORT_PARENTS;
}

int gort_ensure(struct goaudit *ga, const struct image_facts *facts,
		const char *guest_path)
{
	struct gort *rt = &ga->gort;
	int result;

	if (!lock_when_started(ga, rt, guest_path))
		return -1;
	if (rt->state == GORT_NONE) {
		rt->state = GORT_STARTING;
		pthread_mutex_unlock(&ga->lock);
		result = bring_up(ga, rt, facts, guest_path);
		pthread_mutex_lock(&ga->lock);
		/* Nothing was mapped yet when no library was found: another
		 * guest, or a runtime built meanwhile, may do. */
		rt->state = result == 0 ? GORT_READY :
			    rt->map	? GORT_FAILED :
					  GORT_NONE;
		rt->pid = getpid();
		if (result == 0)
			publish(rt);
		pthread_cond_broadcast(&ga->changed);
		pthread_mutex_unlock(&ga->lock);
		if (result != 0)
			return -1;
	} else {
		pthread_mutex_unlock(&ga->lock);
	}
	if (rt->state == GORT_FAILED) {
		error_set(ga, "%s: the Go runtime of this process failed to start: "
			  "restart the process", guest_path);
		return -1;
	}
	if (!gort_runs_here(rt)) {
		refuse_here(ga, guest_path);
		return -1;
	}
	return check_hash(ga, rt, facts, guest_path);
}

/* Stores a pointer that may lie in the read-only-after-relocation part. */
static bool store(struct goaudit *ga, struct generation *gen, uintptr_t *slot,
		  uintptr_t value)
{
	uintptr_t page = (uintptr_t)slot & -MACHINE_PAGE;
	bool relro = ldso_segment_at(gen->map, PT_GNU_RELRO, slot) != NULL;

	if (relro && mprotect((void *)page, MACHINE_PAGE, PROT_READ | PROT_WRITE) != 0)
		return false;
	*slot = value;
	if (relro && mprotect((void *)page, MACHINE_PAGE, PROT_READ) != 0)
		goaudit_log(ga, "%s: a page with pointers at %#lx stays writable: %m",
			    gen->guest->path, page);
	return true;
}

/* An itab of a library interface and a library type is compared by address, and
 * travels into library variables; the guest must use the library's own one. */
static bool use_library_itabs(struct goaudit *ga, struct generation *gen)
{
	const ElfW(Sym) *syms = (void *)ldso_dynamic_address(gen->map, DT_SYMTAB);
	const char *strings = (void *)ldso_dynamic_address(gen->map, DT_STRTAB);
	ElfW(Rela) *r = (void *)ldso_dynamic_address(gen->map, DT_RELA);
	struct go_canon c = { .size = sizeof c, .lo = gen->info->lo,
			      .hi = gen->info->hi };
	uint64_t size = 0, relative = 0;

	if (!syms || !strings || !r || !ldso_dynamic(gen->map, DT_RELASZ, &size))
		return true;
	ldso_dynamic(gen->map, DT_RELACOUNT, &relative);
	for (size_t i = relative; i < size / sizeof *r; i++) {
		const char *name = strings + syms[ELF64_R_SYM(r[i].r_info)].st_name;
		uintptr_t *slot = (uintptr_t *)(gen->map->l_addr + r[i].r_offset);

		if (!machine_stores_address(ELF64_R_TYPE(r[i].r_info)) ||
		    strncmp(name, "go:itab.", 8) != 0 ||
		    *slot - c.lo >= c.hi - c.lo)
			continue;
		c.in = *slot;
		c.out = c.in;
		go_call(ga, ga->gort.canon, &c);
		if (c.out != c.in && !store(ga, gen, slot, c.out))
			return false;
	}
	return true;
}

/* The linker's constructor calls without regard to the stack's alignment. */
__attribute__((force_align_arg_pointer)) void gort_module_found(void *moduledata)
{
	CANCEL_OFF();
	struct call *call = call_innermost(&goaudit_state);

	if (call)
		call->module = moduledata;
}

void gort_init(struct goaudit *ga, struct generation *gen,
	       struct generation *const *others, unsigned n, struct go_init *init)
{
	struct go_range *ranges = calloc(n + 1, sizeof *ranges);
	uint64_t begin = clock_ns();

	memset(init, 0, sizeof *init);
	if (!use_library_itabs(ga, gen)) {
		init->verdict = GO_NOT_FOUND;	/* its module is not registered */
		snprintf(init->text, sizeof init->text, "its pages cannot be made writable "
			 "for the runtime library's itabs: %m: free memory or mappings");
		free(ranges);
		return;
	}
	init->size = sizeof *init;
	init->lo = gen->info->lo;
	init->hi = gen->info->hi;
	init->module = (uintptr_t)gen->module;
	for (unsigned i = 0; ranges && i < n; i++) {
		ranges[i].lo = others[i]->info->lo;
		ranges[i].hi = others[i]->info->hi;
	}
	init->others = ranges;
	init->others_n = ranges ? n : 0;	/* out of memory: names may clash */
	go_call(ga, ga->gort.init, init);
	free(ranges);
	pthread_mutex_lock(&ga->lock);
	gen->info->init_ns = clock_ns() - begin;
	pthread_mutex_unlock(&ga->lock);
}

/* How to unlink.  The tests' build of the module can change it. */
static uint64_t unlink_flags(const struct goaudit *ga)
{
#ifdef GOAUDIT_TEST_SWITCHES
	const char *s = ga->settings.secure ? NULL : getenv("GOAUDIT_TEST_UNLINK");

	return GO_UNLINK_PROVE ^ (s ? strtoull(s, NULL, 0) : 0);
#else
	(void)ga;
	return GO_UNLINK_PROVE;
#endif
}

void gort_settle(struct goaudit *ga, const struct generation *gen, bool failed)
{
	struct go_settle s = {
		.size = sizeof s, .lo = gen->info->lo, .hi = gen->info->hi,
		.failed = failed,
	};

	go_call(ga, ga->gort.settle, &s);
}

bool gort_unlink(struct goaudit *ga, struct go_module *modules, unsigned n)
{
	struct go_unlink u = {
		.size = sizeof u, .n = n, .modules = modules,
		.flags = unlink_flags(ga),
	};

	go_call(ga, ga->gort.unlink, &u);
	goaudit_log(ga, "check of %u modules: %llu us, %llu stops, the longest "
		    "%llu us; %llu objects, %llu KB; written meanwhile %llu KB, "
		    "%llu rounds", n, (unsigned long long)u.total_ns / 1000,
		    (unsigned long long)u.stops, (unsigned long long)u.longest_ns / 1000,
		    (unsigned long long)u.objects, (unsigned long long)u.bytes >> 10,
		    (unsigned long long)u.dirty >> 10, (unsigned long long)u.rounds);
	return u.soon;
}

int gort_stats(struct goaudit *ga, struct goaudit_runtime *out, int collect)
{
	struct gort *rt = &ga->gort;
	struct go_stats s = { .size = sizeof s, .gc = collect };

	memset(out, 0, sizeof *out);
	if (!gort_runs_here(rt)) {
		error_set(ga, "goaudit_runtime_stats: no Go runtime runs in this "
			  "process: open a guest first");
		return -1;
	}
	go_call(ga, rt->stats, &s);
	out->heap_live = s.heap_live;
	out->heap_objects = s.heap_objects;
	out->other_sys = s.other_sys;
	out->modules = s.modules;
	out->itabs = s.itabs;
	out->goroutines = s.goroutines;
	out->start_ns = rt->start_ns;
	memcpy(out->version, rt->version, sizeof out->version);
	memcpy(out->path, rt->path, sizeof out->path);
	return 0;
}
