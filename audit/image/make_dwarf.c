/* Debug information for a Go guest that has none, from its .gopclntab.
 *
 * What is known is put into standard form, so that every debugger and profiler
 * understands it: functions, lines, inlined calls, frame sizes.  Variables and
 * types are not known.  The sections are appended to the image, behind
 * everything that is loaded, with a new table of section headers:
 *
 *	image | .debug_* | [.symtab .strtab] | .shstrtab | section headers
 *
 * The C parts of a cgo package may have debug information of their own: what
 * they have in a section of the same name stands before ours in the new one.
 *
 * DWARF 4: one unit, one line program, one .debug_frame entry a function.
 * libelf is not used for writing: it would lay the file out anew, and here not
 * a byte that is loaded may move. */
#include "image/buffer.h"
#include "image/pclntab.h"
#include "../dlbind/machine.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRODUCER    "goaudit (from .gopclntab: no variables)"
#define LANGUAGE    DW_LANG_Go
#define INLINED_MAX 512 /* of one function; with more they are left out */
#define DEPTH_MAX   64
#define GROWTH_MAX  8 /* a sound table yields less than the image's size */

/* Lines: special opcodes advance the line by LINE_BASE and up. */
enum { LINE_BASE = -4, LINE_RANGE = 10, OPCODE_BASE = 13 };

/* Registers (x86-64 psABI, figure 3.36). */
enum { RBP = 6, RSP = 7 };

enum abbrev {
	A_UNIT = 1,
	A_FUNCTION,
	A_FUNCTION_TREE,
	A_ABSTRACT,
	A_INLINED,
	A_INLINED_TREE,
};

enum section {
	S_ABBREV,
	S_INFO,
	S_LINE,
	S_FRAME,
	S_RANGES,
	S_ARANGES,
	S_SYMTAB,
	S_STRTAB,
	S_SHSTRTAB,
	S_COUNT,
};

static const char *const section_names[S_COUNT] = {
	".debug_abbrev",  ".debug_info", ".debug_line", ".debug_frame", ".debug_ranges",
	".debug_aranges", ".symtab",     ".strtab",     ".shstrtab",
};

struct inlined {
	struct pcln_inlined call;
	int32_t parent; /* -1: the function itself */
	uint32_t call_file, call_line;
	bool used; /* some code is of it */
};

struct maker {
	struct image_elf *img;
	struct pclntab t;
	struct out s[S_COUNT];
	size_t base[S_COUNT];  /* where ours begins: behind what was there */
	struct out program;    /* of lines */
	bool symbols;          /* the image has none */
	uint64_t lo, hi;       /* of all functions */
	uint32_t *file_number; /* by offset of the name in the table, from 1 */
	uint32_t files;
	struct out file_names;
	uint32_t *abstract; /* place of an inlined function's entry, by offset
					 * of its name; 0: none yet */
	struct inlined in[INLINED_MAX];
	int32_t inlines; /* of the function at hand */
};

/* ---- abbreviations ---- */

static void put_abbrev(struct out *o, enum abbrev code, unsigned tag, bool children,
		       const uint16_t (*attrs)[2])
{
	out_uleb(o, code);
	out_uleb(o, tag);
	out_u8(o, children ? DW_CHILDREN_yes : DW_CHILDREN_no);
	for (; (*attrs)[0] != 0; attrs++) {
		out_uleb(o, (*attrs)[0]);
		out_uleb(o, (*attrs)[1]);
	}
	out_u16(o, 0);
}

