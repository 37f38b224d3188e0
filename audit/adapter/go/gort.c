#include "adapter/go/gort.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "adapter/adapter.h"
#include "adapter/adapters.h"
#include "adapter/go/find.h"
#include "adapter/go/types.h"
#include "core/cancel.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "go/protocol.h"
#include "goaudit-debug.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/records.h"
#include "guest/retired.h"
#include "image/image.h"
#include "loader/elf.h"
#include "loader/loader.h"
#include "loader/locks.h"
#include "loader/tiny.h"
#include "loader/transaction.h"

/* The vector that the runtime reads (runtime.sysargs, goenvs): arguments, then
 * the environment as the host has it now, then the kernel's auxiliary vector.
 * It is kept for ever. */
static char **make_arguments(struct adapters *ad, int *argc)
{
	char **env = ad->loader->host.environ ? *ad->loader->host.environ : NULL, **v;
	size_t nenv = 0, naux = 0, at = 0;

	while (env && env[nenv])
		nenv++;
	while (ad->loader->host.auxv[naux])
		naux += 2;
	v = calloc(ad->loader->host.argc + 1 + nenv + 1 + naux + 2, sizeof *v);
	if (!v)
		return NULL;
	for (int i = 0; i < ad->loader->host.argc; i++)
		v[at++] = ad->loader->host.argv[i];
	at++;
	for (size_t i = 0; i < nenv; i++) {
		v[at] = strdup(env[i]);
		if (!v[at++]) { /* never with a gap: what follows would be lost */
			for (at = ad->loader->host.argc + 1; v[at]; at++)
				free(v[at]);
			free(v);
			return NULL;
		}
	}
	at++;
	memcpy(v + at, ad->loader->host.auxv, naux * sizeof *v);
	*argc = ad->loader->host.argc;
	return v;
}

/* Opens a library of the host's namespace for good. */
static void *open_global(struct adapters *ad, const char *name)
{
	return call_dlopen(ad->loader, false, name, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
}

/* What the Go runtime reserves at its start (runtime/mpagealloc_64bit.go, sysInit: 600 MB,
 * and its first arena); where it does not get that it ends the process. */
#define GO_RUNTIME_MB 900 /* as in tool/live/launch.c */

static bool has_address_space(struct adapters *ad, const char *path)
{
	size_t size = (size_t)GO_RUNTIME_MB << 20;
	void *p =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p != MAP_FAILED)
		return munmap(p, size) == 0;
	error_set(ad->core,
		  "%s: the Go runtime wants %d MB of address space: %m: raise the limit "
		  "(ulimit -v)",
		  path, GO_RUNTIME_MB);
	return false;
}

static int start(struct adapters *ad, struct gort *rt)
{
	void (*rt0)(int, char **);
	void (*wait)(void);
	char *islibrary, **argv;
	int argc;

	if (!has_address_space(ad, rt->path) || tiny_main(ad->loader) != 0)
		return -1;
	rt->map = open_global(ad, rt->path);
	if (!rt->map) {
		error_set(ad->core,
			  "%s: the Go runtime cannot be loaded: see above, or "
			  "build it again with `goaudit runtime`",
			  dlerror());
		return -1;
	}
	rt0 = (void (*)(int, char **))elf_lookup(rt->map, "_rt0_amd64_linux_lib");
	wait = (void (*)(void))elf_lookup(rt->map, "_cgo_wait_runtime_init_done");
	islibrary = elf_lookup(rt->map, "runtime.islibrary");
	argv = make_arguments(ad, &argc);
	if (!rt0 || !wait || !islibrary || !argv) {
		error_set(ad->core,
			  "%s: not a Go runtime library that can be started: "
			  "build it with `goaudit runtime`",
			  rt->path);
		return -1;
	}
	*islibrary = 1;
	rt0(argc, argv);
	wait();
	return 0;
}

/* What Go and a guest's constructor call has no argument of ours. */
static struct adapters *adapters;

void gort_start(struct adapters *ad)
{
	static struct gort runtime;

	adapters = ad;
	ad->gort = &runtime;
}

void gort_call(struct adapters *ad, void *fn, void *request)
{
	ad->gort->crosscall2(fn, request, 0, 0);
}

static int collected(void *unused)
{
	CANCEL_OFF();

	(void)unused;
	retired_collected(adapters->guests);
	return 0;
}

