#include "loader/tables.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dlbind.h"
#include "goaudit.h"
#include "loader/elf.h"
#include "loader/loader.h"

struct table_copy {
	struct table_copy *next;
	const struct link_map *map;
	void *memory;
	size_t size;
	bool closed;
};

bool tables_among_code(const struct link_map *map, uintptr_t address)
{
	const ElfW(Phdr) *segment = elf_segment_at(map, PT_LOAD, (const void *)address);

	return segment && segment->p_flags & PF_X;
}

static ElfW(Dyn) * entry_of(const struct link_map *map, int64_t tag)
{
	ElfW(Dyn) *d = map->l_ld;

	while (d->d_tag != DT_NULL && d->d_tag != tag)
		d++;
	return d->d_tag == tag ? d : NULL;
}

bool tables_copy(struct loader *ld, const struct link_map *map, uintptr_t lo, uintptr_t hi,
		 const int64_t *tags, unsigned n)
{
	const ElfW(Phdr) *dynamic = elf_segment_at(map, PT_LOAD, map->l_ld);
	struct table_copy *copy;

	if (!dynamic || !(dynamic->p_flags & PF_W)) {
		errno = EROFS; /* ld -z rodynamic */
		return false;
	}
	copy = calloc(1, sizeof *copy);
	if (!copy)
		return false;
	copy->memory =
		mmap(NULL, hi - lo, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy->memory == MAP_FAILED) {
		free(copy);
		return false;
	}
	copy->map = map;
	copy->size = hi - lo;
	memcpy(copy->memory, (const void *)lo, copy->size);
	for (unsigned i = 0; i < n; i++) {
		ElfW(Dyn) *d = entry_of(map, tags[i]);

		if (d)
			d->d_un.d_ptr = (uintptr_t)copy->memory + (d->d_un.d_ptr - lo);
	}
	copy->next = ld->tables;
	ld->tables = copy;
	return true;
}

void tables_closed(struct loader *ld, const struct link_map *map)
{
	for (struct table_copy *c = ld->tables; c; c = c->next)
		if (c->map == map)
			c->closed = true;
}

void tables_unmapped(struct loader *ld)
{
	struct table_copy **p = &ld->tables, *c;

	while ((c = *p)) {
		if (!c->closed) {
			p = &c->next;
			continue;
		}
		*p = c->next;
		munmap(c->memory, c->size);
		free(c);
	}
}