static void put_abbrevs(struct out *o)
{
	static const uint16_t unit[][2] = {
		{ DW_AT_name, DW_FORM_string },          { DW_AT_producer, DW_FORM_string },
		{ DW_AT_language, DW_FORM_udata },       { DW_AT_comp_dir, DW_FORM_string },
		{ DW_AT_stmt_list, DW_FORM_sec_offset }, { DW_AT_low_pc, DW_FORM_addr },
		{ DW_AT_high_pc, DW_FORM_data8 },        { 0, 0 },
	};
	static const uint16_t function[][2] = {
		{ DW_AT_name, DW_FORM_string },        { DW_AT_low_pc, DW_FORM_addr },
		{ DW_AT_high_pc, DW_FORM_data8 },      { DW_AT_decl_file, DW_FORM_udata },
		{ DW_AT_decl_line, DW_FORM_udata },    { DW_AT_external, DW_FORM_flag_present },
		{ DW_AT_frame_base, DW_FORM_exprloc }, { 0, 0 },
	};
	static const uint16_t abstract[][2] = {
		{ DW_AT_name, DW_FORM_string },
		{ DW_AT_inline, DW_FORM_udata },
		{ DW_AT_decl_line, DW_FORM_udata },
		{ 0, 0 },
	};
	static const uint16_t inlined[][2] = {
		{ DW_AT_abstract_origin, DW_FORM_ref4 },
		{ DW_AT_ranges, DW_FORM_sec_offset },
		{ DW_AT_call_file, DW_FORM_udata },
		{ DW_AT_call_line, DW_FORM_udata },
		{ 0, 0 },
	};

	put_abbrev(o, A_UNIT, DW_TAG_compile_unit, true, unit);
	put_abbrev(o, A_FUNCTION, DW_TAG_subprogram, false, function);
	put_abbrev(o, A_FUNCTION_TREE, DW_TAG_subprogram, true, function);
	put_abbrev(o, A_ABSTRACT, DW_TAG_subprogram, false, abstract);
	put_abbrev(o, A_INLINED, DW_TAG_inlined_subroutine, false, inlined);
	put_abbrev(o, A_INLINED_TREE, DW_TAG_inlined_subroutine, true, inlined);
	out_u8(o, 0);
}

/* ---- lines ---- */

/* The number of a unit's file; 1, the first, where the table does not say. */
static uint32_t file_number(struct maker *m, uint32_t cu, int32_t index)
{
	uint32_t offset;
	const char *name = pclntab_file(&m->t, cu, index, &offset);

	if (name == NULL)
		return 1;
	if (m->file_number[offset] == 0) {
		m->file_number[offset] = ++m->files;
		out_text(&m->file_names, name);
		out_u8(&m->file_names, 0);  /* an absolute name: no folder, */
		out_u16(&m->file_names, 0); /* time or size */
	}
	return m->file_number[offset];
}

struct line_state {
	uint64_t pc;
	uint32_t file;
	int64_t line;
};

static void put_row(struct out *o, struct line_state *s, uint64_t pc, uint32_t file,
		    int64_t line, bool prologue_end)
{
	int64_t step = line - s->line, op = step - LINE_BASE + OPCODE_BASE;
	uint64_t far = pc - s->pc;

	if (file != s->file) {
		out_u8(o, DW_LNS_set_file);
		out_uleb(o, file);
	}
	if (prologue_end)
		out_u8(o, DW_LNS_set_prologue_end);
	if (step >= LINE_BASE && step < LINE_BASE + LINE_RANGE && far < 24 &&
	    op + LINE_RANGE * (int64_t)far <= 255) {
		out_u8(o, (uint8_t)(op + LINE_RANGE * (int64_t)far));
	} else {
		out_u8(o, DW_LNS_advance_line);
		out_sleb(o, step);
		out_u8(o, DW_LNS_advance_pc);
		out_uleb(o, far);
		out_u8(o, DW_LNS_copy);
	}
	*s = (struct line_state){ .pc = pc, .file = file, .line = line };
}

/* Where the frame has got its size. */
static uint64_t end_of_prologue(const struct maker *m, const struct pcln_func *fn)
{
	struct pcln_values v;
	uint64_t end = 0;
	int32_t size = 0;

	for (pcln_begin(&v, &m->t, fn->pcsp, fn->entry); pcln_next(&v); size = v.value) {
		if (v.value < size)
			break;
		if (v.value > size)
			end = v.pc;
	}
	return end;
}

/* A row where file or line change, and one at the end of the prologue: there a
 * breakpoint on the function belongs, behind the check of the stack, which may
 * begin the function once more. */
