#include "image/pclntab.h"

#include <string.h>

#include "../dlbind/machine.h"

#define HEADER          72 /* bytes */
#define RECORD          44 /* fixed part of a function's record */
#define TREE_ENTRY      16
#define PCDATA_INLINE   2 /* src/internal/abi/symtab.go */
#define FUNCDATA_INLINE 3
#define NONE            UINT32_MAX

static const uint8_t magic[8] = { 0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8 };

/* moduledata's head, the same from Go 1.18 on: the header's address, then slices
 * of its parts, beginning with the names. */
#define MODULE_TEXT      176
#define MODULE_GOFUNC    320 /* go:func.*; Go 1.27 has three more words before it */
#define MODULE_GOFUNC_27 344
#define NEWEST_MINOR     27

static bool word32(const struct pclntab *t, uint64_t at, uint32_t *v)
{
	if (at > t->size || t->size - at < sizeof *v)
		return false;
	memcpy(v, t->tab + at, sizeof *v);
	return true;
}

static const char *text_at(const struct pclntab *t, uint64_t at)
{
	if (at >= t->size || memchr(t->tab + at, '\0', t->size - at) == NULL)
		return NULL;
	return (const char *)t->tab + at;
}

static bool read_header(struct pclntab *t)
{
	uint64_t w[8];

	if (t->size < HEADER)
		return false;
	memcpy(w, t->tab + 8, sizeof w);
	t->count = w[0];
	t->names = w[3];
	t->cus = w[4];
	t->files = w[5];
	t->pcs = w[6];
	t->funcs = w[7];
	return t->names < t->size && t->cus < t->size && t->files < t->size &&
	       t->pcs < t->size && t->funcs < t->size && t->files <= t->pcs &&
	       t->count < (t->size - t->funcs) / 8;
}

/* The addend of the RELATIVE relocation at vaddr, searched from index `near`. */
static bool pointer_at(struct image_elf *img, uint64_t vaddr, size_t near, uint64_t *to)
{
	GElf_Rela r;

	if (!image_reloc_at(img, vaddr, near, near + 128, &r) &&
	    !image_reloc_at(img, vaddr, 0, img->rela_count, &r))
		return false;
	*to = (uint64_t)r.r_addend;
	return GELF_R_TYPE(r.r_info) == MACHINE_R_RELATIVE;
}

/* A pointer to bytes of the image, and how many follow in the segment. */
static const uint8_t *bytes_at(const struct image_elf *img, uint64_t vaddr, size_t *room)
{
	uint64_t offset, left;

	if (!image_offset(img, vaddr, 1, &offset, &left))
		return NULL;
	*room = left;
	return (const uint8_t *)img->data + offset;
}

/* Is the relocated slot the beginning of a moduledata? */
static bool is_module(struct image_elf *img, struct pclntab *t, size_t index,
		      const GElf_Rela *r)
{
	uint64_t names;

	t->tab = bytes_at(img, (uint64_t)r->r_addend, &t->size);
	return t->tab != NULL && t->size >= HEADER &&
	       memcmp(t->tab, magic, sizeof magic) == 0 && read_header(t) &&
	       pointer_at(img, r->r_offset + 8, index, &names) &&
	       names == (uint64_t)r->r_addend + t->names;
}

bool pclntab_open(struct pclntab *t, struct image_elf *img, int minor)
{
	uint64_t at;
	GElf_Rela r;
	size_t i;

	*t = (struct pclntab){ .tab = NULL };
	for (i = 0; i < img->rela_count && i < INT32_MAX; i++)
		if (gelf_getrela(img->rela, (int)i, &r) != NULL &&
		    GELF_R_TYPE(r.r_info) == MACHINE_R_RELATIVE && is_module(img, t, i, &r))
			break;
	if (i >= img->rela_count || !pointer_at(img, r.r_offset + MODULE_TEXT, i, &t->text))
		return false;
	at = r.r_offset + (minor >= NEWEST_MINOR ? MODULE_GOFUNC_27 : MODULE_GOFUNC);
	if (minor > 0 && minor <= NEWEST_MINOR && pointer_at(img, at, i, &at))
		t->inlined = bytes_at(img, at, &t->inlined_size);
	return true;
}

