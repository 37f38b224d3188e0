#include "adapter/go/go.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "adapter/adapter.h"
#include "adapter/adapters.h"
#include "adapter/go/binding.h"
#include "adapter/go/find.h"
#include "adapter/go/gort.h"
#include "adapter/go/holders.h"
#include "adapter/go/library.h"
#include "adapter/go/move.h"
#include "adapter/go/panic.h"
#include "core/core.h"
#include "core/log.h"
#include "go/protocol.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/snapshot.h"
#include "image/image.h"
#include "loader/elf.h"
#include "loader/redirect.h"

_Static_assert((int)HOLDER_RUNNING == (int)GO_HOLDER_FRAME &&
		       (int)HOLDER_BUSY == (int)GO_HOLDER_BUSY &&
		       (int)HOLDER_CALL == (int)GO_HOLDER_CALL &&
		       (int)HOLDER_LOADER == (int)GO_HOLDER_LOADER,
	       "adapter.h and protocol.h number holders alike");

static bool recognises(const struct image_facts *facts)
{
	return facts->kind == IMAGE_GO_GUEST;
}

/* A first look at a file that the host wants to open: does the Go linker's
 * note stand in it?  This runs for every dlopen of the host, and libelf must
 * not be brought in for a host that never opens a guest; so these few headers
 * are read here, and everything else of a file by the image library. */
static bool looks_like_go(int fd)
{
	unsigned char head[2048], notes[512];
	ssize_t n = pread(fd, head, sizeof head, 0);
	ElfW(Ehdr) eh;

	if (n < (ssize_t)sizeof eh)
		return false;
	memcpy(&eh, head, sizeof eh);
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_phentsize != sizeof(ElfW(Phdr)) ||
	    eh.e_phoff > (size_t)n)
		return false;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		size_t at = eh.e_phoff + i * sizeof(ElfW(Phdr));
		ElfW(Phdr) ph;
		ssize_t got;

		if (at + sizeof ph > (size_t)n)
			return false;
		memcpy(&ph, head + at, sizeof ph);
		if (ph.p_type != PT_NOTE)
			continue;
		got = pread(fd, notes, ph.p_filesz < sizeof notes ? ph.p_filesz : sizeof notes,
			    ph.p_offset);
		if (got > 0 && elf_notes_are_go(notes, got))
			return true;
	}
	return false;
}

static bool claims(struct adapters *ad, int fd)
{
	return looks_like_go(fd) && snapshot_kind(ad->guests, fd) == IMAGE_GO_GUEST;
}

static int prepare(struct adapters *ad, const struct image_facts *facts, const char *guest_path,
		   bool panic_return)
{
	if (facts->symbolic)
		log_line(ad->core,
			 "%s: warning: linked with -Bsymbolic: types of the "
			 "runtime library are split in it; reflect, signal.Notify "
			 "and protobuf misbehave: build it with `goaudit build`",
			 guest_path);
	if (gort_ensure(ad, facts, guest_path) != 0 ||
	    library_ensure(ad, facts, guest_path) != 0)
		return -1;
	return panic_return ? panic_prepare(ad, guest_path) : 0;
}

static void *resolver_module(void)
{
	return gort_module_found;
}

/* A Go program links its own module. */
static const struct redirection module_target = { "runtime.addmoduledata.abi0",
						  resolver_module };

/* For those opened with RTLD_PANIC_RETURN. */
static const struct redirection panic_target = { "crosscall2", panic_entry };

static const struct redirection *redirect(struct adapters *ad, const struct generation *gen,
					  const char *name)
{
	(void)ad;
	if (strcmp(name, module_target.name) == 0)
		return &module_target;
	return gen && gen->panic_return && strcmp(name, panic_target.name) == 0 ?
		       &panic_target :
		       NULL;
}

/* Of the last unlink.  There is one reaper, and 130 KB are much for a stack. */
static struct go_module modules[ADAPTER_BATCH];
static struct go_held held[ADAPTER_BATCH][GO_HELD_MAX];

static bool unlink_modules(struct adapters *ad, struct adapter_answer *answers, unsigned n)
{
	bool soon;

	for (unsigned i = 0; i < n; i++)
		modules[i] = (struct go_module){
			.lo = answers[i].gen->info->lo,
			.hi = answers[i].gen->info->hi,
			.number = answers[i].gen->info->number,
			.held = held[i],
		};
	soon = gort_unlink(ad, modules, n);
	for (unsigned i = 0; i < n; i++) {
		struct adapter_answer *a = &answers[i];

		a->held = modules[i].verdict == GO_HELD;
		a->holder = a->held ? modules[i].holder : GO_HOLDER_NONE;
		a->goroutine = modules[i].goroutine;
		a->detail = &modules[i];
		memcpy(a->text, modules[i].text, sizeof a->text);
	}
	return soon;
}

static void holders(struct adapters *ad, const struct adapter_answer *answer, char *out,
		    size_t size)
{
	holders_text(ad, answer->gen, answer->detail, out, size);
}

static void init_panicked(struct adapters *ad, const char *guest_path,
			  const struct adapter_init *init)
{
	panic_of_init(ad, guest_path, ((const struct go_init *)init->request)->stack);
}

const struct adapter go_adapter = {
	.language = "Go",
	.reaped = true,
	.returns_panics = true,
	.start = gort_start,
	.recognises = recognises,
	.claims = claims,
	.prepare = prepare,
	.runs_here = gort_runs_here,
	.mapped = binding_bind,
	.is_runtime = library_is_coming,
	.redirect = redirect,
	.search = find_needed,
	.initialise = gort_init,
	.init_panicked = init_panicked,
	.end_takeover = gort_end_takeover,
	.move = go_move,
	.unlink = unlink_modules,
	.holders = holders,
	.stats = gort_stats,
	.last_panic = panic_last,
	.forked = gort_forked,
};