static int bind(struct adapters *ad, struct gort *rt)
{
	void *hello = elf_lookup(rt->map, GO_FN_HELLO);
	struct go_hello h = { .size = sizeof h, .collected = collected };

	rt->crosscall2 =
		(void (*)(void *, void *, int, uintptr_t))elf_lookup(rt->map, "crosscall2");
	rt->enter = elf_lookup(rt->map, GO_FN_ENTER);
	rt->init = elf_lookup(rt->map, GO_FN_INIT);
	rt->unlink = elf_lookup(rt->map, GO_FN_UNLINK);
	rt->settle = elf_lookup(rt->map, GO_FN_SETTLE);
	rt->guard = elf_lookup(rt->map, GO_FN_GUARD);
	rt->stats = elf_lookup(rt->map, GO_FN_STATS);
	if (!hello || !rt->crosscall2 || !rt->enter || !rt->init || !rt->unlink ||
	    !rt->settle || !rt->guard || !rt->stats) {
		error_set(ad->core,
			  "%s: it lacks the entry points of goaudit: build the "
			  "runtime with `goaudit runtime`",
			  rt->path);
		return -1;
	}
	h.modinfo = types_modinfo(ad->loader->head, &h.modinfo_n);
	gort_call(ad, hello, &h);
	if (h.protocol != GO_PROTOCOL) {
		error_set(ad->core,
			  "%s: built by another release of goaudit (protocol "
			  "%llu, here %d): build it again with `goaudit runtime`",
			  rt->path, (unsigned long long)h.protocol, GO_PROTOCOL);
		return -1;
	}
	snprintf(rt->version, sizeof rt->version, "%s", h.version);
	return 0;
}

static void refuse_here(struct adapters *ad, const char *what)
{
	error_set(ad->core,
		  "%s: the Go runtime does not run in a forked child: exec a program "
		  "first",
		  what);
}

/* Finds or starts the runtime; only one thread is ever here. */
static int bring_up(struct adapters *ad, struct gort *rt, const struct image_facts *facts,
		    const char *guest_path)
{
	uint64_t begin = clock_ns();

	if (find_loaded(ad, rt) < 0)
		return -1;
	if (rt->map && ad->core->forked) {
		rt->map = NULL; /* the program's own: it runs in the parent */
		refuse_here(ad, guest_path);
		return -1;
	}
	if (!rt->map) {
		if (find_file(ad, facts, guest_path, rt) != 0 || start(ad, rt) != 0)
			return -1;
	}
	if (bind(ad, rt) != 0)
		return -1;
	rt->start_ns = clock_ns() - begin;
	log_line(ad->core, "%s: %s runs, start took %llu us", rt->path, rt->version,
		 (unsigned long long)rt->start_ns / 1000);
	return 0;
}

static void publish_locked(struct gort *rt)
{
	records_begin_locked();
	goaudit_debug.go_running = 1;
	goaudit_debug.runtime.start_ns = rt->start_ns;
	memcpy(goaudit_debug.runtime.version, rt->version, sizeof rt->version);
	memcpy(goaudit_debug.runtime.path, rt->path, sizeof rt->path);
	records_end_locked();
}

static int check_hash(struct adapters *ad, const struct gort *rt,
		      const struct image_facts *facts, const char *guest_path)
{
	char want[IMAGE_HEX_MAX], have[IMAGE_HEX_MAX];

	if (rt->abi_hash_len == facts->abi_hash_len &&
	    memcmp(rt->abi_hash, facts->abi_hash, rt->abi_hash_len) == 0)
		return 0;
	/* As much of them as people compare. */
	image_hex(facts->abi_hash, facts->abi_hash_len < 8 ? facts->abi_hash_len : 8, want);
	image_hex(rt->abi_hash, rt->abi_hash_len < 8 ? rt->abi_hash_len : 8, have);
	error_set(ad->core,
		  "%s: built for another Go runtime (ABI hash %s, the one of "
		  "this process is %s): rebuild it with `goaudit build`",
		  guest_path, want, have);
	return -1;
}

/* Takes core.lock once no other thread starts the runtime.  That one needs ld.so's lock,
 * so a constructor, which holds it, does not wait for ever. */
