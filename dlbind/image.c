/* The file as it stands at creation.
 *
 * ld.so must use .hash, the table that can grow in place.  It would prefer
 * DT_GNU_HASH, so that entry is added to the file after ld.so has loaded it
 * (sections.c); ld.so has its own copy of the page by then.  Tools that read the file
 * see both. */
#include "image.h"

#include <errno.h>
#include <string.h>

#include "backing.h"
#include "error.h"
#include "hash.h"
#include "head.h"
#include "symbols.h"

#define VERDEF_SIZE (sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux))

static size_t limit(size_t asked, size_t normal)
{
	return pages_up(asked ? asked : normal);
}

int image_layout(struct library *lib, const struct dlbind_options *o)
{
	size_t symbols = o->max_symbols ? o->max_symbols : 8 << 20;
	size_t names = limit(o->max_names, 32 * symbols);
	size_t text = limit(o->max_code, 512 << 20);
	size_t rodata = limit(o->max_rodata, 256 << 20);
	size_t data = limit(o->max_data, 512 << 20);
	size_t buckets = HASH_FIRST, at = PAGE;
	struct layout *l = &lib->at;

	if (symbols > 128 << 20 || names >= UINT32_MAX || text > 1ul << 30 ||
	    rodata > 512ul << 20 || data > 16ul << 30)
		return error_set(EINVAL,
				 "%s: a limit is larger than a library can be: "
				 "see dlcreate(3)",
				 lib->name);
	while (buckets < symbols)
		buckets *= 2;
	/* Room for the soname, the versions and a short name. */
	names += pages_up(300 * (lib->version_count + 2));
	symbols += 1;
	l->verdef = at;
	at += pages_up(lib->version_count ? (lib->version_count + 1) * VERDEF_SIZE : 0);
	l->dynsym = at;
	at += pages_up(symbols * sizeof(Elf64_Sym));
	l->dynstr = at;
	at += names;
	l->versym = at;
	at += pages_up(lib->version_count ? symbols * 2 : 0);
	l->gnu_hash = at;
	at += pages_up(7 * 4 + symbols * 4);
	for (int i = 0; i < 2; i++) {
		l->hash[i] = at;
		at += pages_up(8 + 4 * buckets + 4 * symbols);
	}
	/* .eh_frame_hdr must reach the end of .text with 31 bits. */
	l->frame_hdr = at;
	at += pages_up(12 + text / GRANULE * 8);
	l->frames = at;
	at += pages_up(text / 4);
	l->text = at;
	at += text;
	l->rodata = at;
	at += rodata;
	l->dynamic = at;
	at += PAGE;
	l->data = at;
	l->end = at + data;
	lib->symbols.limit = symbols;
	lib->symbols.strings_limit = names;
	return 0;
}

static void write_segments(struct library *lib)
{
	const struct layout *l = &lib->at;
	Elf64_Phdr *ph = head_of(lib)->phdrs;

	ph[PH_TABLES] = SEGMENT(PT_LOAD, PF_R, 0, l->text);
	ph[PH_TEXT] = SEGMENT(PT_LOAD, PF_R | PF_X, l->text, l->rodata);
	ph[PH_RODATA] = SEGMENT(PT_LOAD, PF_R, l->rodata, l->dynamic);
	ph[PH_DYNAMIC_PAGE] = SEGMENT(PT_LOAD, PF_R | PF_W, l->dynamic, l->data);
	/* Not PF_W yet: the limit must not be charged as memory (proc(5),
	 * overcommit_memory); the arena makes writable what it uses. */
	ph[PH_DATA] = SEGMENT(PT_LOAD, PF_R, l->data, l->end);
	ph[PH_DATA].p_filesz = 0;
	ph[PH_DYNAMIC] = SEGMENT(PT_DYNAMIC, PF_R | PF_W, l->dynamic,
				 l->dynamic + 16 * sizeof(Elf64_Dyn));
	ph[PH_DYNAMIC].p_align = 8;
	ph[PH_FRAMES] = SEGMENT(PT_GNU_EH_FRAME, PF_R, l->frame_hdr, l->frame_hdr + 12);
	ph[PH_FRAMES].p_align = 4;
	ph[PH_STACK] =
		(Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16 };
}

