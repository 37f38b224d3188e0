#include "image/compare/dwarf.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local jmp_buf *way_out; /* of the innermost image_dwarf_guarded */

static __attribute__((noreturn)) void out_of_memory(void)
{
	longjmp(*way_out, 1);
}

bool image_dwarf_guarded(void (*fn)(void *), void *arg)
{
	jmp_buf *const outer = way_out;
	jmp_buf here;
	bool ok = setjmp(here) == 0;

	if (ok) {
		way_out = &here;
		fn(arg);
	}
	way_out = outer;
	return ok;
}

/* Strings that stand in an entry itself: libdw returns where they begin, and the
 * end of the section must be known to see that they end before it. */
static void note_sections(struct image_dwarf *d)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(d->img.elf, &names) != 0)
		return;
	while ((scn = elf_nextscn(d->img.elf, scn)) != NULL) {
		const char *s;
		Elf_Data *data;
		GElf_Shdr sh;

		if (gelf_getshdr(scn, &sh) == NULL ||
		    (s = elf_strptr(d->img.elf, names, sh.sh_name)) == NULL ||
		    (strcmp(s, ".debug_info") != 0 && strcmp(s, ".debug_types") != 0) ||
		    (data = elf_getdata(scn, NULL)) == NULL || data->d_buf == NULL ||
		    d->ninfo == sizeof d->info / sizeof d->info[0])
			continue;
		d->info[d->ninfo].lo = data->d_buf;
		d->info[d->ninfo++].hi = (const char *)data->d_buf + data->d_size;
	}
}

/* libdw decompresses all sections when it opens them; most of them are of no
 * interest here.  Those are taken out of the copy's headers, which are sound
 * (image_elf_open), and have been read by nobody yet. */
static void drop_sections(struct image_dwarf *d)
{
	static const char *const wanted[] = { ".debug_info",     ".debug_abbrev",
					      ".debug_types",    ".debug_str",
					      ".debug_line_str", ".debug_str_offsets",
					      ".debug_addr" };
	char *headers = d->copy;
	Elf64_Ehdr eh;
	size_t names;

	memcpy(&eh, d->copy, sizeof eh);
	if (eh.e_shoff == 0 || elf_getshdrstrndx(d->img.elf, &names) != 0)
		return;
	headers += eh.e_shoff;
	for (size_t i = 1; i < eh.e_shnum; i++) {
		const char *s;
		Elf64_Shdr sh;
		bool keep = false;

		memcpy(&sh, headers + i * sizeof sh, sizeof sh);
		s = elf_strptr(d->img.elf, names, sh.sh_name);
		if (s == NULL || strncmp(s, ".debug_", 7) != 0)
			continue;
		for (size_t j = 0; j < sizeof wanted / sizeof wanted[0]; j++)
			keep |= strcmp(s, wanted[j]) == 0;
		if (keep)
			continue;
		sh.sh_type = SHT_NOBITS;
		sh.sh_flags &= ~(uint64_t)SHF_COMPRESSED;
		memcpy(headers + i * sizeof sh, &sh, sizeof sh);
	}
}

bool image_dwarf_open(struct image_dwarf *d, const void *data, size_t len)
{
	*d = (struct image_dwarf){ .copy = malloc(len != 0 ? len : 1) };
	if (d->copy == NULL)
		return false;
	memcpy(d->copy, data, len);
	if (image_elf_open(&d->img, d->copy, len, NULL, 0) != IMAGE_OK) {
		free(d->copy);
		d->copy = NULL;
		return false;
	}
	drop_sections(d);
	image_elf_close(&d->img);
	if (image_elf_open(&d->img, d->copy, len, NULL, 0) != IMAGE_OK) {
		free(d->copy);
		d->copy = NULL;
		return false;
	}
	d->dbg = dwarf_begin_elf(d->img.elf, DWARF_C_READ, NULL);
	if (d->dbg == NULL) {
		image_dwarf_close(d);
		return false;
	}
	dwarf_new_oom_handler(d->dbg, out_of_memory);
	note_sections(d);
	return true;
}

void image_dwarf_close(struct image_dwarf *d)
{
	if (d->copy == NULL)
		return;
	dwarf_end(d->dbg);
	image_elf_close(&d->img);
	free(d->copy);
	*d = (struct image_dwarf){ 0 };
}

