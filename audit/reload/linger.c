#include "reload/linger.h"

#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../dlbind/linkmap.h"
#include "../dlbind/machine.h"
#include "core/core.h"
#include "core/text.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "loader/elf.h"
#include "loader/loader.h"
#include "reload/registered.h"
#include "reload/reloads.h"
#include "reload/threads.h"

/* --- names ---------------------------------------------------------------- */

/* A line more. */
__attribute__((format(printf, 2, 3))) static void add(struct text_bounded *lines,
						      const char *format, ...)
{
	va_list ap;

	if (lines->n)
		text_print(lines, "\n");
	va_start(ap, format);
	text_vprint(lines, format, ap);
	va_end(ap);
}

static void add_line(void *lines, const char *line)
{
	add(lines, "%s", line);
}

/* Does the object name the generation in DT_NEEDED, as ld.so compares names? */
static bool names(const struct link_map *map, const struct generation *gen)
{
	const char *strings = (void *)elf_dynamic_address(map, DT_STRTAB);
	const char *its = (void *)elf_dynamic_address(gen->object.map, DT_STRTAB);
	uint64_t soname;

	if (!strings || !its || !elf_dynamic(gen->object.map, DT_SONAME, &soname))
		return false;
	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_NEEDED && strcmp(strings + d->d_un.d_val, its + soname) == 0)
			return true;
	return false;
}

/* The first symbol of a relocation table whose slot leads into the generation. */
static const char *bound_by(const struct link_map *map, const struct generation *gen,
			    int64_t table, int64_t size_tag)
{
	const ElfW(Rela) *r = (void *)elf_dynamic_address(map, table);
	const ElfW(Sym) *syms = (void *)elf_dynamic_address(map, DT_SYMTAB);
	const char *strings = (void *)elf_dynamic_address(map, DT_STRTAB);
	uint64_t size;

	if (!r || !syms || !strings || !elf_dynamic(map, size_tag, &size))
		return NULL;
	for (size_t i = 0; i < size / sizeof *r; i++) {
		uint32_t sym = ELF64_R_SYM(r[i].r_info);
		uintptr_t value;

		if (!sym || !machine_stores_address(ELF64_R_TYPE(r[i].r_info)))
			continue;
		value = *(uintptr_t *)(map->l_addr + r[i].r_offset);
		if (generation_has(gen, value))
			return strings + syms[sym].st_name;
	}
	return NULL;
}

/* The user's name of an object. */
static const char *user_name(struct reloads *rl, const struct link_map *map)
{
	const char *name = map->l_name;
	struct generation *gen;

	if (map == rl->loader->head)
		return "the program";
	pthread_mutex_lock(&rl->core->lock);
	gen = registry_find_address_locked(rl->guests, (uintptr_t)map->l_ld);
	if (gen)
		name = gen->guest->path;
	pthread_mutex_unlock(&rl->core->lock);
	return name;
}

static void name_objects(struct reloads *rl, const struct generation *gen,
			 struct text_bounded *lines)
{
	for (const struct link_map *m = rl->loader->ldso.ns->loaded; m; m = m->l_next) {
		const char *symbol;

		if (m == gen->object.map)
			continue;
		symbol = bound_by(m, gen, DT_RELA, DT_RELASZ);
		if (!symbol)
			symbol = bound_by(m, gen, DT_JMPREL, DT_PLTRELSZ);
		if (names(m, gen))
			add(lines, "%s, which needs it", user_name(rl, m));
		else if (symbol)
			add(lines, "%s, which is bound to its %s", user_name(rl, m), symbol);
	}
}

/* Generations that are out of the link map, and threads.  With our lock. */
static void name_ours_locked(struct reloads *rl, const struct generation *gen,
			     struct text_bounded *lines)
{
	for (struct generation *g = rl->guests->registry.live; g; g = g->next_live)
		for (unsigned i = 0; g->object.hidden && i < g->pins.n; i++)
			if (g->pins.handle[i] == gen->object.map)
				add(lines, "generation %u of %s, which needs it",
				    g->info->number, g->guest->path);
	threads_name_locked(rl, gen, add_line, lines);
}

void linger_name(struct reloads *rl, const struct generation *gen, bool nested, char *out,
		 size_t size)
{
	struct text_bounded lines = { .p = out, .size = size };

	out[0] = 0;
	if (nested)
		add(&lines, "a dlclose that is under way");
	if (gen->closed)
		name_objects(rl, gen, &lines);
	pthread_mutex_lock(&rl->core->lock);
	name_ours_locked(rl, gen, &lines);
	pthread_mutex_unlock(&rl->core->lock);
	registered_hold(rl, gen, add_line, &lines);
	if (!lines.n)
		add(&lines, "ld.so, for somebody's reference that is not known here, or "
			    "RTLD_NODELETE");
}
