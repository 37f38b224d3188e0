/* Opening an ELF image: every header is checked against the file and against
 * its neighbours before anything is read through it.
 *
 * The view taken is ld.so's: program headers and the dynamic table count,
 * section headers are hints (has_dwarf, Go's version).  Reading goes through
 * elf_getdata_rawchunk, which knows the length of the file, and through
 * gelf_get*, which know the length of the chunk: two fences behind the checks
 * made here, so a check forgotten here is a wrong answer, not a wild read. */
#include "image/elf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../dlbind/machine.h"

#ifndef DT_RELR
#define DT_RELR 36 /* <elf.h> has it from glibc 2.36 on */
#endif
#define STRING_MAX  65536u /* of a dynamic string; Go's longest names have some KB */
#define CHAIN_MAX   4096   /* symbols of one hash bucket; linkers aim at a few */
#define ADDRESS_MAX (UINT64_C(1) << 47) /* no process has more */

enum image_status image_fail(struct image_elf *img, enum image_status status, const char *fmt,
			     ...)
{
	va_list ap;

	if (img->no_memory) {
		if (img->why != NULL && img->why_len > 0)
			snprintf(img->why, img->why_len, "reading it");
		return IMAGE_NO_MEMORY;
	}
	if (img->why != NULL && img->why_len > 0) {
		va_start(ap, fmt);
		vsnprintf(img->why, img->why_len, fmt, ap);
		va_end(ap);
	}
	return status;
}

/* Is [off, off + size) inside of len bytes? */
static bool within(uint64_t off, uint64_t size, uint64_t len)
{
	return off <= len && len - off >= size;
}

static enum image_status check_ident(struct image_elf *img, Elf64_Ehdr *eh)
{
	if (img->len < sizeof *eh)
		return image_fail(img, IMAGE_NOT_ELF, "%zu bytes are fewer than an ELF header",
				  img->len);
	memcpy(eh, img->data, sizeof *eh); /* data may be unaligned */
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
		return image_fail(img, IMAGE_NOT_ELF, "no ELF magic");
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return image_fail(img, IMAGE_WRONG_MACHINE, "class %u, byte order %u",
				  eh->e_ident[EI_CLASS], eh->e_ident[EI_DATA]);
	if (eh->e_machine != MACHINE_ELF)
		return image_fail(img, IMAGE_WRONG_MACHINE, "machine %u, wanted %u",
				  eh->e_machine, MACHINE_ELF);
	if (eh->e_ident[EI_VERSION] != EV_CURRENT || eh->e_version != EV_CURRENT)
		return image_fail(img, IMAGE_CORRUPT, "ELF version %u", eh->e_version);
	if (eh->e_type != ET_DYN && !(img->program && eh->e_type == ET_EXEC))
		return image_fail(img, IMAGE_NOT_SHARED, "ELF type %u", eh->e_type);
	return IMAGE_OK;
}

static enum image_status check_header(struct image_elf *img)
{
	Elf64_Ehdr eh;
	enum image_status st = check_ident(img, &eh);

	if (st != IMAGE_OK)
		return st;
	if (eh.e_ehsize != sizeof(Elf64_Ehdr) || eh.e_phentsize != sizeof(Elf64_Phdr))
		return image_fail(img, IMAGE_CORRUPT, "header sizes %u, %u", eh.e_ehsize,
				  eh.e_phentsize);
	/* PN_XNUM would put the count into section 0; no linker makes a shared
	 * object with 65,535 segments. */
	if (eh.e_phnum == 0 || eh.e_phnum == PN_XNUM)
		return image_fail(img, IMAGE_CORRUPT, "%u program headers", eh.e_phnum);
	if (!within(eh.e_phoff, (uint64_t)eh.e_phnum * sizeof(Elf64_Phdr), img->len))
		return image_fail(img, IMAGE_TRUNCATED, "program headers end past the file");
	if (eh.e_shoff != 0) {
		/* Not needed for loading, but they come last: a file cut short
		 * while it is being written is recognised by this. */
		if (eh.e_shnum == 0 || eh.e_shentsize != sizeof(Elf64_Shdr))
			return image_fail(img, IMAGE_CORRUPT, "%u section headers of %u bytes",
					  eh.e_shnum, eh.e_shentsize);
		if (!within(eh.e_shoff, (uint64_t)eh.e_shnum * sizeof(Elf64_Shdr), img->len))
			return image_fail(img, IMAGE_TRUNCATED,
					  "section headers end past the file");
	}
	return IMAGE_OK;
}

