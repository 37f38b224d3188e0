/* Mending a private copy of an image, so that it can be closed.
 *
 * All checks come first, then all writes: on failure nothing has changed.
 * Writes go to the caller's bytes at offsets that image_offset has checked,
 * since libelf's chunks may be copies. */
#include "image/elf.h"
#include "../dlbind/machine.h"

#include <string.h>

#define RT0_LIB "_rt0_" MACHINE_GOARCH "_linux_lib" /* what c-shared puts into init_array */

#define SLOT sizeof(Elf64_Addr)

#define SLOTS_MAX 512

/* What becomes of a Go guest's DT_INIT_ARRAY.  C constructors of a cgo package
 * may stand behind the entry that starts a runtime; each of them moves one slot
 * up, over that entry, so that their order stays.  The last slot falls off the
 * end; its relocation stays as it is, among the RELATIVE ones if it is one. */
struct init_plan {
	uint64_t offset;         /* of DT_RELA in the file */
	uint64_t size;           /* what DT_INIT_ARRAYSZ becomes */
	size_t moved;            /* relocations of the slots from the entry on */
	size_t index[SLOTS_MAX]; /* their places in DT_RELA, by slot */
};

static bool starts_runtime(const struct image_elf *img, const GElf_Rela *r)
{
	return GELF_R_TYPE(r->r_info) == MACHINE_R_ADDRESS && r->r_addend == 0 &&
	       strcmp(image_symbol_name(img, GELF_R_SYM(r->r_info)), RT0_LIB) == 0;
}

/* The entry that starts a runtime must be in one slot, or, where the image has
 * been mended before, in the one behind the last. */
static enum image_status plan_init_array(struct image_elf *img, struct init_plan *plan)
{
	uint64_t at = img->tag.init_array, size = img->tag.init_arraysz, entry = 0;
	size_t slots = size / SLOT, found = 0, named = 0, place[SLOTS_MAX + 1];
	GElf_Rela r;

	plan->size = size;
	plan->moved = 0;
	if (size == 0 || size % SLOT != 0 || slots > SLOTS_MAX ||
	    !image_offset(img, at, size, &plan->offset, NULL) || img->rela == NULL ||
	    !image_offset(img, img->tag.rela, img->tag.relasz, &plan->offset, NULL))
		return image_fail(img, IMAGE_UNMENDABLE, "Go guest without a sound init_array");
	memset(place, 0xff, sizeof place);
	for (size_t i = 0; i < img->rela_count; i++) {
		if (gelf_getrela(img->rela, (int)i, &r) == NULL)
			break;
		if (r.r_offset < at || r.r_offset > at + size || (r.r_offset - at) % SLOT != 0)
			continue;
		place[(r.r_offset - at) / SLOT] = i;
		if (starts_runtime(img, &r)) {
			named++;
			entry = (r.r_offset - at) / SLOT;
		}
	}
	for (size_t slot = entry; slot < slots; slot++)
		found += place[slot] != SIZE_MAX;
	if (place[slots] != SIZE_MAX && (named == 0 || (named == 1 && entry == slots)))
		return IMAGE_OK; /* mended before */
	if (named != 1 || found != slots - entry)
		return image_fail(img, IMAGE_UNMENDABLE,
				  "%s is not one of %zu relocated init_array entries", RT0_LIB,
				  slots);
	plan->moved = slots - entry;
	memcpy(plan->index, place + entry, plan->moved * sizeof *place);
	plan->size -= SLOT;
	return IMAGE_OK;
}

/* What a relocation stores, without where. */
static void move_relocation(uint8_t *relocs, size_t from, size_t to)
{
	const size_t what = offsetof(Elf64_Rela, r_info);

	memcpy(relocs + to * sizeof(Elf64_Rela) + what,
	       relocs + from * sizeof(Elf64_Rela) + what, sizeof(Elf64_Rela) - what);
}

static void mend_init_array(uint8_t *data, const struct init_plan *plan)
{
	for (size_t i = 1; i < plan->moved; i++)
		move_relocation(data + plan->offset, plan->index[i], plan->index[i - 1]);
}

static void mend_dynamic(struct image_elf *img, uint8_t *data, uint64_t init_arraysz)
{
	GElf_Dyn d;

	for (size_t i = 0; i < img->dyn_count; i++) {
		uint64_t at =
			img->dyn_offset + i * sizeof(Elf64_Dyn) + offsetof(Elf64_Dyn, d_un);
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
static void mend_symbols(struct image_elf *img, uint8_t *data)
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

enum image_status image_mend(void *data, size_t len, const struct image_facts *facts, char *why,
			     size_t why_len)
{
	struct image_elf img;
	enum image_status st = image_elf_open(&img, data, len, why, why_len);
	struct init_plan plan = { .moved = 0 };

	if (st != IMAGE_OK)
		return st;
	plan.size = img.tag.init_arraysz;
	if (facts->size != sizeof *facts || facts->base != img.base ||
	    facts->extent != img.end - img.base)
		st = image_fail(&img, IMAGE_CORRUPT, "facts of another image");
	else if (facts->kind == IMAGE_GO_RUNTIME || facts->kind == IMAGE_GO_OWN_RUNTIME)
		st = image_fail(&img, IMAGE_UNMENDABLE,
				"a Go runtime has threads that never end: it cannot be closed");
	else if (facts->kind == IMAGE_GO_PACKAGES)
		st = image_fail(&img, IMAGE_UNMENDABLE,
				"guests share its packages: it comes with the first and stays");
	else if (facts->kind == IMAGE_GO_GUEST)
		st = plan_init_array(&img, &plan);
	if (st == IMAGE_OK) {
		mend_dynamic(&img, data, plan.size);
		mend_init_array(data, &plan);
		if (facts->has_unique)
			mend_symbols(&img, data);
	}
	image_elf_close(&img);
	return st;
}
