#include "adapter/go/holders.h"

#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "adapter/adapters.h"
#include "adapter/go/gort.h"
#include "adapter/go/library.h"
#include "core/core.h"
#include "core/path.h"
#include "core/text.h"
#include "dlbind.h"
#include "go/protocol.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "loader/elf.h"

static void put_name(const struct elf_name *name, struct text_bounded *out)
{
	text_print(out, "%s", name->text);
	if (name->offset)
		text_print(out, "+%llu", (unsigned long long)name->offset);
}

/* Where a path starts: in the runtime library, a package library or another guest. */
static void put_variable(struct adapters *ad, uint64_t address, struct text_bounded *out)
{
	const struct link_map *map = ad->gort->map, *library;
	const struct generation *gen;
	struct elf_name name;

	pthread_mutex_lock(&ad->core->lock);
	gen = registry_find_address_locked(ad->guests, address);
	if (gen)
		map = gen->object.map;
	/* It stays: a Go guest is unmapped by the reaper, and this is its thread. */
	pthread_mutex_unlock(&ad->core->lock);
	if (!gen && (library = library_at(ad, address)))
		map = library;
	text_print(out, " <- ");
	if (map && elf_name_of(map, address, &name))
		put_name(&name, out);
	else
		text_print(out, "a variable");
	if (gen)
		text_print(out, " of %s", path_base(gen->guest->path));
}

/* What the Go side writes where it has no name for what is reached. */
static const char nameless[] = "variable of the module";

void holders_text(struct adapters *ad, const struct generation *gen, const struct go_module *m,
		  char *out, size_t size)
{
	struct text_bounded t = { .p = out, .size = size };

	out[0] = 0;
	if (m->verdict != GO_HELD)
		return;
	for (uint64_t i = 0; i < m->nheld; i++) {
		const struct go_held *h = &m->held[i];
		const char *text = h->text;
		struct elf_name name;

		if (i)
			text_print(&t, "\n");
		if (strncmp(text, nameless, sizeof nameless - 1) == 0 && h->target &&
		    elf_name_of(gen->object.map, h->target, &name)) {
			text_print(&t, "variable ");
			put_name(&name, &t);
			text += sizeof nameless - 1;
		}
		text_print(&t, "%s", text);
		if (h->variable)
			put_variable(ad, h->variable, &t);
	}
	if (!m->nheld)
		text_copy(out, size, m->text);
}