static bool lock_when_started(struct adapters *ad, struct gort *rt, const char *guest_path)
{
	bool bounded = locks_load_is_mine(ad->loader, true), in_time = true;
	struct timespec end = clock_deadline(CONSTRUCTOR_WAIT_NS);

	pthread_mutex_lock(&ad->core->lock);
	while (rt->state == GORT_STARTING && in_time)
		in_time =
			clock_wait(&ad->core->changed, &ad->core->lock, bounded ? &end : NULL);
	/* The caller goes on under the lock: nobody else may begin now. */
	if (in_time)
		return true;
	pthread_mutex_unlock(&ad->core->lock);
	error_set(ad->core,
		  "%s: another thread is starting the Go runtime, and this one "
		  "is in a constructor: open it from outside of constructors",
		  guest_path);
	return false;
}

/* Children of _Fork(3), clone(2) and vfork(2) have run no handler. */
static bool runs_here(const struct gort *rt)
{
	return rt->state == GORT_READY && rt->pid == getpid();
}

bool gort_runs_here(const struct adapters *ad)
{
	return runs_here(ad->gort);
}

void gort_forked(struct adapters *ad)
{
	if (ad->gort->state != GORT_NONE)
		ad->gort->state = GORT_PARENTS;
}

int gort_ensure(struct adapters *ad, const struct image_facts *facts, const char *guest_path)
{
	struct gort *rt = ad->gort;
	int result;

	if (!lock_when_started(ad, rt, guest_path))
		return -1;
	if (rt->state == GORT_NONE) {
		rt->state = GORT_STARTING;
		pthread_mutex_unlock(&ad->core->lock);
		result = bring_up(ad, rt, facts, guest_path);
		pthread_mutex_lock(&ad->core->lock);
		/* Nothing was mapped yet when no library was found: another
		 * guest, or a runtime built meanwhile, may do. */
		rt->state = result == 0 ? GORT_READY : rt->map ? GORT_FAILED : GORT_NONE;
		rt->pid = getpid();
		if (result == 0) {
			publish_locked(rt);
			ad->loader->runtime = rt->map;
			ad->loader->runtime_name = path_base(rt->path);
		}
		pthread_cond_broadcast(&ad->core->changed);
		pthread_mutex_unlock(&ad->core->lock);
		if (result != 0)
			return -1;
	} else {
		pthread_mutex_unlock(&ad->core->lock);
	}
	if (rt->state == GORT_FAILED) {
		error_set(ad->core,
			  "%s: the Go runtime of this process failed to start: "
			  "restart the process",
			  guest_path);
		return -1;
	}
	if (!runs_here(rt)) {
		refuse_here(ad, guest_path);
		return -1;
	}
	return check_hash(ad, rt, facts, guest_path);
}

/* The linker's constructor calls without regard to the stack's alignment. */
__attribute__((force_align_arg_pointer)) void gort_module_found(void *moduledata)
{
	CANCEL_OFF();
	struct call *call = call_innermost(adapters->loader);

	if (call)
		call->module = moduledata;
}

/* The answer in words of adapter.h. */
static void answer_init(struct adapter_init *init, const struct go_init *go)
{
	if (go->verdict == GO_OK)
		init->verdict = ADAPTER_GOOD;
	else
		init->verdict = go->verdict == GO_PANIC ? ADAPTER_PANICKED : ADAPTER_FAILED;
	if (init->verdict == ADAPTER_FAILED && !go->text[0])
		snprintf(init->text, sizeof init->text,
			 "the Go runtime does not find its module: rebuild "
			 "it with `goaudit build`");
	else
		text_copy(init->text, sizeof init->text, go->text);
}

#define LABEL_MAX 640

/* For crashes and for whoever has program counters of it when it is gone. */
static void describe(const struct generation *gen, struct go_register *request,
		     char name[LABEL_MAX], char file[LABEL_MAX])
{
	const struct goaudit_generation *info = gen->info;

	snprintf(name, LABEL_MAX, "%s generation %u", path_base(info->path), info->number);
	snprintf(file, LABEL_MAX, "%s%s%s", info->snapshot,
		 info->build_id[0] ? ", build id " : "", info->build_id);
	request->name = (uintptr_t)name;
	request->name_n = strlen(name);
	request->file = (uintptr_t)file;
	request->file_n = strlen(file);
}