static void find_inlined(const struct pclntab *t, uint64_t record, struct pcln_func *fn)
{
	uint32_t npcdata, tree, values;
	uint8_t nfuncdata = t->tab[record + 43];

	if (t->inlined == NULL || !word32(t, record + 28, &npcdata) || npcdata > 64 ||
	    npcdata <= PCDATA_INLINE || nfuncdata <= FUNCDATA_INLINE ||
	    !word32(t, record + RECORD + 4 * PCDATA_INLINE, &values) ||
	    !word32(t, record + RECORD + 4 * (npcdata + FUNCDATA_INLINE), &tree) ||
	    tree == NONE)
		return;
	fn->pcinline = values;
	fn->tree = tree;
}

bool pclntab_func(const struct pclntab *t, size_t i, struct pcln_func *fn)
{
	uint32_t entry, end, record, name;
	struct pcln_values v;
	uint64_t at, last = 0;

	*fn = (struct pcln_func){ .name = NULL };
	if (i >= t->count || !word32(t, t->funcs + 8 * i, &entry) ||
	    !word32(t, t->funcs + 8 * i + 4, &record) || !word32(t, t->funcs + 8 * i + 8, &end))
		return false;
	at = t->funcs + record;
	if (end <= entry || at > t->size || t->size - at < RECORD ||
	    !word32(t, at + 4, &name) || (fn->name = text_at(t, t->names + name)) == NULL)
		return false;
	word32(t, at + 16, &fn->pcsp);
	word32(t, at + 20, &fn->pcfile);
	word32(t, at + 24, &fn->pcln);
	word32(t, at + 32, &fn->cu);
	word32(t, at + 36, &fn->start_line);
	fn->entry = t->text + entry;
	fn->end = t->text + end;
	if (fn->pcln == 0 || fn->pcfile == 0)
		return false;
	/* Padding up to the next function is nobody's. */
	for (pcln_begin(&v, t, fn->pcln, fn->entry); pcln_next(&v);)
		last = v.end;
	if (last > fn->entry && last < fn->end)
		fn->end = last;
	find_inlined(t, at, fn);
	return true;
}

static bool varint(const struct pclntab *t, uint64_t *at, uint32_t *v)
{
	*v = 0;
	for (unsigned shift = 0; shift < 32 && *at < t->size; shift += 7) {
		uint8_t b = t->tab[(*at)++];

		*v |= (uint32_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0)
			return true;
	}
	return false;
}

void pcln_begin(struct pcln_values *v, const struct pclntab *t, uint32_t table, uint64_t entry)
{
	*v = (struct pcln_values){
		.t = t, .at = table != 0 ? t->pcs + table : t->size, .end = entry, .value = -1
	};
}

bool pcln_next(struct pcln_values *v)
{
	uint32_t value, pc;

	/* A value's delta of 0 ends the table, except at its beginning. */
	if (!varint(v->t, &v->at, &value) || (value == 0 && v->started) ||
	    !varint(v->t, &v->at, &pc) || pc == 0)
		return false;
	v->started = true;
	v->value = (int32_t)((uint32_t)v->value + ((value >> 1) ^ -(value & 1)));
	v->pc = v->end;
	v->end += pc;
	return true;
}

int32_t pcln_value(const struct pclntab *t, uint32_t table, uint64_t entry, uint64_t pc)
{
	struct pcln_values v;

	for (pcln_begin(&v, t, table, entry); pcln_next(&v);)
		if (pc < v.end)
			return v.value;
	return -1;
}

const char *pclntab_file(const struct pclntab *t, uint32_t cu, int32_t index, uint32_t *offset)
{
	if (index < 0 || !word32(t, t->cus + 4 * ((uint64_t)cu + (uint32_t)index), offset) ||
	    *offset == NONE || *offset >= t->pcs - t->files)
		return NULL;
	return text_at(t, t->files + *offset);
}

bool pclntab_inlined(const struct pclntab *t, const struct pcln_func *fn, int32_t index,
		     struct pcln_inlined *out)
{
	uint64_t at = fn->tree + (uint64_t)TREE_ENTRY * (uint32_t)index;
	uint32_t e[4];

	if (fn->pcinline == 0 || index < 0 || at > t->inlined_size ||
	    t->inlined_size - at < sizeof e)
		return false;
	memcpy(e, t->inlined + at, sizeof e);
	*out = (struct pcln_inlined){ .name = text_at(t, t->names + e[1]),
				      .name_offset = e[1],
				      .parent_pc = e[2],
				      .start_line = e[3] };
	return out->name != NULL && e[1] < t->cus - t->names;
}