static void put_lines(struct maker *m, const struct pcln_func *fn)
{
	struct out *o = &m->program;
	struct line_state s = { .pc = fn->entry, .file = 1, .line = 1 };
	uint64_t body = end_of_prologue(m, fn), pc = fn->entry;
	struct pcln_values file, line;
	bool more;

	out_u8(o, 0);
	out_uleb(o, 9);
	out_u8(o, DW_LNE_set_address);
	out_u64(o, fn->entry);
	pcln_begin(&file, &m->t, fn->pcfile, fn->entry);
	pcln_begin(&line, &m->t, fn->pcln, fn->entry);
	more = pcln_next(&file) && pcln_next(&line);
	while (more && pc < fn->end) {
		uint64_t next = file.end < line.end ? file.end : line.end;
		uint32_t number = file_number(m, fn->cu, file.value);

		put_row(o, &s, pc, number, line.value, pc == body);
		if (body > pc && body < next && body < fn->end)
			put_row(o, &s, body, number, line.value, true);
		if (file.end == next)
			more = pcln_next(&file);
		if (line.end == next)
			more = pcln_next(&line) && more;
		pc = next;
	}
	out_u8(o, DW_LNS_advance_pc);
	out_uleb(o, fn->end - s.pc);
	out_u8(o, 0);
	out_uleb(o, 1);
	out_u8(o, DW_LNE_end_sequence);
}

/* The program's head is known only when all files are: it is put before. */
static void finish_lines(struct maker *m)
{
	static const uint8_t lengths[OPCODE_BASE - 1] = { 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1 };
	struct out *o = &m->s[S_LINE];
	size_t begin = o->n, head;

	out_u32(o, 0);
	out_u16(o, 4);
	out_u32(o, 0);
	head = o->n;
	out_u8(o, 1); /* shortest instruction */
	out_u8(o, 1); /* operations in one */
	out_u8(o, 1); /* rows are statements */
	out_u8(o, (uint8_t)LINE_BASE);
	out_u8(o, LINE_RANGE);
	out_u8(o, OPCODE_BASE);
	out_bytes(o, lengths, sizeof lengths);
	out_u8(o, 0); /* no folders */
	out_bytes(o, m->file_names.p, m->file_names.n);
	out_u8(o, 0);
	out_set32(o, head - 4, (uint32_t)(o->n - head));
	out_bytes(o, m->program.p, m->program.n);
	out_set32(o, begin, (uint32_t)(o->n - begin - 4));
	o->failed |= m->program.failed || m->file_names.failed;
}

/* ---- frames ---- */

static void put_common_frame(struct out *o)
{
	size_t begin = o->n;

	out_u32(o, 20);
	out_u32(o, UINT32_MAX);
	out_u8(o, 3);
	out_u8(o, 0);    /* no augmentation */
	out_uleb(o, 1);  /* code alignment */
	out_sleb(o, -8); /* data alignment */
	out_uleb(o, MACHINE_CFI_RETURN);
	out_u8(o, DW_CFA_def_cfa);
	out_uleb(o, RSP);
	out_uleb(o, 8);
	out_u8(o, DW_CFA_offset + MACHINE_CFI_RETURN);
	out_uleb(o, 1);
	while ((o->n - begin) % 8 != 0)
		out_u8(o, DW_CFA_nop);
}

static void put_advance(struct out *o, uint64_t by)
{
	if (by == 0)
		return;
	if (by < 0x40) {
		out_u8(o, (uint8_t)(DW_CFA_advance_loc + by));
	} else if (by < 0x10000) {
		out_u8(o, DW_CFA_advance_loc2);
		out_u16(o, (uint16_t)by);
	} else {
		out_u8(o, DW_CFA_advance_loc4);
		out_u32(o, (uint32_t)by);
	}
}

static bool pushes_rbp(const struct maker *m, uint64_t behind)
{
	uint64_t offset;

	return image_offset(m->img, behind - 1, 1, &offset, NULL) &&
	       m->img->data[offset] == 0x55;
}