void gort_init(struct adapters *ad, struct generation *gen, struct generation *const *others,
	       unsigned n, struct adapter_init *init)
{
	struct go_register request = {
		.lo = gen->info->lo,
		.hi = gen->info->hi,
		.module = (uintptr_t)gen->module,
	};
	struct go_init *go = calloc(1, sizeof *go);
	char name[LABEL_MAX], file[LABEL_MAX];
	struct go_range *ranges;
	uint64_t begin = clock_ns();

	describe(gen, &request, name, file);
	init->verdict = ADAPTER_FAILED; /* its module is not registered */
	init->request = go;
	if (!go || !types_register(ad, gen->object.map, &request)) {
		snprintf(init->text, sizeof init->text,
			 "its pages cannot be made writable "
			 "for the types that it shares: %m: free memory or mappings");
		return;
	}
	if (request.verdict != GO_OK) {
		go->verdict = GO_NOT_FOUND;
		answer_init(init, go);
		return;
	}
	ranges = calloc(n + 1, sizeof *ranges);
	go->size = sizeof *go;
	go->lo = gen->info->lo;
	go->hi = gen->info->hi;
	for (unsigned i = 0; ranges && i < n; i++) {
		ranges[i].lo = others[i]->info->lo;
		ranges[i].hi = others[i]->info->hi;
	}
	go->others = ranges;
	go->others_n = ranges ? n : 0; /* out of memory: names may clash */
	__atomic_store_n(&init->begun, &go->begun, __ATOMIC_RELEASE);
	gort_call(ad, ad->gort->init, go);
	free(ranges);
	answer_init(init, go);
	pthread_mutex_lock(&ad->core->lock);
	gen->info->init_ns = clock_ns() - begin;
	pthread_mutex_unlock(&ad->core->lock);
}

/* How to unlink.  The tests' build of the module can change it. */
static uint64_t unlink_flags(const struct adapters *ad)
{
#ifdef GOAUDIT_TEST_SWITCHES
	const char *s = ad->core->settings.secure ? NULL : getenv("GOAUDIT_TEST_UNLINK");

	return GO_UNLINK_PROVE ^ (s ? strtoull(s, NULL, 0) : 0);
#else
	(void)ad;
	return GO_UNLINK_PROVE;
#endif
}

void gort_end_takeover(struct adapters *ad, const struct generation *gen, bool failed)
{
	struct go_settle s = {
		.size = sizeof s,
		.lo = gen->info->lo,
		.hi = gen->info->hi,
		.failed = failed,
	};

	gort_call(ad, ad->gort->settle, &s);
}

bool gort_unlink(struct adapters *ad, struct go_module *modules, unsigned n)
{
	struct go_unlink u = {
		.size = sizeof u,
		.n = n,
		.modules = modules,
		.flags = unlink_flags(ad),
	};

	gort_call(ad, ad->gort->unlink, &u);
	log_line(ad->core,
		 "check of %u modules: %llu us, %llu stops, the longest "
		 "%llu us; %llu objects, %llu KB; written meanwhile %llu KB, "
		 "%llu rounds",
		 n, (unsigned long long)u.total_ns / 1000, (unsigned long long)u.stops,
		 (unsigned long long)u.longest_ns / 1000, (unsigned long long)u.objects,
		 (unsigned long long)u.bytes >> 10, (unsigned long long)u.dirty >> 10,
		 (unsigned long long)u.rounds);
	return u.soon;
}

int gort_stats(struct adapters *ad, struct goaudit_runtime *out, int collect)
{
	struct gort *rt = ad->gort;
	struct go_stats s = { .size = sizeof s, .gc = collect };

	memset(out, 0, sizeof *out);
	if (!runs_here(rt)) {
		error_set(ad->core, "goaudit_runtime_stats: no Go runtime runs in this "
				    "process: open a guest first");
		return -1;
	}
	gort_call(ad, rt->stats, &s);
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

int gort_move(struct adapters *ad, struct go_move *request)
{
	void *fn = elf_lookup(ad->gort->map, GO_FN_MOVE);

	if (!fn) {
		error_set(ad->core,
			  "%s: it lacks an entry point of goaudit: build the runtime "
			  "with `goaudit runtime`",
			  ad->gort->path);
		return -1;
	}
	gort_call(ad, fn, request);
	return 0;
}
