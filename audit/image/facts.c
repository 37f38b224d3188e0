/* What an image is: C, a Go guest, a Go runtime library, or Go with a runtime
 * of its own.
 *
 * How a Go image is told apart (Go 1.22 to 1.27):
 *
 *   runtime library  a note "Go", type 2 (.note.go.abihash), in a PT_NOTE
 *   guest            imports the symbol "go:link.abihash.LIB"; the linker puts
 *                    its address into moduledata.modulehashes, one per library:
 *
 *                        modulename    string    ptr, len
 *                        linktimehash  string    ptr (RELATIVE), len
 *                        runtimehash   *string   <- the relocation
 *
 *                    so the hash it was linked against is 16 bytes before the
 *                    relocation of that symbol
 *   package library  both: its own note, and the import of its runtime's hash
 *   own runtime      any other image with a note "Go" or Go's sections
 *
 * A guest and a package library import the hash of each library that they were linked
 * against; the runtime's is libstd.so's.
 *
 * None of these is touched by strip. */
#include "image/facts.h"
#include "go/protocol.h"
#include "../dlbind/machine.h"

#include <stdio.h>
#include <string.h>

#define GO_NOTE_ABIHASH 2
#define ABIHASH_PREFIX  "go:link.abihash."
#define RUNTIME_NAME    "libstd.so"

/* What is seen on the way, beside the facts. */
struct scan {
	struct image_elf *img;
	struct image_facts *facts;
	bool go;             /* a note or a section of Go's */
	size_t hash_symbols; /* of go:link.abihash.*: how many there are */
	size_t hash_symbol[IMAGE_LIBRARIES_MAX + 1];
};

const char *image_status_text(enum image_status status)
{
	switch (status) {
	case IMAGE_OK: return "sound";
	case IMAGE_NOT_ELF: return "not an ELF file";
	case IMAGE_WRONG_MACHINE: return "built for another machine";
	case IMAGE_NOT_SHARED: return "not a shared object";
	case IMAGE_TRUNCATED: return "truncated";
	case IMAGE_CORRUPT: return "corrupt";
	case IMAGE_NO_MEMORY: return "out of memory";
	case IMAGE_UNMENDABLE: return "cannot be made closable";
	}
	return "unknown status";
}

static enum image_status set_hash(struct scan *sc, uint8_t *to, unsigned *to_len,
				  const void *hash, size_t len)
{
	if (len > IMAGE_HASH_MAX)
		return image_fail(sc->img, IMAGE_CORRUPT, "Go ABI hash of %zu bytes", len);
	memcpy(to, hash, len);
	*to_len = (unsigned)len;
	return IMAGE_OK;
}

static enum image_status scan_note_segment(struct scan *sc, const GElf_Phdr *ph)
{
	size_t off = 0, name, desc, next;
	GElf_Nhdr nh;
	Elf_Data *d;

