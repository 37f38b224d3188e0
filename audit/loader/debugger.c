#include "loader/debugger.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "../dlbind/linkmap.h"
#include "../dlbind/machine.h"
#include "core/log.h"
#include "dlbind.h"
#include "goaudit.h"
#include "loader/elf.h"
#include "loader/ldso.h"
#include "loader/loader.h"
#include "loader/tiny.h"
#include "loader/transaction.h"

struct notice {
	struct loader *ld;
	struct link_map *map;
	bool *global; /* see ldso_hide */
	bool insert;
};

static bool has_breakpoint(uintptr_t address)
{
	return address && machine_is_breakpoint((const void *)address);
}

bool debugger_is_watched(const struct loader *ld)
{
	return has_breakpoint(ld->ldso.debug->r_brk) || has_breakpoint(ld->probe);
}

static void call_brk(struct r_debug *debug, int state)
{
	debug->r_state = state;
	((void (*)(void))debug->r_brk)();
}

static void change(const struct notice *n)
{
	if (n->insert)
		ldso_reinsert(n->ld, n->map, n->global && *n->global);
	else
		ldso_hide(n->ld, n->map, n->global);
}

/* lldb compares the list only between RT_DELETE and RT_CONSISTENT, so the
 * change stands between two such calls of its own when ld.so is not in the
 * middle of one. */
static void notify(void *arg)
{
	struct notice *n = arg;
	struct r_debug *debug = n->ld->ldso.debug;
	bool own = debug->r_state == RT_CONSISTENT;

	if (own)
		call_brk(debug, n->insert ? RT_ADD : RT_DELETE);
	change(n);
	if (own)
		call_brk(debug, RT_CONSISTENT);
}

/* When an object leaves the list, gdb forgets the breakpoints in it without
 * restoring the bytes.  The text is a private mapping of an immutable file:
 * dropping the pages that were written to brings the file's bytes back. */
static void drop_breakpoints(const struct link_map *map)
{
	size_t n;
	const ElfW(Phdr) *ph = elf_phdrs(map, &n);
	uint64_t v;

	if (elf_dynamic(map, DT_TEXTREL, &v) ||
	    (elf_dynamic(map, DT_FLAGS, &v) && (v & DF_TEXTREL)))
		return; /* ld.so itself wrote there */
	for (size_t i = 0; ph && i < n; i++) {
		uintptr_t from, to;

		if (ph[i].p_type != PT_LOAD || !(ph[i].p_flags & PF_X) ||
		    (ph[i].p_flags & PF_W))
			continue;
		from = (map->l_addr + ph[i].p_vaddr) & -MACHINE_PAGE;
		to = map->l_addr + ph[i].p_vaddr + ph[i].p_filesz;
		madvise((void *)from, to - from, MADV_DONTNEED);
	}
}

static void with_tiny(struct notice *n)
{
	struct loader *ld = n->ld;
	struct call call = { .kind = CALL_NOTIFY, .fn = notify, .arg = n };
	struct call plain = { .kind = CALL_PLAIN };
	const char *path = tiny_object(ld);
	void *tiny;

	call_push(ld, n->insert ? &call : &plain);
	tiny = path ? dlmopen(LM_ID_BASE, path, RTLD_NOW) : NULL;
	call_pop(ld, n->insert ? &call : &plain);
	if (tiny) {
		call_push(ld, n->insert ? &plain : &call);
		dlclose(tiny);
		call_pop(ld, n->insert ? &plain : &call);
	}
	if (!call.ran) /* no memory, say: the change itself must happen */
		change(n);
}

void debugger_hide(struct loader *ld, struct listed *object)
{
	struct notice n = { .ld = ld, .map = object->map, .global = &object->global };

	if (object->hidden || ldso_validate(ld))
		return;
	if (!debugger_is_watched(ld)) {
		change(&n);
	} else {
		with_tiny(&n);
		drop_breakpoints(object->map);
	}
	object->hidden = true;
}