static void put_frame(struct maker *m, const struct pcln_func *fn)
{
	struct out *o = &m->s[S_FRAME];
	size_t begin = o->n;
	uint64_t pc = fn->entry;
	bool pushed = false, saved = false;
	struct pcln_values v;

	out_u32(o, 0);
	out_u32(o, (uint32_t)m->base[S_FRAME]);
	out_u64(o, fn->entry);
	out_u64(o, fn->end - fn->entry);
	for (pcln_begin(&v, &m->t, fn->pcsp, fn->entry); pcln_next(&v) && v.pc < fn->end;) {
		put_advance(o, v.pc - pc);
		pc = v.pc;
		out_u8(o, DW_CFA_def_cfa_offset);
		out_uleb(o, (uint64_t)(v.value < 0 ? 0 : v.value) + 8);
		pushed = pushed || (v.value == 8 && v.pc > fn->entry && pushes_rbp(m, v.pc));
		if (saved != (pushed && v.value > 0)) {
			saved = !saved;
			out_u8(o, saved ? DW_CFA_offset + RBP : DW_CFA_restore + RBP);
			if (saved)
				out_uleb(o, 2);
		}
	}
	while ((o->n - begin) % 8 != 4)
		out_u8(o, DW_CFA_nop);
	out_set32(o, begin, (uint32_t)(o->n - begin - 4));
}

/* ---- inlined calls ---- */

/* Reads the tree of a function's inlined calls; none if it is not sound. */
static void read_inlined(struct maker *m, const struct pcln_func *fn)
{
	struct pcln_values v;
	int32_t most = -1;

	m->inlines = 0;
	if (fn->pcinline == 0)
		return;
	for (pcln_begin(&v, &m->t, fn->pcinline, fn->entry); pcln_next(&v);)
		most = v.value > most ? v.value : most;
	if (most >= INLINED_MAX)
		return;
	for (int32_t i = 0; i <= most; i++) {
		struct inlined *in = &m->in[i];
		uint64_t pc;

		if (!pclntab_inlined(&m->t, fn, i, &in->call))
			return;
		pc = fn->entry + in->call.parent_pc;
		in->parent = pcln_value(&m->t, fn->pcinline, fn->entry, pc);
		in->call_file =
			file_number(m, fn->cu, pcln_value(&m->t, fn->pcfile, fn->entry, pc));
		in->call_line = (uint32_t)pcln_value(&m->t, fn->pcln, fn->entry, pc);
		in->used = false;
		if (in->parent > most)
			return;
	}
	m->inlines = most + 1;
	for (int32_t i = 0; i < m->inlines; i++) {
		unsigned depth = 0;

		for (int32_t k = i; k >= 0; k = m->in[k].parent)
			if (++depth > DEPTH_MAX) {
				m->inlines = 0; /* a circle */
				return;
			}
	}
	for (pcln_begin(&v, &m->t, fn->pcinline, fn->entry); pcln_next(&v);)
		for (int32_t k = v.value; k >= 0; k = m->in[k].parent)
			m->in[k].used = true;
}

/* Every inlined function has one entry that its calls refer to. */
static void put_abstracts(struct maker *m)
{
	struct out *o = &m->s[S_INFO];

	for (int32_t i = 0; i < m->inlines; i++) {
		const struct pcln_inlined *c = &m->in[i].call;

		if (m->abstract[c->name_offset] != 0)
			continue;
		m->abstract[c->name_offset] = (uint32_t)(o->n - m->base[S_INFO]);
		out_uleb(o, A_ABSTRACT);
		out_text(o, c->name);
		out_uleb(o, DW_INL_inlined);
		out_uleb(o, c->start_line);
	}
}

static bool is_within(const struct maker *m, int32_t inner, int32_t outer)
{
	while (inner >= 0 && inner != outer)
		inner = m->in[inner].parent;
	return inner == outer;
}

static void put_ranges(struct maker *m, const struct pcln_func *fn, int32_t index)
{
	struct out *o = &m->s[S_RANGES];
	struct pcln_values v;

	for (pcln_begin(&v, &m->t, fn->pcinline, fn->entry); pcln_next(&v);)
		if (is_within(m, v.value, index)) {
			out_u64(o, v.pc - m->lo);
			out_u64(o, v.end - m->lo);
		}
	out_u64(o, 0);
	out_u64(o, 0);
}

