/* The file: what stands in it at creation, and the headers that follow its
 * growth.
 *
 * ld.so must use .hash, the table that can grow in place.  It would prefer
 * DT_GNU_HASH, so that entry is added to the file after ld.so has loaded it; ld.so
 * has its own copy of the page by then.  Tools that read the file see both. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

enum { /* program headers */
	PH_TABLES, PH_TEXT, PH_RODATA, PH_DYNAMIC_PAGE, PH_DATA, PH_DYNAMIC, PH_FRAMES,
	PH_STACK, PH_COUNT
};

enum { /* sections */
	SEC_NULL, SEC_DYNSYM, SEC_DYNSTR, SEC_GNU_HASH, SEC_HASH, SEC_VERSYM,
	SEC_VERDEF, SEC_FRAME_HDR, SEC_FRAMES, SEC_TEXT, SEC_RODATA, SEC_DYNAMIC,
	SEC_DATA, SEC_SHSTRTAB, SEC_COUNT,
	SEC_EMPTY_TEXT = SEC_COUNT, SEC_COUNT_STUBS
};

/* Names of the sections, in the order above. */
static const char section_names[] =
	"\0.dynsym\0.dynstr\0.gnu.hash\0.hash\0.gnu.version\0.gnu.version_d\0"
	".eh_frame_hdr\0.eh_frame\0.text\0.rodata\0.dynamic\0.data\0.shstrtab";

/* With DLBIND_STUBS, the code's section.  gdb stops with an error of its own where there
 * is no .text at all (objfiles.h, SECT_OFF_TEXT), so an empty one stands there. */
#define STUBS_NAME ".plt"

/* Entries of .dynamic that are looked for later. */
enum { DYN_HASH, DYN_STRSZ };

struct head {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[PH_COUNT];
	Elf64_Shdr shdrs[SEC_COUNT_STUBS];
	char names[sizeof section_names], stubs[sizeof STUBS_NAME];
};

_Static_assert(sizeof(struct head) <= PAGE, "the headers take one page");

#define VERDEF_SIZE (sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux))

static struct head *head_of(const struct library *lib)
{
	return (struct head *)lib->alias;
}

static Elf64_Dyn *dynamic_of(const struct library *lib)
{
	return (Elf64_Dyn *)(lib->alias + lib->at.dynamic);
}

unsigned image_section(enum arena_kind kind)
{
	static const unsigned section[ARENAS] = {
		SEC_TEXT, SEC_RODATA, SEC_DATA, SEC_FRAMES
	};

	return section[kind];
}

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
		return error_set(EINVAL, "%s: a limit is larger than a library can be: "
				 "see dlcreate(3)", lib->name);
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

#define SEGMENT(t, f, from, to) \
	(Elf64_Phdr){ .p_type = t, .p_flags = f, .p_offset = from, .p_vaddr = from, \
		.p_paddr = from, .p_filesz = (to) - (from), .p_memsz = (to) - (from), \
		.p_align = PAGE }
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
	ph[PH_STACK] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W,
				     .p_align = 16 };
}