static enum image_status check_load(struct image_elf *img, const GElf_Phdr *ph, uint64_t *end)
{
	if (ph->p_filesz > ph->p_memsz)
		return image_fail(img, IMAGE_CORRUPT,
				  "segment larger in the file than in memory");
	if (!within(ph->p_offset, ph->p_filesz, img->len))
		return image_fail(img, IMAGE_TRUNCATED, "a segment ends past the file");
	if (!within(ph->p_vaddr, ph->p_memsz, ADDRESS_MAX - MACHINE_PAGE))
		return image_fail(img, IMAGE_CORRUPT, "segment address 0x%llx",
				  (unsigned long long)ph->p_vaddr);
	if ((ph->p_vaddr - ph->p_offset) % MACHINE_PAGE != 0)
		return image_fail(img, IMAGE_CORRUPT, "segment address and offset disagree");
	/* ld.so demands ascending order too; image_offset relies on it. */
	if (*end != 0 && ph->p_vaddr < *end)
		return image_fail(img, IMAGE_CORRUPT, "segments out of order");
	if (*end == 0)
		img->base = ph->p_vaddr & -MACHINE_PAGE;
	*end = ph->p_vaddr + ph->p_memsz;
	return IMAGE_OK;
}

static enum image_status check_segments(struct image_elf *img, GElf_Phdr *dynamic)
{
	uint64_t end = 0;

	*dynamic = (GElf_Phdr){ .p_type = PT_NULL };
	for (size_t i = 0; i < img->phnum; i++) {
		enum image_status st;
		GElf_Phdr ph;

		if (gelf_getphdr(img->elf, (int)i, &ph) == NULL)
			return image_fail(img, IMAGE_CORRUPT, "program header %zu", i);
		if (ph.p_type == PT_LOAD && (ph.p_memsz > 0 || ph.p_filesz > 0)) {
			st = check_load(img, &ph, &end);
			if (st != IMAGE_OK)
				return st;
		} else if (ph.p_type == PT_DYNAMIC) {
			if (dynamic->p_type == PT_DYNAMIC)
				return image_fail(img, IMAGE_CORRUPT, "two dynamic segments");
			*dynamic = ph;
		}
	}
	if (end == 0)
		return image_fail(img, IMAGE_CORRUPT, "no segment to load");
	if (dynamic->p_type != PT_DYNAMIC && !img->program)
		return image_fail(img, IMAGE_NOT_SHARED, "no dynamic segment");
	img->end = (end + MACHINE_PAGE - 1) & -MACHINE_PAGE;
	return IMAGE_OK;
}

static void note_tag(struct image_dynamic *t, const GElf_Dyn *d)
{
	uint64_t v = d->d_un.d_val;

	switch (d->d_tag) {
	case DT_STRTAB: t->strtab = v; break;
	case DT_STRSZ: t->strsz = v; break;
	case DT_SYMTAB: t->symtab = v; break;
	case DT_GNU_HASH: t->gnu_hash = v; break;
	case DT_HASH: t->hash = v; break;
	case DT_RELA: t->rela = v; break;
	case DT_RELASZ: t->relasz = v; break;
	case DT_RELACOUNT: t->relacount = v; break;
	case DT_RELR: t->relr = v; break;
	case DT_INIT_ARRAY: t->init_array = v; break;
	case DT_INIT_ARRAYSZ: t->init_arraysz = v; break;
	case DT_SONAME:
		t->soname = v;
		t->has_soname = true;
		break;
	case DT_RUNPATH:
		t->runpath = v;
		t->has_runpath = true;
		break;
	case DT_RPATH:
		t->rpath = v;
		t->has_rpath = true;
		break;
	case DT_FLAGS: t->flags = v; break;
	case DT_FLAGS_1: t->flags_1 = v; break;
	case DT_SYMBOLIC: t->symbolic = true; break;
	case DT_TEXTREL: t->textrel = true; break;
	default: break;
	}
}

static enum image_status read_dynamic(struct image_elf *img, const GElf_Phdr *ph)
{
	size_t n = ph->p_filesz / sizeof(Elf64_Dyn), i;
	GElf_Dyn d;

	/* ld.so goes by the address, tools by the offset: they must agree. */
	if (n == 0 || !image_offset(img, ph->p_vaddr, ph->p_filesz, &img->dyn_offset, NULL) ||
	    img->dyn_offset != ph->p_offset)
		return image_fail(img, IMAGE_CORRUPT, "dynamic segment is not in a loaded one");
	img->dyn = image_chunk(img, ph->p_vaddr, n * sizeof(Elf64_Dyn), ELF_T_DYN);
	if (img->dyn == NULL)
		return image_fail(img, IMAGE_CORRUPT, "dynamic table");
	for (i = 0; i < n; i++) {
		if (gelf_getdyn(img->dyn, (int)i, &d) == NULL)
			return image_fail(img, IMAGE_CORRUPT, "dynamic entry %zu", i);
		if (d.d_tag == DT_NULL)
			break;
		if ((d.d_tag == DT_RELAENT && d.d_un.d_val != sizeof(Elf64_Rela)) ||
		    (d.d_tag == DT_SYMENT && d.d_un.d_val != sizeof(Elf64_Sym)))
			return image_fail(img, IMAGE_CORRUPT, "entry size %llu",
					  (unsigned long long)d.d_un.d_val);
		note_tag(&img->tag, &d);
	}
	if (i == n)
		return image_fail(img, IMAGE_CORRUPT, "dynamic table has no end");
	img->dyn_count = i;
	return IMAGE_OK;
}

