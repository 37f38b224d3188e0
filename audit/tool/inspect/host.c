/* What a program and a library take from each other: COPY relocations, and
 * symbols of a library that the program's scope defines first. */
#include "tool/inspect/host.h"

#include <stdlib.h>
#include <string.h>

#include "../dlbind/machine.h"

#define COPIES_MAX   1024   /* looked at; programs have a dozen */
#define CAPTURED_MAX 200000 /* symbols looked up */

/* The first library that defines a name, in ld.so's order. */
static struct object *definer(const struct closure *c, size_t from, const char *name,
			      GElf_Sym *sym)
{
	for (size_t i = from; i < c->n; i++) {
		size_t at = image_find_symbol(&c->object[i]->elf, name);

		if (at != 0 && object_symbol(c->object[i], at, sym) && object_defines(sym))
			return c->object[i];
	}
	return NULL;
}

/* Does the library go on using its own object beside a program's copy? */
static const char *keeps_own(const struct object *library, const GElf_Sym *sym)
{
	if (library->facts.symbolic)
		return "is linked with -Bsymbolic";
	return GELF_ST_VISIBILITY(sym->st_other) == STV_PROTECTED ? "has it protected" : NULL;
}

/* One COPY relocation of the program against a library of its own. */
static void judge_copy(const struct closure *c, const char *name, uint64_t size,
		       struct names *plain, struct report *r)
{
	GElf_Sym theirs;
	struct object *library = definer(c, 1, name, &theirs);
	const char *own;

	if (library == NULL) {
		report_add(r, LEVEL_WARNING, "copy-undefined", NULL,
			   "COPY relocation of %.160s (%llu bytes), which no library defines",
			   name, (unsigned long long)size);
		return;
	}
	own = keeps_own(library, &theirs);
	if (own != NULL)
		report_add(
			r, LEVEL_WARNING, "copy-split",
			"compile the program with -fPIE -mno-direct-extern-access, or the "
			"library without it",
			"COPY relocation of %.160s (%llu bytes): %s %s, so program and library "
			"each have one",
			name, (unsigned long long)size, object_name(library), own);
	else if (theirs.st_size != size)
		report_add(r, LEVEL_WARNING, "copy-size", "link the program again",
			   "COPY relocation of %.160s: %llu bytes here, %llu in %s", name,
			   (unsigned long long)size, (unsigned long long)theirs.st_size,
			   object_name(library));
	else
		names_add(plain, "%.160s (%llu bytes, of %s)", name, (unsigned long long)size,
			  object_name(library));
}

void inspect_copies(struct object *program, const struct closure *c, struct report *r)
{
	struct names plain = { 0 };
	struct relocs it;
	unsigned seen = 0;
	GElf_Rela rel;
	GElf_Sym sym;

	relocs_begin(&it, program);
	while (seen < COPIES_MAX && relocs_next(&it, &rel))
		if (GELF_R_TYPE(rel.r_info) == MACHINE_R_COPY &&
		    object_symbol(program, GELF_R_SYM(rel.r_info), &sym)) {
			seen++;
			judge_copy(c, image_symbol_name(&program->elf, GELF_R_SYM(rel.r_info)),
				   sym.st_size, &plain, r);
		}
	if (plain.n > 0)
		report_add(r, LEVEL_NOTE, "copy", NULL,
			   "COPY relocations, so these keep their state over a reload of their "
			   "library: %s",
			   names_text(&plain));
	names_free(&plain);
}