static void write_sections(struct library *lib)
{
	const struct layout *l = &lib->at;
	struct head *h = head_of(lib);
	Elf64_Shdr *sh = h->shdrs;
	uint32_t name = 0;

#define SECTION(t, f, at, l_, i, a, e) \
	(Elf64_Shdr){ .sh_type = t, .sh_flags = f, .sh_addr = at, .sh_offset = at, \
		.sh_link = l_, .sh_info = i, .sh_addralign = a, .sh_entsize = e }
	sh[SEC_DYNSYM] = SECTION(SHT_DYNSYM, SHF_ALLOC, l->dynsym, SEC_DYNSTR, 1, 8,
				 sizeof(Elf64_Sym));
	sh[SEC_DYNSTR] = SECTION(SHT_STRTAB, SHF_ALLOC, l->dynstr, 0, 0, 1, 0);
	sh[SEC_GNU_HASH] = SECTION(SHT_GNU_HASH, SHF_ALLOC, l->gnu_hash, SEC_DYNSYM, 0,
				   8, 0);
	sh[SEC_HASH] = SECTION(SHT_HASH, SHF_ALLOC, l->hash[0], SEC_DYNSYM, 0, 8, 4);
	if (lib->version_count) {
		sh[SEC_VERSYM] = SECTION(SHT_GNU_versym, SHF_ALLOC, l->versym,
					 SEC_DYNSYM, 0, 2, 2);
		sh[SEC_VERDEF] = SECTION(SHT_GNU_verdef, SHF_ALLOC, l->verdef, SEC_DYNSTR,
					 lib->version_count + 1, 8, 0);
		sh[SEC_VERDEF].sh_size = (lib->version_count + 1) * VERDEF_SIZE;
	}
	sh[SEC_FRAME_HDR] = SECTION(SHT_PROGBITS, SHF_ALLOC, l->frame_hdr, 0, 0, 4, 0);
	sh[SEC_FRAMES] = SECTION(SHT_PROGBITS, SHF_ALLOC, l->frames, 0, 0, 8, 0);
	sh[SEC_TEXT] = SECTION(SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, l->text, 0, 0,
			       16, 0);
	sh[SEC_RODATA] = SECTION(SHT_PROGBITS, SHF_ALLOC, l->rodata, 0, 0, 16, 0);
	sh[SEC_DYNAMIC] = SECTION(SHT_DYNAMIC, SHF_ALLOC | SHF_WRITE, l->dynamic,
				  SEC_DYNSTR, 0, 8, sizeof(Elf64_Dyn));
	sh[SEC_DYNAMIC].sh_size = 16 * sizeof(Elf64_Dyn);
	sh[SEC_DATA] = SECTION(SHT_NOBITS, SHF_ALLOC | SHF_WRITE, l->data, 0, 0, 16, 0);
	sh[SEC_SHSTRTAB] = SECTION(SHT_STRTAB, 0, 0, 0, 0, 1, 0);
	sh[SEC_SHSTRTAB].sh_offset = offsetof(struct head, names);
	sh[SEC_SHSTRTAB].sh_size = sizeof section_names + sizeof STUBS_NAME;
	memcpy(h->names, section_names, sizeof section_names);
	for (unsigned i = 0; i < SEC_COUNT; i++) {
		if (sh[i].sh_type)
			sh[i].sh_name = name;
		name += strlen(section_names + name) + 1;
	}
	if (lib->flags & DLBIND_STUBS) {
		sh[SEC_EMPTY_TEXT] = sh[SEC_TEXT];
		strcpy(h->stubs, STUBS_NAME);
		sh[SEC_TEXT].sh_name = sizeof section_names;
	}
}

