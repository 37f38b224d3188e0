#include "adapter/go/find.h"

#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapters.h"
#include "adapter/go/gort.h"
#include "core/core.h"
#include "core/error.h"
#include "core/path.h"
#include "core/text.h"
#include "dlbind.h"
#include "goaudit.h"
#include "guest/companion.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "image/image.h"
#include "loader/elf.h"
#include "loader/folder.h"
#include "loader/ldso.h"
#include "loader/loader.h"
#include "loader/transaction.h"

/* The facts of a runtime library; false: no such file, or not one. */
static bool library_facts(struct adapters *ad, const char *path, struct image_facts *facts)
{
	return companion_look(ad->guests, path, facts, NULL) && facts->kind == IMAGE_GO_RUNTIME;
}

static void take(struct gort *rt, const char *path, const struct image_facts *facts)
{
	char resolved[PATH_MAX];

	text_copy(rt->path, sizeof rt->path, realpath(path, resolved) ? resolved : path);
	memcpy(rt->abi_hash, facts->abi_hash, sizeof rt->abi_hash);
	rt->abi_hash_len = facts->abi_hash_len;
}

struct search {
	struct adapters *ad;
	struct link_map *found;
};

/* Has the program been linked by Go?  Its notes are mapped. */
static bool program_is_go(struct adapters *ad)
{
	const struct link_map *map = ad->loader->head;
	size_t n;
	const ElfW(Phdr) *ph = elf_phdrs(map, &n);

	for (size_t i = 0; ph && i < n; i++)
		if (ph[i].p_type == PT_NOTE &&
		    elf_notes_are_go((void *)(map->l_addr + ph[i].p_vaddr), ph[i].p_memsz))
			return true;
	return false;
}

/* In a transaction: nobody changes the list meanwhile. */
static void look_through(void *arg)
{
	struct search *s = arg;

	for (struct link_map *m = s->ad->loader->head; m; m = m->l_next)
		if (elf_lookup(m, "runtime.firstmoduledata")) {
			s->found = m;
			return;
		}
}

int find_loaded(struct adapters *ad, struct gort *rt)
{
	struct image_facts facts;
	struct search s = { .ad = ad };

	if (!transaction_run(ad->loader, look_through, &s)) {
		error_set(ad->core, "%s: %s", ad->loader->host.argv[0], LDSO_NOT_CALLED);
		return -1;
	}
	if (!s.found) {
		if (!program_is_go(ad))
			return 0;
		error_set(ad->core,
			  "%s: the program carries a Go runtime of its own, and "
			  "there can be only one: build it by goaudit build -exe",
			  ad->loader->host.argc ? ad->loader->host.argv[0] : "this program");
		return -1;
	}
	if (!library_facts(ad, s.found->l_name, &facts)) {
		error_set(ad->core,
			  "%s: the Go runtime in this process is not a shared "
			  "runtime library: build the program by goaudit build -exe",
			  s.found->l_name);
		return -1;
	}
	take(rt, s.found->l_name, &facts);
	rt->map = s.found;
	return 0;
}

static bool matches(const struct image_facts *have, const struct image_facts *want)
{
	return have->abi_hash_len == want->abi_hash_len &&
	       memcmp(have->abi_hash, want->abi_hash, have->abi_hash_len) == 0;
}

static bool cached_library(struct adapters *ad, const struct image_facts *facts, char *out,
			   size_t size)
{
	const char *home = ad->core->settings.secure ? NULL : getenv("HOME");
	const char *xdg = ad->core->settings.secure ? NULL : getenv("XDG_CACHE_HOME");
	char hex[IMAGE_HEX_MAX];

	image_hex(facts->abi_hash, facts->abi_hash_len, hex);
	return path_cache(out, size, ad->core->settings.cache, xdg, home) &&
	       path_add(out, size, PATH_BY_ABI) && path_add(out, size, hex) &&
	       path_add(out, size, facts->runtime_name);
}

int find_file(struct adapters *ad, const struct image_facts *facts, const char *guest_path,
	      struct gort *rt)
{
	const char *entry = facts->runpath;
	struct image_facts have;
	char path[PATH_MAX];
	bool wrong_entries = false;

	while (path_next(&entry, path, sizeof path, guest_path)) {
		if (!path_add(path, sizeof path, facts->runtime_name) ||
		    !library_facts(ad, path, &have) || !matches(&have, facts))
			continue;
		if (have.overlay)
			return take(rt, path, &have), 0;
		wrong_entries = true;
	}
	if (cached_library(ad, facts, path, sizeof path) && library_facts(ad, path, &have) &&
	    matches(&have, facts) && have.overlay)
		return take(rt, path, &have), 0;
	if (wrong_entries)
		error_set(ad->core,
			  "%s: its Go runtime library was not built by this "
			  "release of goaudit: rebuild it with `goaudit build`",
			  guest_path);
	else
		error_set(ad->core,
			  "%s: its Go runtime library (%s, for %s) is not on "
			  "this machine: rebuild it with `goaudit build`",
			  guest_path, facts->runtime_name,
			  facts->go_version[0] ? facts->go_version : "Go");
	return -1;
}

const char *find_needed(struct adapters *ad, const char *name)
{
	/* The one Go runtime, wherever the guest thinks that it is. */
	if (!ad->gort->map || strcmp(name, path_base(ad->gort->path)) != 0)
		return NULL;
	return ad->gort->path;
}
