#include "reload/holders.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "go/protocol.h"
#include "api/goaudit.h"
#include "core/text.h"

/* The runtime knows no names of variables; the symbol table of the library or
 * guest that has it does.  A table is in no order: it is gone through once for
 * each name, which takes a millisecond where it has 60,000 entries. */
struct name {
	const char *text;
	uint64_t offset;
};

static bool find_name(const struct link_map *map, uint64_t address, struct name *out)
{
	const ElfW(Sym) *sym = (void *)ldso_dynamic_address(map, DT_SYMTAB);
	const char *strings = (void *)ldso_dynamic_address(map, DT_STRTAB);

	/* Linkers put the strings right behind the symbols. */
	if (!sym || !strings || (const char *)sym > strings)
		return false;
	for (; (const char *)(sym + 1) <= strings; sym++) {
		uint64_t start = map->l_addr + sym->st_value;

		if (sym->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(sym->st_info) != STT_OBJECT ||
		    address - start >= sym->st_size)
			continue;
		out->text = strings + sym->st_name;
		out->offset = address - start;
		return true;
	}
	return false;
}

static size_t clip(int n, size_t size)
{
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static size_t put_name(const struct name *name, char *out, size_t size)
{
	if (!name->offset)
		return clip(snprintf(out, size, "%s", name->text), size);
	return clip(snprintf(out, size, "%s+%llu", name->text,
			     (unsigned long long)name->offset), size);
}

/* Where a path starts: in the runtime library or in another guest. */
static size_t put_variable(struct goaudit *ga, uint64_t address, char *out, size_t size)
{
	const struct link_map *map = ga->gort.map;
	const struct generation *gen;
	struct name name;
	size_t n;

	pthread_mutex_lock(&ga->lock);
	gen = registry_find_address(ga, address);
	if (gen)
		map = gen->map;
	/* It stays: a Go guest is unmapped by the reaper, and this is its thread. */
	pthread_mutex_unlock(&ga->lock);
	n = clip(snprintf(out, size, " <- "), size);
	if (map && find_name(map, address, &name))
		n += put_name(&name, out + n, size - n);
	else
		n += clip(snprintf(out + n, size - n, "a variable"), size - n);
	if (gen)
		n += clip(snprintf(out + n, size - n, " of %s", strrchr(gen->guest->path, '/') + 1),
			  size - n);
	return n;
}

/* What the Go side writes where it has no name for what is reached. */
static const char nameless[] = "variable of the module";

void held_text(struct goaudit *ga, const struct generation *gen,
	       const struct go_module *m, char *out, size_t size)
{
	size_t n = 0;

	out[0] = 0;
	if (m->verdict != GO_HELD)
		return;
	for (uint64_t i = 0; i < m->nheld && size - n > 1; i++) {
		const struct go_held *h = &m->held[i];
		const char *text = h->text;
		struct name name;

		if (i)
			n += clip(snprintf(out + n, size - n, "\n"), size - n);
		if (strncmp(text, nameless, sizeof nameless - 1) == 0 && h->target &&
		    find_name(gen->map, h->target, &name)) {
			n += clip(snprintf(out + n, size - n, "variable "), size - n);
			n += put_name(&name, out + n, size - n);
			text += sizeof nameless - 1;
		}
		n += clip(snprintf(out + n, size - n, "%s", text), size - n);
		if (h->variable)
			n += put_variable(ga, h->variable, out + n, size - n);
	}
	if (!m->nheld)
		text_copy(out, size, m->text);
}