static void write_ehdr(struct library *lib)
{
	head_of(lib)->ehdr = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_DYN, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_phoff = offsetof(struct head, phdrs),
		.e_shoff = offsetof(struct head, shdrs),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = PH_COUNT,
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
			.vd_version = VER_DEF_CURRENT, .vd_ndx = i + 1, .vd_cnt = 1,
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
	if (library_back(lib, 0, l->dynsym) != 0 ||
	    library_back(lib, l->dynamic, PAGE) != 0 ||
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

void image_loaded(struct library *lib)
{
	volatile Elf64_Dyn *own = (Elf64_Dyn *)(lib->base + lib->at.dynamic);
	struct head *h = head_of(lib);
	Elf64_Dyn *d = dynamic_of(lib);
	unsigned n = 0;

	/* Makes the page ld.so's own, should it not have written there. */
	own[0].d_tag = own[0].d_tag;
	while (d[n].d_tag != DT_NULL)
		n++;
	d[n] = (Elf64_Dyn){ DT_GNU_HASH, { lib->at.gnu_hash } };
	h->phdrs[PH_DATA].p_flags = PF_R | PF_W;
	image_update_symbols(lib);
	image_update_hash(lib);
}

void image_update_symbols(struct library *lib)
{
	Elf64_Shdr *sh = head_of(lib)->shdrs;
	uint32_t n = lib->symbols.slots;

	sh[SEC_DYNSYM].sh_size = n * sizeof(Elf64_Sym);
	sh[SEC_DYNSTR].sh_size = lib->symbols.strings_top;
	dynamic_of(lib)[DYN_STRSZ].d_un.d_val = lib->symbols.strings_top;
	sh[SEC_GNU_HASH].sh_size = 7 * 4 + (n - 1) * 4;
	sh[SEC_HASH].sh_size = 8 + 4 * hash_visible(lib)->buckets + 4 * n;
	if (lib->version_count)
		sh[SEC_VERSYM].sh_size = n * 2;
}

/* Both ld.so's dynamic section, whose count of symbols dladdr walks, and the
 * file's. */
void image_update_hash(struct library *lib)
{
	Elf64_Dyn *own = (Elf64_Dyn *)(lib->base + lib->at.dynamic);
	Elf64_Shdr *sh = &head_of(lib)->shdrs[SEC_HASH];
	const struct hash_table *t = hash_visible(lib);
	size_t at = t->offset;
	bool relocated = own[DYN_HASH].d_un.d_ptr >= lib->base;

	dynamic_of(lib)[DYN_HASH].d_un.d_ptr = at;
	__atomic_store_n(&own[DYN_HASH].d_un.d_ptr, relocated ? lib->base + at : at,
			 __ATOMIC_RELEASE);
	sh->sh_addr = sh->sh_offset = at;
	sh->sh_size = 8 + 4 * t->buckets + 4 * lib->symbols.slots;
}

void image_update_arena(struct arena *a)
{
	Elf64_Shdr *sh = &head_of(a->library)->shdrs[image_section(a->kind)];

	sh->sh_size = (size_t)a->top * GRANULE;
}

void image_update_frames(struct library *lib)
{
	struct head *h = head_of(lib);
	size_t size = 12 + 8ul * lib->frame_count;

	h->shdrs[SEC_FRAME_HDR].sh_size = size;
	h->phdrs[PH_FRAMES].p_filesz = h->phdrs[PH_FRAMES].p_memsz = size;
}

struct tiny {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[3];
	Elf64_Dyn dynamic[8];
	Elf64_Sym symbols[1];
	uint32_t hash[4];
	uintptr_t init[1];
	char strings[8];
};

size_t image_tiny(char page[PAGE], uintptr_t init)
{
	struct tiny *t = (struct tiny *)page;

#define AT(field) { offsetof(struct tiny, field) }
	*t = (struct tiny){
		.ehdr = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
				     ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_DYN, .e_machine = EM_X86_64,
			.e_version = EV_CURRENT, .e_phoff = offsetof(struct tiny, phdrs),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3,
		},
		.phdrs = {
			SEGMENT(PT_LOAD, PF_R | PF_W, 0, sizeof *t),
			SEGMENT(PT_DYNAMIC, PF_R | PF_W,
				offsetof(struct tiny, dynamic),
				offsetof(struct tiny, symbols)),
			{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W },
		},
		.dynamic = {
			{ DT_HASH, AT(hash) }, { DT_SYMTAB, AT(symbols) },
			{ DT_STRTAB, AT(strings) }, { DT_STRSZ, { 1 } },
			{ DT_SYMENT, { sizeof(Elf64_Sym) } },
			{ init ? DT_INIT_ARRAY : DT_NULL, AT(init) },
			{ DT_INIT_ARRAYSZ, { sizeof t->init } }, { DT_NULL, { 0 } },
		},
		.hash = { 1, 1, 0, 0 },
		.init = { init },
	};
	return sizeof *t;
}
