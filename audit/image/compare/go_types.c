/* Reading the packages, variables and types of a Go guest. */
#include "image/compare/go_types.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHAIN        32
#define DESCRIPTOR_BYTES 48 /* of internal/abi.Type */

size_t go_path_push(struct go_path *p, const char *fmt, ...)
{
	struct text_bounded t = { p->at, p->n, sizeof p->at };
	size_t before = p->n;
	va_list ap;

	va_start(ap, fmt);
	text_vprint(&t, fmt, ap);
	va_end(ap);
	p->n = t.n;
	return before;
}

void go_path_pop(struct go_path *p, size_t n)
{
	p->n = n;
	p->at[n] = '\0';
}

bool go_path_fail(struct go_path *p, const char *fmt, ...)
{
	struct text_bounded t = { p->text, 0, p->size };
	va_list ap;

	if (p->quiet || p->text == NULL || p->size == 0)
		return false;
	text_print(&t, "%s: ", p->at);
	va_start(ap, fmt);
	text_vprint(&t, fmt, ap);
	va_end(ap);
	return false;
}

/* Appends an element to an array that doubles at each power of two. */
static void *grow(struct go_image *g, void *array, size_t n, size_t size)
{
	void *p;

	if ((n & (n - 1)) != 0)
		return array;
	p = realloc(array, (n != 0 ? 2 * n : 1) * size);
	if (p == NULL) {
		g->no_memory = true;
		return array;
	}
	return p;
}

static bool is_type(int tag)
{
	switch (tag) {
	case DW_TAG_base_type:
	case DW_TAG_structure_type:
	case DW_TAG_array_type:
	case DW_TAG_pointer_type:
	case DW_TAG_subroutine_type:
	case DW_TAG_typedef: return true;
	}
	return false;
}

static void take_variable(struct go_image *g, Dwarf_Die *die)
{
	struct go_variable v = { .name = image_dwarf_name(&g->dw, die) };
	Dwarf_Attribute at;
	Dwarf_Block b;

	/* DW_OP_addr and the address, nothing else */
	if (v.name[0] == '\0' || dwarf_attr(die, DW_AT_location, &at) == NULL ||
	    dwarf_formblock(&at, &b) != 0 || b.length != 1 + sizeof v.address ||
	    b.data[0] != DW_OP_addr || !image_dwarf_ref(die, DW_AT_type, &v.type))
		return;
	memcpy(&v.address, b.data + 1, sizeof v.address);
	g->vars = grow(g, g->vars, g->nvars, sizeof v);
	if (!g->no_memory)
		g->vars[g->nvars++] = v;
}

bool go_is_mapped(const struct go_image *g, uint64_t address, uint64_t size, unsigned flags)
{
	const struct image_elf *img = &g->dw.img;

	for (size_t i = 0; i < img->phnum; i++) {
		GElf_Phdr ph;

		if (gelf_getphdr(img->elf, (int)i, &ph) != NULL && ph.p_type == PT_LOAD &&
		    (ph.p_flags & flags) == flags && address >= ph.p_vaddr &&
		    address - ph.p_vaddr <= ph.p_memsz &&
		    ph.p_memsz - (address - ph.p_vaddr) >= size)
			return true;
	}
	return false;
}

static void take_type(struct go_image *g, Dwarf_Die *die)
{
	struct go_type t = { .name = image_dwarf_name(&g->dw, die), .die = *die };
	uint64_t offset;

	if (g->types_base == 0 || t.name[0] == '\0' ||
	    !image_dwarf_number(die, DW_AT_go_runtime_type, &offset) || offset == 0)
		return;
	t.descriptor = g->types_base + offset;
	if (t.descriptor % 8 != 0 || !go_is_mapped(g, t.descriptor, DESCRIPTOR_BYTES, 0))
		return;
	g->types = grow(g, g->types, g->ntypes, sizeof t);
	if (!g->no_memory)
		g->types[g->ntypes++] = t;
}

static void take_package(struct go_image *g, Dwarf_Die *unit)
{
	const char *name = image_dwarf_name(&g->dw, unit);

	for (size_t i = 0; i < g->npackages; i++)
		if (strcmp(g->packages[i], name) == 0)
			return;
	if (name[0] == '\0')
		return;
	g->packages = grow(g, g->packages, g->npackages, sizeof *g->packages);
	if (!g->no_memory)
		g->packages[g->npackages++] = name;
}

static bool take(struct image_dwarf *d, Dwarf_Die *unit, Dwarf_Die *die, void *arg)
{
	struct go_image *g = arg;
	int tag = dwarf_tag(die);

	(void)d;
	take_package(g, unit);
	if (tag == DW_TAG_variable)
		take_variable(g, die);
	else if (is_type(tag))
		take_type(g, die);
	return !g->no_memory;
}