	if (ph->p_filesz == 0)
		return IMAGE_OK;
	d = image_file_chunk(sc->img, ph->p_offset, ph->p_filesz,
			     ph->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	if (d == NULL)
		return image_fail(sc->img, IMAGE_TRUNCATED, "notes end past the file");
	while ((next = gelf_getnote(d, off, &nh, &name, &desc)) > off) {
		const char *bytes = d->d_buf;

		off = next;
		if (nh.n_type == NT_GNU_BUILD_ID && nh.n_namesz == sizeof ELF_NOTE_GNU &&
		    memcmp(bytes + name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0)
			image_hex((const uint8_t *)bytes + desc, nh.n_descsz,
				  sc->facts->build_id);
		if ((nh.n_namesz != 3 && nh.n_namesz != 4) ||
		    memcmp(bytes + name, "Go", 3) != 0)
			continue;
		sc->go = true;
		if (nh.n_type == GO_NOTE_ABIHASH) {
			enum image_status st =
				set_hash(sc, sc->facts->abi_hash, &sc->facts->abi_hash_len,
					 bytes + desc, nh.n_descsz);

			if (st != IMAGE_OK)
				return st;
			sc->facts->kind = IMAGE_GO_RUNTIME;
		}
	}
	return IMAGE_OK;
}

static enum image_status scan_notes(struct scan *sc)
{
	GElf_Phdr ph;

	for (size_t i = 0; i < sc->img->phnum; i++) {
		enum image_status st;

		if (gelf_getphdr(sc->img->elf, (int)i, &ph) == NULL || ph.p_type != PT_NOTE)
			continue;
		st = scan_note_segment(sc, &ph);
		if (st != IMAGE_OK)
			return st;
	}
	return IMAGE_OK;
}

/* .go.buildinfo: "\xff Go buildinf:", pointer size, flags, and, where flag 2
 * is set (Go 1.18 and later), at 32: varint length and the version's text. */
static void read_go_version(struct scan *sc, const GElf_Shdr *sh)
{
	static const char magic[] = "\xff Go buildinf:";
	struct image_facts *f = sc->facts;
	const unsigned char *p;
	Elf_Data *d;
	size_t len;

	if (sh->sh_type == SHT_NOBITS || sh->sh_size < 33)
		return;
	d = image_file_chunk(sc->img, sh->sh_offset, sh->sh_size, ELF_T_BYTE);
	if (d == NULL)
		return;
	p = d->d_buf;
	len = p[32];
	if (memcmp(p, magic, sizeof magic - 1) != 0 || (p[15] & 2) == 0 ||
	    len >= sizeof f->go_version || d->d_size - 33 < len)
		return;
	memcpy(f->go_version, p + 33, len);
	f->go_version[len] = '\0';
}

/* A file name and its checksum.  What leads elsewhere is no name. */
static void read_debug_link(struct scan *sc, const GElf_Shdr *sh)
{
	struct image_facts *f = sc->facts;
	const char *name;
	Elf_Data *d;
	size_t len;

	if (sh->sh_type == SHT_NOBITS || sh->sh_size == 0)
		return;
	d = image_file_chunk(sc->img, sh->sh_offset, sh->sh_size, ELF_T_BYTE);
	if (d == NULL)
		return;
	name = d->d_buf;
	len = strnlen(name, d->d_size);
	if (len < d->d_size && len < sizeof f->debug_link && memchr(name, '/', len) == NULL &&
	    strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		memcpy(f->debug_link, name, len + 1);
}

/* Hints only: an image without section headers, or with nonsense in them,
 * loads all the same. */
static void scan_sections(struct scan *sc)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	size_t names;

	if (elf_getshdrstrndx(sc->img->elf, &names) != 0)
		return;
	while ((scn = elf_nextscn(sc->img->elf, scn)) != NULL) {
		const char *name;

		if (gelf_getshdr(scn, &sh) == NULL)
			continue;
		name = elf_strptr(sc->img->elf, names, sh.sh_name);
		if (name == NULL || name[0] != '.')
			continue;
		if (strcmp(name, ".debug_info") == 0)
			sc->facts->has_debug_info = true;
		if (strcmp(name, ".debug_frame") == 0 || strcmp(name, ".zdebug_frame") == 0) {
			/* C compilers write .eh_frame, also where the C parts of
			 * a cgo package are all that has debug information. */
			sc->facts->has_dwarf = true;
		} else if (strcmp(name, ".go.buildinfo") == 0) {
			sc->go = true;
			read_go_version(sc, &sh);
		} else if (strcmp(name, ".gnu_debuglink") == 0) {
			read_debug_link(sc, &sh);
		} else if (strcmp(name, ".gopclntab") == 0) {
			sc->go = true;
		}
	}
}

/* A table of virtual functions, or what a type is told by when it is thrown. */
static bool is_of_class(const struct image_elf *img, size_t i, const GElf_Sym *sym)
{
	const char *name;

	if (GELF_ST_TYPE(sym->st_info) != STT_OBJECT)
		return false;
	name = image_symbol_name(img, i);
	return strncmp(name, "_ZTV", 4) == 0 || strncmp(name, "_ZTI", 4) == 0;
}

/* One pass over the dynamic symbols, but for a runtime library: it has 130,000
 * and only one matters. */
static enum image_status scan_symbols(struct scan *sc)
{
	const struct image_elf *img = sc->img;
	GElf_Sym sym;

	if (sc->facts->kind == IMAGE_GO_RUNTIME &&
	    image_find_symbol(img, IMAGE_PACKAGES_SYMBOL) == 0) {
		sc->facts->overlay = image_find_symbol(img, GO_FN_HELLO) != 0;
		return IMAGE_OK;
	}
	for (size_t i = 1; i < img->sym_count && i < INT32_MAX; i++) {
		if (gelf_getsym(img->sym, (int)i, &sym) == NULL)
			break;
		if (sym.st_shndx != SHN_UNDEF) {
			sc->facts->has_unique |= GELF_ST_BIND(sym.st_info) == STB_GNU_UNIQUE;
			sc->facts->has_classes |= is_of_class(img, i, &sym);
			continue;
		}
		if (strncmp(image_symbol_name(img, i), ABIHASH_PREFIX,
			    sizeof ABIHASH_PREFIX - 1) != 0)
			continue;
		if (sc->hash_symbols > IMAGE_LIBRARIES_MAX)
			return image_fail(sc->img, IMAGE_CORRUPT,
					  "linked against more than %d package libraries",
					  IMAGE_LIBRARIES_MAX);
		sc->hash_symbol[sc->hash_symbols++] = i;
	}
	return IMAGE_OK;
}

/* The pointer that the slot at vaddr will hold, relative to the load address:
 * from its relocation or, with packed ones, from the slot itself. */
static bool slot_pointer(struct image_elf *img, uint64_t vaddr, uint64_t *out)
{
	GElf_Rela r;
	Elf_Data *d;

	if (image_reloc_at(img, vaddr, 0, img->rela_count, &r)) {
		*out = (uint64_t)r.r_addend;
		return GELF_R_TYPE(r.r_info) == MACHINE_R_RELATIVE;
	}
	if (img->tag.relr == 0)
		return false;
	d = image_chunk(img, vaddr, 8, ELF_T_XWORD);
	if (d == NULL)
		return false;
	memcpy(out, d->d_buf, 8);
	return true;
}

/* The hash that an image was linked against, by its symbol.  Without one *hash_len stays
 * 0, and it is for the caller to refuse the guest. */
static enum image_status read_hash(struct scan *sc, size_t symbol, uint8_t *hash,
				   unsigned *hash_len)
{
	struct image_elf *img = sc->img;
	size_t from = img->tag.relacount < img->rela_count ? img->tag.relacount : 0;
	uint64_t text, len = 0;
	GElf_Rela r;
	Elf_Data *d;

	for (size_t i = from; i < img->rela_count; i++) {
		if (gelf_getrela(img->rela, (int)i, &r) == NULL)
			break;
		if (GELF_R_SYM(r.r_info) != symbol ||
		    GELF_R_TYPE(r.r_info) != MACHINE_R_ADDRESS)
			continue;
		d = image_chunk(img, r.r_offset - 8, 8, ELF_T_XWORD);
		if (d != NULL)
			memcpy(&len, d->d_buf, 8);
		if (len == 0 || !slot_pointer(img, r.r_offset - 16, &text))
			return IMAGE_OK;
		d = image_chunk(img, text, len, ELF_T_BYTE);
		if (d == NULL)
			return image_fail(sc->img, IMAGE_CORRUPT,
					  "Go ABI hash outside of the segments");
		return set_hash(sc, hash, hash_len, d->d_buf, len);
	}
	return IMAGE_OK;
}

/* The name of the library in this entry of the dynamic table; NULL: it is another entry. */
static const char *needed_name(const struct image_elf *img, size_t i)
{
	GElf_Dyn d;

	if (gelf_getdyn(img->dyn, (int)i, &d) == NULL || d.d_tag != DT_NEEDED)
		return NULL;
	return image_string(img, d.d_un.d_val);
}

static bool is_needed(const struct image_elf *img, const char *name)
{
	for (size_t i = 0; i < img->dyn_count; i++) {
		const char *s = needed_name(img, i);

		if (s != NULL && strcmp(s, name) == 0)
			return true;
	}
	return false;
}

static enum image_status copy_string(struct image_elf *img, const char *what, const char *s,
				     char *to, size_t room)
{
	if (s == NULL || strlen(s) >= room)
		return image_fail(img, IMAGE_CORRUPT, "%s %s", what,
				  s == NULL ? "outside of the strings" : "too long");
	memcpy(to, s, strlen(s) + 1);
	return IMAGE_OK;
}

static const char *hash_name(const struct scan *sc, size_t i)
{
	return image_symbol_name(sc->img, sc->hash_symbol[i]) + sizeof ABIHASH_PREFIX - 1;
}

/* Which of its libraries is the runtime? */
static size_t runtime_of(const struct scan *sc)
{
	for (size_t i = 0; i < sc->hash_symbols; i++)
		if (strcmp(hash_name(sc, i), RUNTIME_NAME) == 0)
			return i;
	return 0;
}

static enum image_status read_library(struct scan *sc, size_t i)
{
	struct image_library *lib = &sc->facts->library[sc->facts->libraries];
	enum image_status st = copy_string(sc->img, "package library's name", hash_name(sc, i),
					   lib->name, sizeof lib->name);

	if (st == IMAGE_OK && !is_needed(sc->img, lib->name))
		st = image_fail(
			sc->img, IMAGE_CORRUPT,
			"Go guest that does not need the library it was linked against");
	sc->facts->libraries++;
	return st != IMAGE_OK ? st :
				read_hash(sc, sc->hash_symbol[i], lib->hash, &lib->hash_len);
}

static enum image_status classify_go(struct scan *sc)
{
	struct image_facts *f = sc->facts;
	size_t runtime = runtime_of(sc);
	enum image_status st;

	if (sc->hash_symbols == 0) {
		if (f->kind != IMAGE_GO_RUNTIME)
			f->kind = sc->go ? IMAGE_GO_OWN_RUNTIME : IMAGE_C;
		return IMAGE_OK;
	}
	if (!is_needed(sc->img, hash_name(sc, runtime)))
		return image_fail(
			sc->img, IMAGE_CORRUPT,
			"Go guest that does not need the library it was linked against");
	if (f->kind == IMAGE_GO_RUNTIME) {
		memcpy(f->own_hash, f->abi_hash, sizeof f->own_hash);
		f->own_hash_len = f->abi_hash_len;
		f->abi_hash_len = 0;
		f->kind = IMAGE_GO_PACKAGES;
	} else {
		f->kind = IMAGE_GO_GUEST;
	}
	st = copy_string(sc->img, "runtime's name", hash_name(sc, runtime), f->runtime_name,
			 sizeof f->runtime_name);
	if (st == IMAGE_OK)
		st = read_hash(sc, sc->hash_symbol[runtime], f->abi_hash, &f->abi_hash_len);
	for (size_t i = 0; st == IMAGE_OK && i < sc->hash_symbols; i++)
		if (i != runtime)
			st = read_library(sc, i);
	return st;
}

static bool needs_druntime(const struct image_elf *img)
{
	for (size_t i = 0; i < img->dyn_count; i++) {
		const char *s = needed_name(img, i);

		if (s != NULL && image_is_druntime(s))
			return true;
	}
	return false;
}

static enum image_status read_strings(struct image_elf *img, struct image_facts *f)
{
	const struct image_dynamic *t = &img->tag;
	enum image_status st = IMAGE_OK;

	f->needs_druntime = needs_druntime(img);
	if (t->has_soname)
		st = copy_string(img, "soname", image_string(img, t->soname), f->soname,
				 sizeof f->soname);
	/* As in ld.so: where there is a RUNPATH, RPATH does not count. */
	if (st == IMAGE_OK && (t->has_runpath || t->has_rpath))
		st = copy_string(img, "run path",
				 image_string(img, t->has_runpath ? t->runpath : t->rpath),
				 f->runpath, sizeof f->runpath);
	return st;
}

static enum image_status gather(struct scan *sc)
{
	struct image_elf *img = sc->img;
	struct image_facts *f = sc->facts;
	enum image_status st;

	f->base = img->base;
	f->extent = img->end - img->base;
	f->nodelete = (img->tag.flags_1 & DF_1_NODELETE) != 0;
	f->symbolic = img->tag.symbolic || (img->tag.flags & DF_SYMBOLIC) != 0;
	f->textrel = img->tag.textrel || (img->tag.flags & DF_TEXTREL) != 0;
	f->static_tls = (img->tag.flags & DF_STATIC_TLS) != 0;
	st = read_strings(img, f);
	if (st == IMAGE_OK)
		st = scan_notes(sc);
	if (st != IMAGE_OK)
		return st;
	scan_sections(sc);
	st = scan_symbols(sc);
	if (st == IMAGE_OK)
		st = classify_go(sc);
	return st == IMAGE_OK && img->no_memory ? image_fail(img, IMAGE_NO_MEMORY, " ") : st;
}

enum image_status image_elf_facts(struct image_elf *img, struct image_facts *facts)
{
	struct scan sc = { .img = img, .facts = facts };

	*facts = (struct image_facts){ .size = sizeof *facts };
	return gather(&sc);
}

enum image_status image_inspect(const void *data, size_t len, struct image_facts *facts,
				char *why, size_t why_len)
{
	struct image_elf img;
	enum image_status st;

	if (facts->size != sizeof *facts) {
		if (why != NULL && why_len > 0)
			snprintf(why, why_len, "facts of %zu bytes, wanted %zu", facts->size,
				 sizeof *facts);
		return IMAGE_CORRUPT;
	}
	*facts = (struct image_facts){ .size = sizeof *facts };
	st = image_elf_open(&img, data, len, why, why_len);
	if (st != IMAGE_OK)
		return st;
	st = image_elf_facts(&img, facts);
	image_elf_close(&img);
	return st;
}