static bool has_calls(const struct maker *m, int32_t parent)
{
	for (int32_t i = 0; i < m->inlines; i++)
		if (m->in[i].used && m->in[i].parent == parent)
			return true;
	return false;
}

static void put_calls(struct maker *m, const struct pcln_func *fn, int32_t parent)
{
	struct out *o = &m->s[S_INFO];

	for (int32_t i = 0; i < m->inlines; i++) {
		bool more;

		if (!m->in[i].used || m->in[i].parent != parent)
			continue;
		more = has_calls(m, i);
		out_uleb(o, more ? A_INLINED_TREE : A_INLINED);
		out_u32(o, m->abstract[m->in[i].call.name_offset]);
		out_u32(o, (uint32_t)m->s[S_RANGES].n);
		put_ranges(m, fn, i);
		out_uleb(o, m->in[i].call_file);
		out_uleb(o, m->in[i].call_line);
		if (more) {
			put_calls(m, fn, i);
			out_u8(o, 0);
		}
	}
}

/* ---- the whole ---- */

static void put_function(struct maker *m, const struct pcln_func *fn)
{
	struct out *o = &m->s[S_INFO];
	bool calls;

	read_inlined(m, fn);
	put_abstracts(m);
	calls = has_calls(m, -1);
	out_uleb(o, calls ? A_FUNCTION_TREE : A_FUNCTION);
	out_text(o, fn->name);
	out_u64(o, fn->entry);
	out_u64(o, fn->end - fn->entry);
	out_uleb(o,
		 file_number(m, fn->cu, pcln_value(&m->t, fn->pcfile, fn->entry, fn->entry)));
	out_uleb(o, fn->start_line);
	out_uleb(o, 1);
	out_u8(o, DW_OP_call_frame_cfa);
	if (calls) {
		put_calls(m, fn, -1);
		out_u8(o, 0);
	}
}

static Elf64_Section section_of(const struct maker *m, uint64_t addr)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	while ((scn = elf_nextscn(m->img->elf, scn)) != NULL)
		if (gelf_getshdr(scn, &sh) != NULL && (sh.sh_flags & SHF_ALLOC) != 0 &&
		    addr >= sh.sh_addr && addr - sh.sh_addr < sh.sh_size)
			return (Elf64_Section)elf_ndxscn(scn);
	return SHN_ABS;
}

static void put_symbol(struct maker *m, const struct pcln_func *fn, Elf64_Section section)
{
	Elf64_Sym sym = {
		.st_name = (Elf64_Word)m->s[S_STRTAB].n,
		.st_shndx = section,
		.st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC),
		.st_value = fn->entry,
		.st_size = fn->end - fn->entry,
	};

	out_text(&m->s[S_STRTAB], fn->name);
	out_bytes(&m->s[S_SYMTAB], &sym, sizeof sym);
}

static void put_unit_head(struct maker *m)
{
	struct out *o = &m->s[S_INFO];

	out_u32(o, 0);
	out_u16(o, 4);
	out_u32(o, (uint32_t)m->base[S_ABBREV]);
	out_u8(o, 8);
	out_uleb(o, A_UNIT);
	out_text(o, "main");
	out_text(o, PRODUCER);
	out_uleb(o, LANGUAGE);
	out_text(o, "/");
	out_u32(o, (uint32_t)m->base[S_LINE]);
	out_u64(o, m->lo);
	out_u64(o, m->hi - m->lo);
}

static void put_aranges(struct maker *m)
{
	struct out *o = &m->s[S_ARANGES];

	out_align(o, 16);
	out_u32(o, 44);
	out_u16(o, 2);
	out_u32(o, (uint32_t)m->base[S_INFO]);
	out_u8(o, 8);
	out_u8(o, 0);
	out_u32(o, 0); /* to a multiple of 16 */
	out_u64(o, m->lo);
	out_u64(o, m->hi - m->lo);
	out_u64(o, 0);
	out_u64(o, 0);
}