static void write_sections(struct library *lib)
{
	const struct layout *l = &lib->at;
	static const char names[] = SECTION_NAMES;
	struct head *h = head_of(lib);
	Elf64_Shdr *sh = h->shdrs;
	uint32_t name = 0;

#define SECTION(t, f, at, l_, i, a, e)   \
	(Elf64_Shdr){ .sh_type = t,      \
		      .sh_flags = f,     \
		      .sh_addr = at,     \
		      .sh_offset = at,   \
		      .sh_link = l_,     \
		      .sh_info = i,      \
		      .sh_addralign = a, \
		      .sh_entsize = e }
	sh[SEC_DYNSYM] =
		SECTION(SHT_DYNSYM, SHF_ALLOC, l->dynsym, SEC_DYNSTR, 1, 8, sizeof(Elf64_Sym));
	sh[SEC_DYNSTR] = SECTION(SHT_STRTAB, SHF_ALLOC, l->dynstr, 0, 0, 1, 0);
	sh[SEC_GNU_HASH] = SECTION(SHT_GNU_HASH, SHF_ALLOC, l->gnu_hash, SEC_DYNSYM, 0, 8, 0);
	sh[SEC_HASH] = SECTION(SHT_HASH, SHF_ALLOC, l->hash[0], SEC_DYNSYM, 0, 8, 4);
	if (lib->version_count) {
		sh[SEC_VERSYM] =
			SECTION(SHT_GNU_versym, SHF_ALLOC, l->versym, SEC_DYNSYM, 0, 2, 2);
		sh[SEC_VERDEF] = SECTION(SHT_GNU_verdef, SHF_ALLOC, l->verdef, SEC_DYNSTR,
					 lib->version_count + 1, 8, 0);
		sh[SEC_VERDEF].sh_size = (lib->version_count + 1) * VERDEF_SIZE;
	}
	sh[SEC_FRAME_HDR] = SECTION(SHT_PROGBITS, SHF_ALLOC, l->frame_hdr, 0, 0, 4, 0);
	sh[SEC_FRAMES] = SECTION(SHT_PROGBITS, SHF_ALLOC, l->frames, 0, 0, 8, 0);
	sh[SEC_TEXT] = SECTION(SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, l->text, 0, 0, 16, 0);
	sh[SEC_RODATA] = SECTION(SHT_PROGBITS, SHF_ALLOC, l->rodata, 0, 0, 16, 0);
	sh[SEC_DYNAMIC] = SECTION(SHT_DYNAMIC, SHF_ALLOC | SHF_WRITE, l->dynamic, SEC_DYNSTR, 0,
				  8, sizeof(Elf64_Dyn));
	sh[SEC_DYNAMIC].sh_size = 16 * sizeof(Elf64_Dyn);
	sh[SEC_DATA] = SECTION(SHT_NOBITS, SHF_ALLOC | SHF_WRITE, l->data, 0, 0, 16, 0);
	sh[SEC_SHSTRTAB] = SECTION(SHT_STRTAB, 0, 0, 0, 0, 1, 0);
	sh[SEC_SHSTRTAB].sh_offset = offsetof(struct head, names);
	sh[SEC_SHSTRTAB].sh_size = sizeof names + sizeof STUBS_NAME;
	memcpy(h->names, names, sizeof names);
	for (unsigned i = 0; i < SEC_COUNT; i++) {
		if (sh[i].sh_type)
			sh[i].sh_name = name;
		name += strlen(names + name) + 1;
	}
	if (lib->flags & DLBIND_STUBS) {
		sh[SEC_EMPTY_TEXT] = sh[SEC_TEXT];
		strcpy(h->stubs, STUBS_NAME);
		sh[SEC_TEXT].sh_name = sizeof names;
	}
}