void debugger_reinsert(struct loader *ld, struct listed *object)
{
	struct notice n = {
		.ld = ld,
		.map = object->map,
		.global = &object->global,
		.insert = true,
	};

	if (!object->hidden)
		return; /* at exit all have been put back (reload_finish) */
	/* Before gdb looks again: a stale breakpoint byte would be taken for
	 * the original one. */
	if (!debugger_is_watched(ld)) {
		change(&n);
	} else {
		drop_breakpoints(object->map);
		with_tiny(&n);
	}
	object->hidden = false;
}

void debugger_reinsert_within(struct loader *ld, struct listed *object)
{
	if (debugger_is_watched(ld))
		drop_breakpoints(object->map);
	ldso_reinsert(ld, object->map, object->global);
	object->hidden = false;
}

/* Debuggers skip objects without a name (gdb, svr4_current_sos_1). */
void debugger_expose(struct loader *ld, struct link_map *map, bool exposed)
{
	if (exposed) {
		map->l_name[0] = 0;
		ldso_reinsert(ld, map, false);
	} else {
		ldso_hide(ld, map, NULL);
		map->l_name[0] = '/';
	}
}

/* A function that does nothing (go/exe); NULL where the program has none. */
static void *delve_marker(const struct loader *ld)
{
	return ld->head ? elf_lookup(ld->head, "goaudit_loaded") : NULL;
}

void debugger_loaded(const struct loader *ld)
{
	void (*mark)(void) = (void (*)(void))delve_marker(ld);

	if (mark)
		mark();
}

/* Delve keeps a breakpoint at the marker's one instruction. */
bool debugger_forgets_nothing(const struct loader *ld)
{
	return has_breakpoint((uintptr_t)delve_marker(ld));
}

struct relisting {
	struct notice notice;
	void (*between)(void *);
	void *arg;
	bool done;
};

static void relist(void *arg)
{
	struct relisting *r = arg;
	struct notice *n = &r->notice;

	if (ldso_validate(n->ld) || !linkmap_has(n->ld->ldso.ns, n->map) || !n->map->l_prev)
		return;
	with_tiny(n);
	r->between(r->arg);
	n->insert = true;
	with_tiny(n);
	log_line(n->ld->core, "%s: debuggers read it again", n->map->l_name);
	r->done = true;
}

bool debugger_relist(struct loader *ld, struct link_map *map, void (*between)(void *),
		     void *arg)
{
	struct relisting r = {
		.notice = { .ld = ld, .map = map },
		.between = between,
		.arg = arg,
	};

	transaction_run(ld, relist, &r);
	return r.done;
}

void debugger_close(struct loader *ld, struct link_map *map)
{
	char *name = map->l_name, first = name[0];
	const struct link_map *m = ld->ldso.ns->loaded;

	if (!debugger_is_watched(ld)) {
		dlclose(map);
		return;
	}
	name[0] = 0;
	dlclose(map);
	while (m && m != map)
		m = m->l_next;
	if (m && m->l_name == name) /* it stays: a thread's destructor, say */
		name[0] = first;
}

static void run_notice(struct loader *ld, bool insert)
{
	struct call *call = call_innermost(ld);

	if (!call || call->kind != CALL_NOTIFY || call->ran ||
	    ((struct notice *)call->arg)->insert != insert)
		return;
	call->ran = true;
	call->fn(call->arg);
}

/* Between RT_ADD and RT_CONSISTENT of the tiny object's dlopen. */
void debugger_tiny_opened(struct loader *ld, const struct link_map *map)
{
	if (map->l_name && strcmp(map->l_name, ld->tiny.path) == 0)
		run_notice(ld, true);
}

/* Before RT_DELETE of its dlclose.  LA_ACT_CONSISTENT is of no use: since glibc
 * 2.41 it comes after the debugger has been told. */
void debugger_activity_delete(struct loader *ld)
{
	run_notice(ld, false);
}