static int var_by_name(const void *a, const void *b)
{
	return strcmp(((const struct go_variable *)a)->name,
		      ((const struct go_variable *)b)->name);
}

static int type_by_name(const void *a, const void *b)
{
	return strcmp(((const struct go_type *)a)->name, ((const struct go_type *)b)->name);
}

/* Of types that share a name (those of functions may) none is found. */
static void drop_twins(struct go_image *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->ntypes;) {
		size_t j = i + 1;

		while (j < g->ntypes && strcmp(g->types[i].name, g->types[j].name) == 0)
			j++;
		if (j == i + 1)
			g->types[n++] = g->types[i];
		i = j;
	}
	g->ntypes = n;
}

/* runtime.types is a local symbol: it is in .symtab only. */
static uint64_t find_types_base(struct image_elf *img)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(img->elf, scn)) != NULL) {
		GElf_Shdr sh;
		Elf_Data *d;
		GElf_Sym sym;

		if (gelf_getshdr(scn, &sh) == NULL || sh.sh_type != SHT_SYMTAB ||
		    (d = elf_getdata(scn, NULL)) == NULL)
			continue;
		for (int i = 0; gelf_getsym(d, i, &sym) != NULL; i++) {
			const char *name = elf_strptr(img->elf, sh.sh_link, sym.st_name);

			if (name != NULL && strcmp(name, "runtime.types") == 0)
				return sym.st_value;
		}
	}
	return 0;
}

bool go_image_open(struct go_image *g, const void *data, size_t len)
{
	*g = (struct go_image){ 0 };
	if (!image_dwarf_open(&g->dw, data, len))
		return false;
	g->types_base = find_types_base(&g->dw.img);
	image_dwarf_each(&g->dw, true, take, g);
	if (g->no_memory)
		return false;
	if (g->nvars > 0)
		qsort(g->vars, g->nvars, sizeof *g->vars, var_by_name);
	if (g->ntypes > 0)
		qsort(g->types, g->ntypes, sizeof *g->types, type_by_name);
	drop_twins(g);
	return true;
}

void go_image_close(struct go_image *g)
{
	image_dwarf_close(&g->dw);
	free(g->packages);
	free(g->vars);
	free(g->types);
	*g = (struct go_image){ 0 };
}

const struct go_variable *go_find_variable(const struct go_image *g, const char *name)
{
	const struct go_variable key = { .name = name };

	return g->nvars == 0 ? NULL : bsearch(&key, g->vars, g->nvars, sizeof key, var_by_name);
}

const struct go_type *go_find_type(const struct go_image *g, const char *name)
{
	const struct go_type key = { .name = name };

	return g->ntypes == 0 ? NULL :
				bsearch(&key, g->types, g->ntypes, sizeof key, type_by_name);
}

/* Length of a package's path at the start of a name, 0 if there is another one
 * there.  Names have dots of a path's last element as %2e. */
static size_t package_length(const char *name, const char *package)
{
	const char *s = name;

	for (; *package != '\0'; package++) {
		if (*s == *package)
			s++;
		else if (strncmp(s, "%2e", 3) == 0 && *package == '.')
			s += 3;
		else
			return 0;
	}
	return *s == '.' ? (size_t)(s - name) : 0;
}

static bool in_path(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("/._-~%+", c) != NULL || (c & 0x80) != 0;
}

/* May a package's path begin at s?  What is before it can be in none, but for the
 * dots of "..." and of the compiler's mark "noalg.". */
static bool may_begin(const char *name, const char *s)
{
	return s == name || !in_path(s[-1]) ||
	       (s - name >= 3 && memcmp(s - 3, "...", 3) == 0) ||
	       (s - name >= 6 && memcmp(s - 6, "noalg.", 6) == 0);
}

bool go_is_own(const struct go_image *g, const char *name)
{
	for (const char *s = name; *s != '\0'; s++)
		for (size_t i = 0; may_begin(name, s) && i < g->npackages; i++)
			if (package_length(s, g->packages[i]) != 0)
				return true;
	return false;
}

enum go_kind go_kind_of(Dwarf_Die *type, Dwarf_Die *inner)
{
	Dwarf_Die die = *type;

	for (int i = 0; i < MAX_CHAIN; i++) {
		uint64_t kind;

		*inner = die;
		if (image_dwarf_number(&die, DW_AT_go_kind, &kind))
			return kind <= GO_KIND_UNSAFE_POINTER ? (enum go_kind)kind :
								GO_KIND_NONE;
		/* what the linker makes itself has no kind */
		if (dwarf_tag(&die) == DW_TAG_pointer_type)
			return dwarf_hasattr(&die, DW_AT_type) ? GO_KIND_POINTER :
								 GO_KIND_UNSAFE_POINTER;
		if (dwarf_tag(&die) != DW_TAG_typedef ||
		    !image_dwarf_ref(inner, DW_AT_type, &die))
			break;
	}
	return GO_KIND_NONE;
}