static void write_ehdr(struct library *lib)
{
	head_of(lib)->ehdr = (Elf64_Ehdr){
		OBJECT_HEADER,
		.e_phoff = offsetof(struct head, phdrs),
		.e_shoff = offsetof(struct head, shdrs),
		.e_phnum = PH_COUNT,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = lib->flags & DLBIND_STUBS ? SEC_COUNT_STUBS : SEC_COUNT,
		.e_shstrndx = SEC_SHSTRTAB,
	};
}

static void write_dynamic(struct library *lib, uint32_t soname)
{
	const struct layout *l = &lib->at;
	Elf64_Dyn *d = dynamic_of(lib);
	unsigned n = 0;

	d[n++] = (Elf64_Dyn){ DT_HASH, { l->hash[0] } };
	/* Names that are bound later lie in it, too. */
	d[n++] = (Elf64_Dyn){ DT_STRSZ, { lib->symbols.strings_limit } };
	d[n++] = (Elf64_Dyn){ DT_SONAME, { soname } };
	d[n++] = (Elf64_Dyn){ DT_STRTAB, { l->dynstr } };
	d[n++] = (Elf64_Dyn){ DT_SYMTAB, { l->dynsym } };
	d[n++] = (Elf64_Dyn){ DT_SYMENT, { sizeof(Elf64_Sym) } };
	if (lib->version_count) {
		d[n++] = (Elf64_Dyn){ DT_VERSYM, { l->versym } };
		d[n++] = (Elf64_Dyn){ DT_VERDEF, { l->verdef } };
		d[n++] = (Elf64_Dyn){ DT_VERDEFNUM, { lib->version_count + 1 } };
	}
	d[n] = (Elf64_Dyn){ DT_NULL, { 0 } };
}

static uint32_t add_string(struct library *lib, const char *text)
{
	uint32_t at = lib->symbols.strings_top;

	strcpy(lib->alias + lib->at.dynstr + at, text);
	lib->symbols.strings_top += strlen(text) + 1;
	return at;
}

static void write_verdef(struct library *lib, uint32_t soname)
{
	char *p = lib->alias + lib->at.verdef;

	for (unsigned i = 0; i <= lib->version_count; i++, p += VERDEF_SIZE) {
		const struct version *v = i ? &lib->versions[i - 1] : NULL;
		Elf64_Verdef *def = (void *)p;

		*def = (Elf64_Verdef){
			.vd_version = VER_DEF_CURRENT,
			.vd_ndx = i + 1,
			.vd_cnt = 1,
			.vd_flags = v ? 0 : VER_FLG_BASE,
			.vd_hash = v ? v->hash : hash_of(lib->name),
			.vd_aux = sizeof *def,
			.vd_next = i < lib->version_count ? VERDEF_SIZE : 0,
		};
		*(Elf64_Verdaux *)(def + 1) =
			(Elf64_Verdaux){ .vda_name = v ? v->name : soname };
	}
}

int image_write(struct library *lib, const struct dlbind_options *o)
{
	const struct layout *l = &lib->at;
	size_t strings = strlen(lib->name) + 2;
	uint32_t soname;

	for (unsigned i = 0; i < lib->version_count; i++)
		strings += strlen(o->versions[i]) + 1;
	if (backing_add(lib, 0, l->dynsym) != 0 || backing_add(lib, l->dynamic, PAGE) != 0 ||
	    symbols_back_strings(lib, strings) != 0)
		return -1;
	lib->symbols.strings_top = 1;
	soname = add_string(lib, lib->name);
	for (unsigned i = 0; i < lib->version_count; i++) {
		lib->versions[i].name = add_string(lib, o->versions[i]);
		lib->versions[i].hash = hash_of(o->versions[i]);
	}
	if (lib->version_count)
		write_verdef(lib, soname);
	lib->symbols.strings_first = lib->symbols.strings_top;
	write_ehdr(lib);
	write_segments(lib);
	write_sections(lib);
	write_dynamic(lib, soname);
	return 0;
}
