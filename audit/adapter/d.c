#include "adapter/d.h"

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "adapter/adapter.h"
#include "adapter/adapters.h"
#include "core/path.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "image/image.h"
#include "loader/elf.h"
#include "loader/loader.h"
#include "loader/redirect.h"
#include "loader/transaction.h"

/* druntime (core/memory.d, BlkAttr). */
#define BLOCK_FINALIZE     1
#define BLOCK_APPENDABLE   8
#define BLOCK_STRUCT_FINAL 32

typedef int has_finalizer_function(void *p, size_t size, unsigned attributes, size_t length,
				   const void *segment);

/* What is looked for; in a transaction, so one at a time. */
struct search {
	const struct generation *gen;
	const char *what;
	size_t length;
	unsigned objects;
	const void *self;
	unsigned threads;
};

/* What druntime calls has no argument of ours. */
static struct adapters *adapters;
static has_finalizer_function *has_finalizer;
static struct search *dry;

static void start(struct adapters *ad)
{
	adapters = ad;
}

static bool recognises(const struct image_facts *facts)
{
	return facts->needs_druntime;
}

static bool is_runtime(const struct link_map *map)
{
	return map->l_name && image_is_druntime(path_base(map->l_name));
}

static int self(void)
{
	return (int)syscall(SYS_gettid);
}

/* On the thread that loads it; gen->module becomes what its load has been told. */
static void mapped(struct adapters *ad, struct generation *gen, const struct link_map *map)
{
	struct call *call = call_innermost(ad->loader);

	(void)gen, (void)map;
	if (call)
		call->module = (void *)(intptr_t)self();
}

/* The address that tells a block's type: of an object its class's table of functions, of a
 * struct its TypeInfo, at the block's end (rt/lifetime.d, rt_hasFinalizerInSegment). */
static uintptr_t type_of(void *p, size_t size, unsigned attributes)
{
	if (!(attributes & BLOCK_STRUCT_FINAL))
		return *(uintptr_t *)p;
	if ((attributes & BLOCK_APPENDABLE) && size >= 4096)
		return *(uintptr_t *)((char *)p + 8);
	return *(uintptr_t *)((char *)p + size - 8);
}

/* TypeInfo_Class and its name (object.d): two words, the initialiser's slice, the name's. */
static void note(struct search *s, uintptr_t type, unsigned attributes)
{
	const uintptr_t *class;

	s->objects++;
	if (s->objects > 1 || (attributes & BLOCK_STRUCT_FINAL))
		return;
	class = *(const uintptr_t *const *)type;
	s->length = class[4];
	s->what = (const char *)class[5];
}

/* In place of druntime's own, which asks for the destructor's address alone: an object whose
 * class lies in a closing image has to be finalised now, also if its destructor is
 * druntime's.  druntime's lock of the collector is held. */
static int finalizer_in_segment(void *p, size_t size, unsigned attributes, size_t length,
				const void *segment)
{
	uintptr_t type = type_of(p, size, attributes);

	if (dry) {
		if (type && generation_has(dry->gen, type))
			note(dry, type, attributes);
		return 0;
	}
	if (has_finalizer(p, size, attributes, length, segment))
		return 1;
	return type && elf_object_at((void *)type) == elf_object_at(segment);
}

static void *resolver_finalizer(void)
{
	return (void *)finalizer_in_segment;
}

/* Objects of classes without a destructor are not gone through: they get one that is empty. */
static void *(*new_class)(const void *class);
static void *(*alloc_class)(const void *class);
static void (*set_attributes)(void *p, unsigned attributes);

static void *allocate(void *object)
{
	if (object && set_attributes)
		set_attributes(object, BLOCK_FINALIZE);
	return object;
}

static void *our_new_class(const void *class)
{
	return allocate(new_class(class));
}

static void *our_alloc_class(const void *class)
{
	return allocate(alloc_class(class));
}

static const struct link_map *runtime_of(struct adapters *ad)
{
	for (const struct link_map *m = ad->loader->head; m; m = m->l_next)
		if (is_runtime(m) && elf_lookup(m, "gc_runFinalizers"))
			return m;
	return NULL;
}

static void *lookup(const char *name)
{
	const struct link_map *map = runtime_of(adapters);

	return map ? elf_lookup(map, name) : NULL;
}

static void *resolver_new_class(void)
{
	*(void **)&set_attributes = lookup("gc_setAttr");
	*(void **)&new_class = lookup("_d_newclass");
	return (void *)our_new_class;
}