/* The span of all functions; false: there are none. */
static bool measure(struct maker *m)
{
	struct pcln_func fn;

	m->lo = UINT64_MAX;
	for (size_t i = 0; i < m->t.count; i++) {
		if (!pclntab_func(&m->t, i, &fn))
			continue;
		m->lo = fn.entry < m->lo ? fn.entry : m->lo;
		m->hi = fn.end > m->hi ? fn.end : m->hi;
	}
	return m->lo < m->hi && m->lo >= m->img->base && m->hi <= m->img->end;
}

/* Functions that share their tables could make it grow without end. */
static bool is_too_much(const struct maker *m)
{
	return m->s[S_INFO].n + m->s[S_FRAME].n + m->s[S_RANGES].n + m->program.n >
	       GROWTH_MAX * m->img->len;
}

static bool make(struct maker *m)
{
	static const Elf64_Sym null = { .st_name = 0 };
	Elf64_Section section = section_of(m, m->lo);
	struct pcln_func fn;

	for (enum section s = 0; s < S_SYMTAB; s++)
		m->base[s] = m->s[s].n;
	put_abbrevs(&m->s[S_ABBREV]);
	put_unit_head(m);
	put_common_frame(&m->s[S_FRAME]);
	put_aranges(m);
	if (m->symbols) {
		out_bytes(&m->s[S_SYMTAB], &null, sizeof null);
		out_u8(&m->s[S_STRTAB], 0);
	}
	for (size_t i = 0; i < m->t.count; i++) {
		if (is_too_much(m))
			return false;
		if (!pclntab_func(&m->t, i, &fn))
			continue;
		put_lines(m, &fn);
		put_frame(m, &fn);
		put_function(m, &fn);
		if (m->symbols)
			put_symbol(m, &fn, section);
	}
	finish_lines(m);
	out_u8(&m->s[S_INFO], 0);
	out_set32(&m->s[S_INFO], m->base[S_INFO],
		  (uint32_t)(m->s[S_INFO].n - m->base[S_INFO] - 4));
	return true;
}

/* ---- the file ---- */

/* What the image has in a section that we make; it goes into the new one, and the
 * old one becomes nobody's.  False: it cannot be read. */
static bool take_over(struct maker *m, Elf_Scn *scn, GElf_Shdr *sh, const char *name)
{
	Elf_Data *d;

	for (enum section s = 0; s < S_SYMTAB; s++) {
		if (strcmp(name, section_names[s]) != 0)
			continue;
		if ((sh->sh_flags & SHF_COMPRESSED) != 0 && elf_compress(scn, 0, 0) < 0)
			return false;
		d = elf_getdata(scn, NULL);
		/* A section without a place in the file has a size and no bytes. */
		if (d == NULL || (d->d_buf == NULL && d->d_size > 0) || m->s[s].n != 0)
			return false;
		out_bytes(&m->s[s], d->d_buf, d->d_size);
		*sh = (GElf_Shdr){ .sh_type = SHT_NULL };
	}
	return true;
}

/* The image's headers, with their names moved over to the new table. */
static bool copy_headers(struct maker *m, struct out *headers, size_t *count)
{
	Elf_Scn *scn = elf_getscn(m->img->elf, 0);
	size_t names;

	if (elf_getshdrstrndx(m->img->elf, &names) != 0)
		return false;
	for (*count = 0; scn != NULL; scn = elf_nextscn(m->img->elf, scn), ++*count) {
		GElf_Shdr sh;
		const char *name;

		if (gelf_getshdr(scn, &sh) == NULL)
			return false;
		name = elf_strptr(m->img->elf, names, sh.sh_name);
		if (name != NULL && !take_over(m, scn, &sh, name))
			return false;
		m->symbols = m->symbols && sh.sh_type != SHT_SYMTAB;
		if (sh.sh_type != SHT_NULL)
			sh.sh_name = (Elf64_Word)m->s[S_SHSTRTAB].n;
		out_text(&m->s[S_SHSTRTAB], name != NULL ? name : "");
		out_bytes(headers, &sh, sizeof sh); /* GElf_Shdr is Elf64_Shdr */
	}
	return *count > 1 && *count < SHN_LORESERVE - S_COUNT;
}