static bool step(struct image_dwarf *d)
{
	return d->steps < IMAGE_DWARF_STEPS && ++d->steps;
}

bool image_dwarf_child(struct image_dwarf *d, Dwarf_Die *parent, Dwarf_Die *out)
{
	return step(d) && dwarf_child(parent, out) == 0;
}

bool image_dwarf_next(struct image_dwarf *d, Dwarf_Die *die)
{
	Dwarf_Die next;

	if (!step(d) || dwarf_siblingof(die, &next) != 0 ||
	    dwarf_dieoffset(&next) <= dwarf_dieoffset(die))
		return false;
	*die = next;
	return true;
}

void image_dwarf_each(struct image_dwarf *d, bool go, image_dwarf_fn *fn, void *arg)
{
	Dwarf_CU *cu = NULL, *next;
	Dwarf_Die unit, die;
	uint8_t type;

	while (step(d) && dwarf_get_units(d->dbg, cu, &next, NULL, &type, &unit, NULL) == 0) {
		cu = next;
		if (type != DW_UT_compile || image_dwarf_is_go(&unit) != go ||
		    !image_dwarf_child(d, &unit, &die))
			continue;
		do {
			if (!fn(d, &unit, &die, arg))
				return;
		} while (image_dwarf_next(d, &die));
	}
}

const char *image_dwarf_text(struct image_dwarf *d, Dwarf_Die *die, unsigned attribute)
{
	Dwarf_Attribute at;
	const char *s;

	if (dwarf_attr_integrate(die, attribute, &at) == NULL ||
	    (s = dwarf_formstring(&at)) == NULL)
		return NULL;
	if (dwarf_whatform(&at) != DW_FORM_string)
		return s;
	for (unsigned i = 0; i < d->ninfo; i++)
		if (s >= d->info[i].lo && s < d->info[i].hi)
			return memchr(s, 0, (size_t)(d->info[i].hi - s)) != NULL ? s : NULL;
	return NULL;
}

const char *image_dwarf_name(struct image_dwarf *d, Dwarf_Die *die)
{
	const char *s = image_dwarf_text(d, die, DW_AT_name);

	return s != NULL ? s : "";
}

bool image_dwarf_number(Dwarf_Die *die, unsigned attribute, uint64_t *out)
{
	Dwarf_Attribute at;
	Dwarf_Word w;

	/* What the linker writes as an address is an offset all the same. */
	if (dwarf_attr_integrate(die, attribute, &at) == NULL)
		return false;
	if (dwarf_whatform(&at) == DW_FORM_addr)
		return dwarf_formaddr(&at, out) == 0;
	if (dwarf_formudata(&at, &w) != 0)
		return false;
	*out = w;
	return true;
}

bool image_dwarf_flag(Dwarf_Die *die, unsigned attribute)
{
	Dwarf_Attribute at;
	bool set;

	return dwarf_attr_integrate(die, attribute, &at) != NULL &&
	       dwarf_formflag(&at, &set) == 0 && set;
}

bool image_dwarf_ref(Dwarf_Die *die, unsigned attribute, Dwarf_Die *out)
{
	Dwarf_Attribute at;

	return dwarf_attr_integrate(die, attribute, &at) != NULL &&
	       dwarf_formref_die(&at, out) != NULL;
}

bool image_dwarf_count(struct image_dwarf *d, Dwarf_Die *array, uint64_t *out)
{
	Dwarf_Die die;
	uint64_t n;
	bool any = false;

	*out = 1;
	if (!image_dwarf_child(d, array, &die))
		return false;
	do {
		if (dwarf_tag(&die) != DW_TAG_subrange_type)
			continue;
		if (!image_dwarf_number(&die, DW_AT_count, &n)) {
			if (!image_dwarf_number(&die, DW_AT_upper_bound, &n))
				return false;
			n++;
		}
		if (__builtin_mul_overflow(*out, n, out))
			return false;
		any = true;
	} while (image_dwarf_next(d, &die));
	return any;
}

bool image_dwarf_is_go(Dwarf_Die *unit)
{
	uint64_t language;

	return image_dwarf_number(unit, DW_AT_language, &language) && language == DW_LANG_Go;
}
