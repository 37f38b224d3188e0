#include "sections.h"

#include "head.h"

unsigned sections_index(enum arena_kind kind)
{
	static const unsigned section[ARENAS] = { SEC_TEXT, SEC_RODATA, SEC_DATA, SEC_FRAMES };

	return section[kind];
}

void sections_loaded(struct library *lib, const struct hash_table *table)
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
	sections_update_symbols(lib, table);
	sections_update_hash(lib, table);
}

void sections_update_symbols(struct library *lib, const struct hash_table *table)
{
	Elf64_Shdr *sh = head_of(lib)->shdrs;
	uint32_t n = lib->symbols.slots;

	sh[SEC_DYNSYM].sh_size = n * sizeof(Elf64_Sym);
	sh[SEC_DYNSTR].sh_size = lib->symbols.strings_top;
	dynamic_of(lib)[DYN_STRSZ].d_un.d_val = lib->symbols.strings_top;
	sh[SEC_GNU_HASH].sh_size = 7 * 4 + (n - 1) * 4;
	sh[SEC_HASH].sh_size = 8 + 4 * table->buckets + 4 * n;
	if (lib->version_count)
		sh[SEC_VERSYM].sh_size = n * 2;
}

/* Both ld.so's dynamic section, whose count of symbols dladdr walks, and the
 * file's. */
void sections_update_hash(struct library *lib, const struct hash_table *table)
{
	Elf64_Dyn *own = (Elf64_Dyn *)(lib->base + lib->at.dynamic);
	Elf64_Shdr *sh = &head_of(lib)->shdrs[SEC_HASH];
	size_t at = table->offset;
	bool relocated = own[DYN_HASH].d_un.d_ptr >= lib->base;

	dynamic_of(lib)[DYN_HASH].d_un.d_ptr = at;
	__atomic_store_n(&own[DYN_HASH].d_un.d_ptr, relocated ? lib->base + at : at,
			 __ATOMIC_RELEASE);
	sh->sh_addr = sh->sh_offset = at;
	sh->sh_size = 8 + 4 * table->buckets + 4 * lib->symbols.slots;
}

void sections_update_arena(struct arena *a)
{
	Elf64_Shdr *sh = &head_of(a->library)->shdrs[sections_index(a->kind)];

	sh->sh_size = (size_t)a->top * GRANULE;
}

void sections_update_frames(struct library *lib)
{
	struct head *h = head_of(lib);
	size_t size = 12 + 8ul * lib->frame_count;

	h->shdrs[SEC_FRAME_HDR].sh_size = size;
	h->phdrs[PH_FRAMES].p_filesz = h->phdrs[PH_FRAMES].p_memsz = size;
}
