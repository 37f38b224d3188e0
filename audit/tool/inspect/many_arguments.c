/* Functions that are called with all of their arguments, however many words of the stack
 * those take, but in a slower way (entry/wide.h). */
#include "tool/inspect/many_arguments.h"

#include <stdlib.h>
#include <string.h>

#include "core/arguments.h"
#include "core/rows.h"
#include "core/layout.h"

#define SPARSE (UINT64_C(64) << 20) /* bytes that an image may take beyond its file's */

/* The image as it would be loaded; bytes is NULL if it has no unwind tables, or cannot be. */
static struct rows_image load(struct object *o)
{
	struct rows_image image = { .size = o->elf.end - o->elf.base };
	unsigned char *bytes;
	uint64_t at;
	GElf_Phdr ph;
	Elf_Data *d;

	if (image.size > o->len + SPARSE)
		return image;
	bytes = calloc(1, image.size + 1);
	for (size_t i = 0; bytes != NULL && i < o->elf.phnum; i++) {
		if (gelf_getphdr(o->elf.elf, (int)i, &ph) == NULL)
			continue;
		at = ph.p_vaddr - o->elf.base;
		if (ph.p_type == PT_GNU_EH_FRAME)
			image.table = at;
		if (ph.p_type != PT_LOAD || at > image.size || ph.p_filesz > image.size - at)
			continue;
		d = image_file_chunk(&o->elf, ph.p_offset, ph.p_filesz, ELF_T_BYTE);
		if (d != NULL && d->d_buf != NULL)
			memcpy(bytes + at, d->d_buf, ph.p_filesz);
	}
	if (image.table != 0)
		image.bytes = bytes;
	else
		free(bytes);
	return image;
}

void inspect_arguments(struct object *o, struct report *r)
{
	struct rows_image image = load(o);
	uint64_t left = 4 * o->len;
	struct names names = { 0 };
	GElf_Sym sym;

	for (size_t i = 1; image.bytes != NULL && i < o->elf.sym_count && left > 0; i++) {
		struct arguments args;

		if (!object_symbol(o, i, &sym) || !object_defines(&sym) ||
		    GELF_ST_TYPE(sym.st_info) != STT_FUNC || left == 0)
			continue;
		args = arguments_of(&image, sym.st_value - o->elf.base, &left);
		if (args.kind == ARGUMENTS_COUNTED && args.words > STACK_WORDS)
			names_add(&names, "%s (%u words)", image_symbol_name(&o->elf, i),
				  args.words);
		else if (args.kind == ARGUMENTS_ADDRESSED)
			names_add(&names, "%s (any number)", image_symbol_name(&o->elf, i));
	}
	if (names.n > 0)
		report_add(
			r, LEVEL_NOTE, "many-arguments", NULL,
			"functions that take more than %d words of arguments from the stack, or "
			"may: %s: each call by an entry copies them",
			STACK_WORDS, names_text(&names));
	names_free(&names);
	free((void *)image.bytes);
}
