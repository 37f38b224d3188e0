#include "held.h"

#include <elf.h>
#include <stdio.h>

#include "go/protocol.h"
#include "state.h"
#include "text.h"

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

static size_t put_variable(struct goaudit *ga, uint64_t address, char *out, size_t size)
{
	struct name name;
	uintptr_t lo, hi;
	int n;

	if (!ga->gort.map || !ldso_range(ga->gort.map, &lo, &hi) || address - lo >= hi - lo)
		n = snprintf(out, size, " <- variable of another guest");
	else if (!find_name(ga->gort.map, address, &name))
		n = snprintf(out, size, " <- variable of the runtime library");
	else if (name.offset)
		n = snprintf(out, size, " <- %s+%llu", name.text, (unsigned long long)name.offset);
	else
		n = snprintf(out, size, " <- %s", name.text);
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

void held_text(struct goaudit *ga, const struct go_module *m, char *out, size_t size)
{
	size_t n = 0;
	int k;

	out[0] = 0;
	if (m->verdict != GO_HELD)
		return;
	for (uint64_t i = 0; i < m->nheld && size - n > 1; i++) {
		k = snprintf(out + n, size - n, "%s%s", i ? "\n" : "", m->held[i].text);
		n += (size_t)k < size - n ? (size_t)k : size - n - 1;
		if (m->held[i].variable)
			n += put_variable(ga, m->held[i].variable, out + n, size - n);
	}
	if (!m->nheld)
		text_copy(out, size, m->text);
}