static void *resolver_alloc_class(void)
{
	*(void **)&set_attributes = lookup("gc_setAttr");
	*(void **)&alloc_class = lookup("_d_allocclass");
	return (void *)our_alloc_class;
}

static const struct redirection finalizer_target = { "rt_hasFinalizerInSegment",
						     resolver_finalizer };
static const struct redirection new_class_target = { "_d_newclass", resolver_new_class };
static const struct redirection alloc_class_target = { "_d_allocclass", resolver_alloc_class };

static const struct redirection *redirect(struct adapters *ad, const struct generation *gen,
					  const char *name)
{
	(void)ad;
	if (gen && strcmp(name, new_class_target.name) == 0)
		return &new_class_target;
	if (gen && strcmp(name, alloc_class_target.name) == 0)
		return &alloc_class_target;
	if (gen || strcmp(name, finalizer_target.name) != 0)
		return NULL;
	if (!has_finalizer)
		*(void **)&has_finalizer = lookup(finalizer_target.name);
	return has_finalizer ? &finalizer_target : NULL;
}

/* --- who holds ------------------------------------------------------------ */

/* One range of a thread's memory.  The world stands still.  ldc hands explicit arguments over
 * in the other order. */
static void scan(void *arg, void *from, void *to)
{
	struct search *s = arg;
	uintptr_t *word = from < to ? from : to, *end = from < to ? to : from;

	if (s->self >= (void *)word && s->self < (void *)end)
		return; /* whoever closes may have called it before */
	for (; word < end; word++)
		if (generation_has(s->gen, *word)) {
			s->threads++;
			return;
		}
}

struct delegate {
	void *context;
	void (*function)(void *context, void *a, void *b);
};

static void find_threads(struct search *s)
{
	void (*suspend)(void) = (void (*)(void))lookup("thread_suspendAll");
	void (*resume)(void) = (void (*)(void))lookup("thread_resumeAll");
	void (*scan_all)(struct delegate) = (void (*)(struct delegate))lookup("thread_scanAll");

	if (!suspend || !resume || !scan_all)
		return;
	suspend();
	scan_all((struct delegate){ s, scan });
	resume();
}

static void find_objects(struct search *s)
{
	void (*collect)(void) = (void (*)(void))lookup("gc_collect");
	void (*run)(size_t, const void *) =
		(void (*)(size_t, const void *))lookup("gc_runFinalizers");

	if (!collect || !run || !has_finalizer)
		return;
	collect();
	dry = s;
	run(s->gen->info->hi - s->gen->info->lo, (const void *)(uintptr_t)s->gen->info->lo);
	dry = NULL;
}

/* Another thread, which is still there. */
static bool is_others(const struct generation *gen, int *tid)
{
	char path[64];

	*tid = (int)(intptr_t)gen->module;
	snprintf(path, sizeof path, "/proc/self/task/%d", *tid);
	return *tid && *tid != self() && access(path, F_OK) == 0;
}

/* Does druntime know this thread?  Where it knows none, for rt_init has not been called,
 * thread_suspendAll would wait for ever, and otherwise for one too few: it takes the caller
 * for one of its own (core/thread/osthread.d).  Thread.getThis. */
static bool is_attached(void)
{
	void *(*get_this)(void) = (void *(*)(void))lookup(
		"_D4core6thread8osthread6Thread7getThisFNbNiNfZCQBtQBrQBnQBh");

	return !get_this || get_this();
}

static bool held(struct adapters *ad, struct generation *gen, char *out, size_t size)
{
	struct search s = { .gen = gen, .self = __builtin_frame_address(0) };
	int tid;

	(void)ad;
	if (is_others(gen, &tid)) {
		snprintf(out, size, "thread %d, which opened it: close it on thread %d", tid,
			 tid);
		return true;
	}
	if (!is_attached()) {
		snprintf(out, size,
			 "thread %d, which druntime does not know: call rt_init before "
			 "guests are opened, and close them on a thread of D's",
			 self());
		return true;
	}
	find_objects(&s);
	find_threads(&s);
	if (s.threads)
		snprintf(out, size, "a thread of D's, whose stack leads to it");
	else if (s.objects && s.what)
		snprintf(out, size, "object of %.*s", (int)s.length, s.what);
	else if (s.objects)
		snprintf(out, size, "a struct of it on D's heap");
	return s.threads || s.objects;
}

const struct adapter d_adapter = {
	.language = "D",
	.start = start,
	.recognises = recognises,
	.mapped = mapped,
	.is_runtime = is_runtime,
	.redirect = redirect,
	.held = held,
};
