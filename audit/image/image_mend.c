/* Mending a private copy of an image, so that it can be closed.
 *
 * All checks come first, then all writes: on failure nothing has changed.
 * Writes go to the caller's bytes at offsets that image_offset has checked,
 * since libelf's chunks may be copies. */
#include "image_elf.h"

#include <string.h>

#define SLOT sizeof(Elf64_Addr)

/* Go guest: sets *size to what DT_INIT_ARRAYSZ must become.  The entry point
 * that starts a runtime must be in the last slot and in no other, or, where
 * the image has been mended before, in the one behind the last. */
static enum image_status
plan_init_array(struct image_elf *img, uint64_t *size)
{
	uint64_t at = img->tag.init_array, end = at + *size, off;
	bool last = false, behind = false, other = false;
	GElf_Rela r;

	if (*size == 0 || *size % SLOT != 0 || !image_offset(img, at, *size, &off, NULL))
		return image_fail(img, IMAGE_UNMENDABLE, "Go guest without a sound init_array");
	for (size_t i = 0; i < img->rela_count; i++) {
		if (gelf_getrela(img->rela, (int)i, &r) == NULL)
			break;
		if (r.r_offset < at || r.r_offset > end ||
		    strcmp(image_symbol_name(img, GELF_R_SYM(r.r_info)), image_machine.rt0_lib) != 0)
			continue;
		if (GELF_R_TYPE(r.r_info) != image_machine.reloc_abs || r.r_addend != 0)
			other = true;
		else if (r.r_offset == end)
			behind = true;
		else if (r.r_offset == end - SLOT)
			last = true;
		else
			other = true;
	}
	if (other || last == behind)
		return image_fail(img, IMAGE_UNMENDABLE,
				  "%s is not the last of %llu init_array entries",
				  image_machine.rt0_lib, (unsigned long long)(*size / SLOT));
	if (last)
		*size -= SLOT;
	return IMAGE_OK;
}

static void
mend_dynamic(struct image_elf *img, uint8_t *data, uint64_t init_arraysz)
{
	GElf_Dyn d;

	for (size_t i = 0; i < img->dyn_count; i++) {
		uint64_t at = img->dyn_offset + i * sizeof(Elf64_Dyn) +
			      offsetof(Elf64_Dyn, d_un);
		uint64_t v;

		if (gelf_getdyn(img->dyn, (int)i, &d) == NULL)
			continue;
		if (d.d_tag == DT_FLAGS_1)
			v = d.d_un.d_val & ~(uint64_t)DF_1_NODELETE;
		else if (d.d_tag == DT_INIT_ARRAYSZ)
			v = init_arraysz;
		else
			continue;
		memcpy(data + at, &v, sizeof v);
	}
}

/* A unique symbol pins its object in ld.so, and all generations of an image
 * would share the first one's. */
static void
mend_symbols(struct image_elf *img, uint8_t *data)
{
	GElf_Sym sym;

	for (size_t i = 1; i < img->sym_count && i < INT32_MAX; i++) {
		if (gelf_getsym(img->sym, (int)i, &sym) == NULL)
			return;
		if (GELF_ST_BIND(sym.st_info) != STB_GNU_UNIQUE)
			continue;
		data[img->sym_offset + i * sizeof(Elf64_Sym) + offsetof(Elf64_Sym, st_info)] =
			(uint8_t)GELF_ST_INFO(STB_GLOBAL, GELF_ST_TYPE(sym.st_info));
	}
}

enum image_status
image_mend(void *data, size_t len, const struct image_facts *facts,
	   char *why, size_t why_len)
{
	struct image_elf img;
	enum image_status st = image_elf_open(&img, data, len, why, why_len);
	uint64_t init_arraysz;

	if (st != IMAGE_OK)
		return st;
	init_arraysz = img.tag.init_arraysz;
	if (facts->size != sizeof *facts || facts->base != img.base ||
	    facts->extent != img.end - img.base)
		st = image_fail(&img, IMAGE_CORRUPT, "facts of another image");
	else if (facts->kind == IMAGE_GO_RUNTIME || facts->kind == IMAGE_GO_OWN_RUNTIME)
		st = image_fail(&img, IMAGE_UNMENDABLE,
				"a Go runtime has threads that never end: it cannot be closed");
	else if (facts->kind == IMAGE_GO_GUEST)
		st = plan_init_array(&img, &init_arraysz);
	if (st == IMAGE_OK) {
		mend_dynamic(&img, data, init_arraysz);
		if (facts->has_unique)
			mend_symbols(&img, data);
	}
	image_elf_close(&img);
	return st;
}
