#include "adapter/go/holders.h"

#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "adapter/adapters.h"
#include "adapter/go/gort.h"
#include "adapter/go/library.h"
#include "core/core.h"
#include "core/text.h"
#include "dlbind.h"
#include "go/protocol.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "loader/elf.h"

static size_t clip(int n, size_t size)
{
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static size_t put_name(const struct elf_name *name, char *out, size_t size)
{
	if (!name->offset)
		return clip(snprintf(out, size, "%s", name->text), size);
	return clip(snprintf(out, size, "%s+%llu", name->text,
			     (unsigned long long)name->offset),
		    size);
}

/* Where a path starts: in the runtime library, a package library or another guest. */
static size_t put_variable(struct adapters *ad, uint64_t address, char *out, size_t size)
{
	const struct link_map *map = ad->gort->map, *library;
	const struct generation *gen;
	struct elf_name name;
	size_t n;

	pthread_mutex_lock(&ad->core->lock);
	gen = registry_find_address(ad->guests, address);
	if (gen)
		map = gen->object.map;
	/* It stays: a Go guest is unmapped by the reaper, and this is its thread. */
	pthread_mutex_unlock(&ad->core->lock);
	if (!gen && (library = library_at(ad, address)))
		map = library;
	n = clip(snprintf(out, size, " <- "), size);
	if (map && elf_name_of(map, address, &name))
		n += put_name(&name, out + n, size - n);
	else
		n += clip(snprintf(out + n, size - n, "a variable"), size - n);
	if (gen)
		n += clip(snprintf(out + n, size - n, " of %s",
				   strrchr(gen->guest->path, '/') + 1),
			  size - n);
	return n;
}

/* What the Go side writes where it has no name for what is reached. */
static const char nameless[] = "variable of the module";

void holders_text(struct adapters *ad, const struct generation *gen, const struct go_module *m,
		  char *out, size_t size)
{
	size_t n = 0;

	out[0] = 0;
	if (m->verdict != GO_HELD)
		return;
	for (uint64_t i = 0; i < m->nheld && size - n > 1; i++) {
		const struct go_held *h = &m->held[i];
		const char *text = h->text;
		struct elf_name name;

		if (i)
			n += clip(snprintf(out + n, size - n, "\n"), size - n);
		if (strncmp(text, nameless, sizeof nameless - 1) == 0 && h->target &&
		    elf_name_of(gen->object.map, h->target, &name)) {
			n += clip(snprintf(out + n, size - n, "variable "), size - n);
			n += put_name(&name, out + n, size - n);
			text += sizeof nameless - 1;
		}
		n += clip(snprintf(out + n, size - n, "%s", text), size - n);
		if (h->variable)
			n += put_variable(ad, h->variable, out + n, size - n);
	}
	if (!m->nheld)
		text_copy(out, size, m->text);
}
