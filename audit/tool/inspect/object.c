#include "tool/inspect/object.h"
#include "core/path.h"
#include "tool/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* A regular file, wholly in memory: a mapping would be killed by whoever
 * shortens the file. */
static char *read_image(const char *path, size_t *len, unsigned *mode, char *why,
			size_t why_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *bytes = NULL;
	size_t n = 0;
	ssize_t r = 1;

	if (fd < 0 || fstat(fd, &st) != 0) {
		snprintf(why, why_len, "%s", strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		snprintf(why, why_len, "not a regular file");
	} else if ((uint64_t)st.st_size > INSPECT_BYTES_MAX) {
		snprintf(why, why_len, "larger than %llu bytes",
			 (unsigned long long)INSPECT_BYTES_MAX);
	} else {
		bytes = malloc((size_t)st.st_size + 1);
		while (bytes != NULL && n < (size_t)st.st_size &&
		       (r = read(fd, bytes + n, (size_t)st.st_size - n)) > 0)
			n += (size_t)r;
		if (bytes == NULL || r < 0) {
			snprintf(why, why_len, "%s", strerror(errno));
			free(bytes);
			bytes = NULL;
		}
		*mode = st.st_mode;
	}
	if (fd >= 0)
		close(fd);
	*len = n;
	return bytes;
}

/* ld.so opens whatever it maps; a program is what the kernel starts.  A library
 * with an interpreter of its own (libc.so.6) is a library. */
static void read_segments(struct object *o)
{
	uint64_t flags = 0;
	GElf_Ehdr eh;
	GElf_Phdr ph;

	o->stack_flags = -1;
	if (gelf_getehdr(o->elf.elf, &eh) != NULL)
		o->type = eh.e_type;
	for (size_t i = 0; i < o->elf.phnum; i++) {
		if (gelf_getphdr(o->elf.elf, (int)i, &ph) == NULL)
			continue;
		if (ph.p_type == PT_INTERP)
			o->has_interp = true;
		else if (ph.p_type == PT_TLS)
			o->tls_size = ph.p_memsz, o->tls_align = ph.p_align;
		else if (ph.p_type == PT_GNU_STACK)
			o->stack_flags = (int)(ph.p_flags & (PF_R | PF_W | PF_X));
		else if (ph.p_type == PT_LOAD && (ph.p_flags & PF_W) && (ph.p_flags & PF_X))
			o->writable_code = true;
	}
	object_tag(o, DT_FLAGS_1, 0, &flags);
	o->program = o->type == ET_EXEC || (flags & DF_1_PIE) != 0 || o->elf.dyn == NULL;
}

static bool open_elf(struct object *o, char *why, size_t why_len)
{
	char reason[120] = "";
	enum image_status st =
		image_elf_open_program(&o->elf, o->bytes, o->len, reason, sizeof reason);

	if (st == IMAGE_OK) {
		read_segments(o);
		st = image_elf_facts(&o->elf, &o->facts);
		if (st == IMAGE_OK)
			return true;
		image_elf_close(&o->elf);
	}
	snprintf(why, why_len, "%s%s%s", image_status_text(st), *reason != '\0' ? ": " : "",
		 reason);
	return false;
}

struct object *object_of_bytes(char *bytes, size_t len, char *why, size_t why_len)
{
	struct object *o = allocate(sizeof *o);

	o->bytes = bytes;
	o->len = len;
	if (open_elf(o, why, why_len))
		return o;
	free(o);
	return NULL;
}

struct object *object_open(const char *path, char *why, size_t why_len)
{
	struct object *o;
	unsigned mode = 0;
	size_t len;
	char *bytes = read_image(path, &len, &mode, why, why_len);

	if (bytes == NULL)
		return NULL;
	o = object_of_bytes(bytes, len, why, why_len);
	if (o == NULL) {
		free(bytes);
		return NULL;
	}
	o->owned = true;
	o->mode = mode;
	o->path = copy_text(path);
	o->real = realpath(path, NULL);
	if (o->real == NULL)
		o->real = copy_text(path);
	return o;
}

void object_close(struct object *o)
{
	if (o == NULL || o->shared-- > 0)
		return;
	image_elf_close(&o->elf);
	if (o->owned)
		free(o->bytes);
	free(o->path);
	free(o->real);
	free(o);
}

const char *object_name(const struct object *o)
{
	return o->path != NULL ? path_base(o->path) : "(bytes)";
}

bool object_is_elf(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct {
		unsigned char ident[EI_NIDENT];
		uint16_t type;
	} head;
	struct stat st;
	bool elf = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		   read(fd, &head, sizeof head) == (ssize_t)sizeof head &&
		   memcmp(head.ident, ELFMAG, SELFMAG) == 0 &&
		   (head.type == ET_DYN || head.type == ET_EXEC);

	if (fd >= 0)
		close(fd);
	return elf;
}

bool object_tag(const struct object *o, int64_t tag, size_t nth, uint64_t *value)
{
	GElf_Dyn d;

	for (size_t i = 0; i < o->elf.dyn_count && i < INT32_MAX; i++) {
		if (gelf_getdyn(o->elf.dyn, (int)i, &d) == NULL || d.d_tag != tag)
			continue;
		if (nth-- == 0) {
			*value = d.d_un.d_val;
			return true;
		}
	}
	return false;
}

const char *object_string(const struct object *o, int64_t tag, size_t nth)
{
	uint64_t offset;

	return object_tag(o, tag, nth, &offset) ? image_string(&o->elf, offset) : NULL;
}

void relocs_begin(struct relocs *it, struct object *o)
{
	uint64_t at = 0, size = 0, kind = DT_RELA;

	*it = (struct relocs){ .o = o };
	object_tag(o, DT_PLTREL, 0, &kind);
	if (kind != DT_RELA || !object_tag(o, DT_JMPREL, 0, &at) ||
	    !object_tag(o, DT_PLTRELSZ, 0, &size))
		return;
	size -= size % sizeof(Elf64_Rela);
	it->jmprel = image_chunk(&o->elf, at, size, ELF_T_RELA);
	it->jmprel_count = it->jmprel != NULL ? size / sizeof(Elf64_Rela) : 0;
}

bool relocs_next(struct relocs *it, GElf_Rela *r)
{
	size_t first = it->o->elf.rela_count;

	while (it->at < first + it->jmprel_count) {
		size_t i = it->at++;
		Elf_Data *d = i < first ? it->o->elf.rela : it->jmprel;

		i -= i < first ? 0 : first;
		if (i <= INT32_MAX && gelf_getrela(d, (int)i, r) != NULL)
			return true;
	}
	return false;
}

bool object_symbol(const struct object *o, size_t i, GElf_Sym *sym)
{
	return o->elf.sym != NULL && i != 0 && i <= INT32_MAX &&
	       gelf_getsym(o->elf.sym, (int)i, sym) != NULL;
}

bool object_defines(const GElf_Sym *sym)
{
	unsigned bind = GELF_ST_BIND(sym->st_info), seen = GELF_ST_VISIBILITY(sym->st_other);

	return sym->st_shndx != SHN_UNDEF &&
	       (bind == STB_GLOBAL || bind == STB_WEAK || bind == STB_GNU_UNIQUE) &&
	       (seen == STV_DEFAULT || seen == STV_PROTECTED);
}

Elf_Data *object_section(struct object *o, const char *name)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	size_t names;

	if (elf_getshdrstrndx(o->elf.elf, &names) != 0)
		return NULL;
	while ((scn = elf_nextscn(o->elf.elf, scn)) != NULL) {
		const char *s;

		if (gelf_getshdr(scn, &sh) == NULL || sh.sh_type == SHT_NOBITS)
			continue;
		s = elf_strptr(o->elf.elf, names, sh.sh_name);
		if (s != NULL && strcmp(s, name) == 0)
			return image_file_chunk(&o->elf, sh.sh_offset, sh.sh_size,
						sh.sh_type == SHT_NOTE ? ELF_T_NHDR :
									 ELF_T_BYTE);
	}
	return NULL;
}