/* Reads DT_GNU_HASH.  It does not say how many symbols there are: the chain of
 * the highest bucket ends at the last one. */
static bool read_gnu_hash(struct image_elf *img)
{
	uint64_t off, room;
	size_t words, buckets, first, bloom, chains, last = 0;
	Elf_Data *d;
	const Elf32_Word *w;

	if (!image_offset(img, img->tag.gnu_hash, 16, &off, &room))
		return false;
	d = image_chunk(img, img->tag.gnu_hash, room & ~UINT64_C(3), ELF_T_WORD);
	if (d == NULL)
		return false;
	w = d->d_buf;
	words = d->d_size / sizeof *w;
	buckets = w[0];
	first = w[1];
	bloom = (size_t)w[2] * 2;
	if (words - 4 < bloom || words - 4 - bloom < buckets)
		return false;
	chains = 4 + bloom + buckets;
	for (size_t i = 4 + bloom; i < chains; i++)
		if (w[i] > last)
			last = w[i];
	img->sym_hashed = img->sym_count = first;
	if (last == 0)
		return true; /* nothing defined */
	if (last < first)
		return false;
	while (last - first < words - chains && (w[chains + last - first] & 1) == 0)
		last++;
	if (last - first >= words - chains)
		return false;
	img->sym_count = last + 1;
	img->buckets = w + 4 + bloom;
	img->bucket_count = buckets;
	img->chains = w + chains;
	return true;
}

static bool read_sysv_hash(struct image_elf *img)
{
	Elf_Data *d = image_chunk(img, img->tag.hash, 8, ELF_T_WORD);

	if (d == NULL)
		return false;
	img->sym_hashed = 1;
	img->sym_count = ((const Elf32_Word *)d->d_buf)[1];
	return true;
}

static enum image_status read_symbols(struct image_elf *img)
{
	const struct image_dynamic *t = &img->tag;
	uint64_t room;

	if (t->symtab == 0)
		return IMAGE_OK;
	if (!image_offset(img, t->symtab, sizeof(Elf64_Sym), &img->sym_offset, &room))
		return image_fail(img, IMAGE_CORRUPT,
				  "dynamic symbols outside of the segments");
	img->sym = image_chunk(img, t->symtab, room - room % sizeof(Elf64_Sym), ELF_T_SYM);
	if (img->sym == NULL)
		return image_fail(img, IMAGE_CORRUPT, "dynamic symbols");
	if ((t->gnu_hash != 0 && !read_gnu_hash(img)) ||
	    (t->gnu_hash == 0 && t->hash != 0 && !read_sysv_hash(img)))
		return image_fail(img, IMAGE_CORRUPT, "hash table runs out of its segment");
	if (img->sym_count > room / sizeof(Elf64_Sym))
		return image_fail(img, IMAGE_CORRUPT,
				  "%zu dynamic symbols do not fit their segment",
				  img->sym_count);
	return IMAGE_OK;
}

static enum image_status read_tables(struct image_elf *img)
{
	const struct image_dynamic *t = &img->tag;

	if (t->strsz != 0) {
		img->str = image_chunk(img, t->strtab, t->strsz, ELF_T_BYTE);
		if (img->str == NULL)
			return image_fail(img, IMAGE_CORRUPT,
					  "dynamic strings outside of the segments");
	}
	if (t->relasz != 0) {
		if (t->relasz % sizeof(Elf64_Rela) != 0)
			return image_fail(img, IMAGE_CORRUPT, "relocations of %llu bytes",
					  (unsigned long long)t->relasz);
		img->rela = image_chunk(img, t->rela, t->relasz, ELF_T_RELA);
		if (img->rela == NULL)
			return image_fail(img, IMAGE_CORRUPT,
					  "relocations outside of the segments");
		img->rela_count = t->relasz / sizeof(Elf64_Rela);
	}
	return read_symbols(img);
}