/* The host's copies of what this very library defines. */
static void judge_host_copies(struct inspector *in, struct object *o, struct report *r)
{
	struct names shared = { 0 }, split = { 0 };
	struct relocs it;
	unsigned seen = 0;
	GElf_Rela rel;
	GElf_Sym sym;

	relocs_begin(&it, in->host);
	while (seen < COPIES_MAX && relocs_next(&it, &rel)) {
		const char *name = image_symbol_name(&in->host->elf, GELF_R_SYM(rel.r_info));
		size_t at = GELF_R_TYPE(rel.r_info) == MACHINE_R_COPY && *name != '\0' ?
				    image_find_symbol(&o->elf, name) :
				    0;

		if (at == 0 || !object_symbol(o, at, &sym) || !object_defines(&sym))
			continue;
		seen++;
		names_add(keeps_own(o, &sym) != NULL ? &split : &shared, "%.160s (%llu bytes)",
			  name, (unsigned long long)sym.st_size);
	}
	if (split.n > 0)
		report_add(
			r, LEVEL_WARNING, "copy-split",
			"compile the program with -fPIE -mno-direct-extern-access, or link the "
			"library without -Bsymbolic",
			"%s has a copy of its own, which this library does not use: %s",
			object_name(in->host), names_text(&split));
	if (shared.n > 0)
		report_add(r, LEVEL_WARNING, "copy-shared",
			   "let the program find it with dlsym",
			   "%s holds it, for all generations: %s", object_name(in->host),
			   names_text(&shared));
	names_free(&split);
	names_free(&shared);
}

/* A reference by name, of which the scope's first definition is taken. */
static bool binds_by_name(unsigned type)
{
	return machine_stores_address(type) || type == MACHINE_R_TLS_MODULE ||
	       type == MACHINE_R_TLS_OFFSET;
}

static void judge_symbol(const struct closure *host, const struct object *o, size_t i,
			 struct names *taken, struct names *shared)
{
	const char *name = image_symbol_name(&o->elf, i);
	struct object *by;
	GElf_Sym sym, theirs;

	if (!object_symbol(o, i, &sym) || sym.st_shndx == SHN_UNDEF || *name == '\0' ||
	    GELF_ST_BIND(sym.st_info) == STB_LOCAL ||
	    GELF_ST_VISIBILITY(sym.st_other) != STV_DEFAULT)
		return;
	/* Names of Go's are settled by the audit module (adapter/go/binding.c). */
	if (o->facts.kind == IMAGE_GO_GUEST && strpbrk(name, ".:") != NULL)
		return;
	by = definer(host, 0, name, &theirs);
	if (by != NULL)
		names_add(GELF_ST_BIND(sym.st_info) == STB_GNU_UNIQUE ? shared : taken,
			  "%.160s (%s)", name, object_name(by));
}

void inspect_captured(struct inspector *in, struct object *o, struct report *r)
{
	struct names taken = { 0 }, shared = { 0 };
	unsigned char *seen;
	size_t looked = 0,
	       room = o->elf.sym != NULL ? o->elf.sym->d_size / sizeof(Elf64_Sym) : 0;
	struct relocs it;
	GElf_Rela rel;

	judge_host_copies(in, o, r);
	for (size_t i = 1; i < in->host_closure.n; i++)
		if (o->real != NULL && in->host_closure.object[i]->real != NULL &&
		    strcmp(in->host_closure.object[i]->real, o->real) == 0)
			report_add(
				r, LEVEL_REFUSED, "linked-by-host",
				"let the program open it with dlopen only",
				"%s is linked against it: it is loaded at start and for ever",
				object_name(in->host));
	seen = allocate(room / 8 + 1);
	relocs_begin(&it, o);
	while (!o->facts.symbolic && looked < CAPTURED_MAX && relocs_next(&it, &rel)) {
		size_t i = GELF_R_SYM(rel.r_info);

		if (i >= room || !binds_by_name(GELF_R_TYPE(rel.r_info)) ||
		    (seen[i / 8] & 1 << i % 8) != 0)
			continue;
		seen[i / 8] |= (unsigned char)(1 << i % 8);
		looked++;
		judge_symbol(&in->host_closure, o, i, &taken, &shared);
	}
	free(seen);
	if (taken.n > 0)
		report_add(r, LEVEL_WARNING, "captured",
			   "make them static or hidden, or link with -Bsymbolic",
			   "its references to symbols of its own are bound to others: %s",
			   names_text(&taken));
	names_free(&taken);
	if (shared.n > 0)
		report_add(
			r, LEVEL_NOTE, "shared-statics", NULL,
			"one object with the host's, which keep their state over a reload and "
			"are destroyed with the host: %s",
			names_text(&shared));
	names_free(&shared);
}