static void put_section(struct maker *m, struct out *file, struct out *headers, enum section s,
			size_t strtab)
{
	Elf64_Shdr sh = {
		.sh_name = (Elf64_Word)m->s[S_SHSTRTAB].n,
		.sh_type = SHT_PROGBITS,
		.sh_addralign = s == S_SYMTAB ? 8 : 1,
	};

	if (s == S_SYMTAB) {
		sh.sh_type = SHT_SYMTAB;
		sh.sh_entsize = sizeof(Elf64_Sym);
		sh.sh_link = (Elf64_Word)strtab;
		sh.sh_info = (Elf64_Word)(m->s[s].n / sizeof(Elf64_Sym)); /* all local */
	} else if (s == S_STRTAB || s == S_SHSTRTAB) {
		sh.sh_type = SHT_STRTAB;
	}
	out_text(&m->s[S_SHSTRTAB], section_names[s]);
	out_align(file, 8);
	sh.sh_offset = file->n;
	sh.sh_size = m->s[s].n;
	out_bytes(file, m->s[s].p, m->s[s].n);
	out_bytes(headers, &sh, sizeof sh);
	file->failed |= m->s[s].failed;
}

static void write_image(struct maker *m, struct out *file, struct out *headers, size_t count)
{
	Elf64_Ehdr eh;

	out_bytes(file, m->img->data, m->img->len);
	for (enum section s = 0; s < S_COUNT; s++) {
		if (!m->symbols && (s == S_SYMTAB || s == S_STRTAB))
			continue;
		put_section(m, file, headers, s, count + 1);
		count++;
	}
	out_align(file, 8);
	if (file->failed || headers->failed)
		return;
	memcpy(&eh, file->p, sizeof eh);
	eh.e_shoff = file->n;
	eh.e_shnum = (Elf64_Half)count;
	eh.e_shstrndx = (Elf64_Half)(count - 1);
	eh.e_shentsize = sizeof(Elf64_Shdr);
	memcpy(file->p, &eh, sizeof eh);
	out_bytes(file, headers->p, headers->n);
}

static bool make_image(struct maker *m, struct out *file)
{
	struct out headers = { .p = NULL };
	size_t count;
	bool good = false;

	m->symbols = true;
	m->file_number = calloc(m->t.pcs - m->t.files + 1, sizeof *m->file_number);
	m->abstract = calloc(m->t.cus - m->t.names + 1, sizeof *m->abstract);
	if (m->file_number != NULL && m->abstract != NULL && measure(m) &&
	    copy_headers(m, &headers, &count) && make(m)) {
		write_image(m, file, &headers, count);
		good = !file->failed && !headers.failed;
	}
	free(headers.p);
	free(m->file_number);
	free(m->abstract);
	return good;
}

bool image_add_debug(const void *data, size_t len, const struct image_facts *facts, void **out,
		     size_t *out_len)
{
	struct image_elf img;
	struct out file = { .p = NULL };
	struct maker *m;
	int minor = 0;
	bool good = false;

	if (facts->kind != IMAGE_GO_GUEST || facts->has_dwarf ||
	    image_elf_open(&img, data, len, NULL, 0) != IMAGE_OK)
		return false;
	sscanf(facts->go_version, "go1.%d", &minor);
	m = calloc(1, sizeof *m);
	if (m != NULL) {
		m->img = &img;
		good = pclntab_open(&m->t, &img, minor) && m->t.cus > m->t.names &&
		       make_image(m, &file);
		for (enum section s = 0; s < S_COUNT; s++)
			free(m->s[s].p);
		free(m->program.p);
		free(m->file_names.p);
		free(m);
	}
	image_elf_close(&img);
	if (!good) {
		free(file.p);
		return false;
	}
	*out = file.p;
	*out_len = file.n;
	return true;
}