static enum image_status open_as(struct image_elf *img, bool program, const void *data,
				 size_t len, char *why, size_t why_len)
{
	enum image_status st;
	GElf_Phdr dynamic;

	*img = (struct image_elf){
		.data = data,
		.len = len,
		.why = why,
		.why_len = why_len,
		.program = program,
	};
	if (why != NULL && why_len > 0)
		why[0] = '\0';
	st = check_header(img);
	if (st != IMAGE_OK)
		return st;
	elf_version(EV_CURRENT);
	errno = 0;
	/* elf_memory takes no const, but opens for reading only. */
	img->elf = elf_memory((char *)(uintptr_t)data, len);
	if (img->elf == NULL) {
		img->no_memory = errno == ENOMEM;
		return image_fail(img, IMAGE_CORRUPT, "%s", elf_errmsg(-1));
	}
	if (elf_getphdrnum(img->elf, &img->phnum) != 0)
		st = image_fail(img, IMAGE_CORRUPT, "%s", elf_errmsg(-1));
	if (st == IMAGE_OK)
		st = check_segments(img, &dynamic);
	if (st == IMAGE_OK && dynamic.p_type == PT_DYNAMIC)
		st = read_dynamic(img, &dynamic);
	if (st == IMAGE_OK)
		st = read_tables(img);
	if (st != IMAGE_OK)
		image_elf_close(img);
	return st;
}

enum image_status image_elf_open(struct image_elf *img, const void *data, size_t len, char *why,
				 size_t why_len)
{
	return open_as(img, false, data, len, why, why_len);
}

enum image_status image_elf_open_program(struct image_elf *img, const void *data, size_t len,
					 char *why, size_t why_len)
{
	return open_as(img, true, data, len, why, why_len);
}

void image_elf_close(struct image_elf *img)
{
	elf_end(img->elf);
	img->elf = NULL;
}

bool image_offset(const struct image_elf *img, uint64_t vaddr, uint64_t size, uint64_t *offset,
		  uint64_t *room)
{
	GElf_Phdr ph;

	for (size_t i = 0; i < img->phnum; i++) {
		if (gelf_getphdr(img->elf, (int)i, &ph) == NULL)
			return false;
		if (ph.p_type != PT_LOAD || vaddr < ph.p_vaddr ||
		    vaddr - ph.p_vaddr >= ph.p_filesz)
			continue;
		if (ph.p_filesz - (vaddr - ph.p_vaddr) < size)
			return false;
		*offset = ph.p_offset + (vaddr - ph.p_vaddr);
		if (room != NULL)
			*room = ph.p_filesz - (vaddr - ph.p_vaddr);
		return true;
	}
	return false;
}

Elf_Data *image_file_chunk(struct image_elf *img, uint64_t offset, uint64_t size, Elf_Type type)
{
	Elf_Data *d;

	if (size == 0 || !within(offset, size, img->len))
		return NULL;
	d = elf_getdata_rawchunk(img->elf, (int64_t)offset, size, type);
	if (d == NULL) /* the range is sound: nothing else can be wrong */
		img->no_memory = true;
	return d;
}

Elf_Data *image_chunk(struct image_elf *img, uint64_t vaddr, uint64_t size, Elf_Type type)
{
	uint64_t off;

	if (!image_offset(img, vaddr, size, &off, NULL))
		return NULL;
	return image_file_chunk(img, off, size, type);
}

const char *image_string(const struct image_elf *img, uint64_t offset)
{
	const char *s;
	size_t room;

	if (img->str == NULL || offset >= img->str->d_size)
		return NULL;
	s = (const char *)img->str->d_buf + offset;
	/* Bounded: a hostile image has a million symbols with one endless name. */
	room = img->str->d_size - offset;
	return memchr(s, '\0', room < STRING_MAX ? room : STRING_MAX) != NULL ? s : NULL;
}

const char *image_symbol_name(const struct image_elf *img, size_t i)
{
	GElf_Sym sym;
	const char *s;

	if (img->sym == NULL || i > INT32_MAX || gelf_getsym(img->sym, (int)i, &sym) == NULL)
		return "";
	s = image_string(img, sym.st_name);
	return s != NULL ? s : "";
}

size_t image_find_symbol(const struct image_elf *img, const char *name)
{
	uint32_t h = 5381;
	size_t i;

	if (img->buckets == NULL || img->bucket_count == 0)
		return 0;
	for (const char *s = name; *s != '\0'; s++)
		h = h * 33 + (unsigned char)*s;
	i = img->buckets[h % img->bucket_count];
	if (i < img->sym_hashed)
		return 0;
	for (size_t last = i + CHAIN_MAX; i < img->sym_count && i < last; i++) {
		uint32_t c = img->chains[i - img->sym_hashed];

		if ((c | 1) == (h | 1) && strcmp(image_symbol_name(img, i), name) == 0)
			return i;
		if ((c & 1) != 0)
			break;
	}
	return 0;
}

bool image_reloc_at(const struct image_elf *img, uint64_t vaddr, size_t from, size_t to,
		    GElf_Rela *out)
{
	for (size_t i = from; i < to && i < img->rela_count; i++)
		if (gelf_getrela(img->rela, (int)i, out) != NULL && out->r_offset == vaddr)
			return true;
	return false;
}
