#include "tool/live/build_info.h"
#include "tool/base/text.h"
#include "tool/inspect/object.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The linker's mark before and behind the text (cmd/go/internal/modload, ModInfoData). */
#define MARK 16

/* The linker makes the symbol (go/linker/goaudit_exports.go): a length, and the text. */
static char *read_text(struct object *o)
{
	size_t i = image_find_symbol(&o->elf, "goaudit_modinfo");
	uint64_t size;
	const char *bytes;
	GElf_Sym sym;
	Elf_Data *d;
	char *text;

	if (i == 0 || !object_symbol(o, i, &sym) ||
	    (d = image_chunk(&o->elf, sym.st_value, 8, ELF_T_BYTE)) == NULL)
		return NULL;
	memcpy(&size, d->d_buf, 8);
	d = size > 2 * MARK ? image_chunk(&o->elf, sym.st_value + 8, size, ELF_T_BYTE) : NULL;
	if (d == NULL)
		return NULL;
	bytes = d->d_buf;
	text = allocate(size - 2 * MARK + 1);
	memcpy(text, bytes + MARK, size - 2 * MARK);
	text[size - 2 * MARK] = '\0';
	return text;
}

char *live_build_info(pid_t pid, const char *snapshot)
{
	char *path = format("/proc/%d/root%s", (int)pid, snapshot), why[200], *text = NULL;
	struct object *o = object_open(path, why, sizeof why);

	free(path);
	if (o != NULL)
		text = read_text(o);
	if (o != NULL)
		object_close(o);
	return text;
}
