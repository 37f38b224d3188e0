/* Unwind tables: .eh_frame and .eh_frame_hdr (LSB, "Exception Frames").
 *
 * Unwinders find a function's entry (FDE) through the header's table, which is
 * sorted by address; libgcc, for one, aborts when it is not.  They search it without
 * a lock, while we add functions at any address.  So entries are never moved: there
 * is one for each 16 bytes of .text up to the last function with an FDE.  It has
 * those bytes' address and an FDE that covers nothing; or, where a function lies,
 * the function's start and FDE, the same in all its entries.  A search for an address
 * outside of a function compares with its entries as before, whether it sees them
 * changed or not.  A function has to start at a multiple of 16.  The last entry always
 * covers nothing.
 *
 * An FDE keeps its place as long as it is registered.  Tools read .eh_frame from
 * beginning to end, so free space in it is a CIE without use. */
#include "frames.h"

#include <errno.h>
#include <string.h>

#include "arena.h"
#include "backing.h"
#include "error.h"
#include "sections.h"

#define ENC_OMIT        0xff
#define ENC_FORMAT      0x0f
#define ENC_APPLICATION 0x70
#define ENC_PCREL       0x10
#define ENC_SDATA4      0x0b
#define ENC_UDATA4      0x03
#define ENC_DATAREL     0x30

struct header {
	uint8_t version, frame_enc, count_enc, table_enc;
	int32_t frame;
	uint32_t count;
	struct {
		int32_t address, fde; /* from the header */
	} table[];
};

/* The block at the start of .eh_frame: a CIE, and an FDE that covers nothing. */
static const unsigned char nothing[48] = {
	20,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	1,
	'z',
	'R',
	0,
	1,
	MACHINE_CFI_DATA_ALIGN,
	MACHINE_CFI_RETURN,
	1,
	ENC_PCREL | ENC_SDATA4,
	MACHINE_CFI_START,
	0,
	0,
	20,
	0,
	0,
	0,
	28,
	0,
	0,
	0,
};

#define NOTHING_FDE 24

/* A record of .eh_frame, somewhere in memory. */
struct record {
	const unsigned char *start, *at, *end;
};

/* What an FDE needs of its CIE, and what it says itself. */
struct frame {
	uint8_t enc, lsda_enc;
	bool has_data;
	const unsigned char *personality, *pc, *lsda; /* the fields; NULL: none */
	uint8_t personality_enc;
	uintptr_t begin, size;
};

static struct header *header_of(const struct library *lib)
{
	return (struct header *)(lib->alias + lib->at.frame_hdr);
}

static uint32_t get32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static bool skip_leb(struct record *r)
{
	while (r->at < r->end)
		if (!(*r->at++ & 0x80))
			return true;
	return false;
}

static bool get_leb(struct record *r, uint64_t *value)
{
	unsigned shift = 0;

	*value = 0;
	while (r->at < r->end && shift < 63) {
		*value |= (uint64_t)(*r->at & 0x7f) << shift;
		shift += 7;
		if (!(*r->at++ & 0x80))
			return true;
	}
	return false;
}

static bool get_byte(struct record *r, uint8_t *value)
{
	if (r->at >= r->end)
		return false;
	*value = *r->at++;
	return true;
}

/* Bytes of an encoded pointer; 0: not one that can be moved. */
static unsigned size_of(uint8_t enc)
{
	if ((enc & ENC_APPLICATION) != 0 && (enc & ENC_APPLICATION) != ENC_PCREL)
		return 0;
	switch (enc & ENC_FORMAT) {
	case 0x00:
	case 0x04:
	case 0x0c: return 8;
	case 0x03:
	case 0x0b: return 4;
	}
	return 0;
}

static bool get_pointer(struct record *r, uint8_t enc, const unsigned char **field)
{
	unsigned size = size_of(enc);

	if (!size || (size_t)(r->end - r->at) < size)
		return false;
	*field = r->at;
	r->at += size;
	return true;
}

static int64_t raw(const unsigned char *field, uint8_t enc)
{
	int64_t v;

	if (size_of(enc) == 8) {
		memcpy(&v, field, sizeof v);
		return v;
	}
	return enc & 0x08 ? (int32_t)get32(field) : (int64_t)get32(field);
}

static uintptr_t pointer(const unsigned char *field, uint8_t enc)
{
	uintptr_t v = raw(field, enc);

	return v && (enc & ENC_APPLICATION) == ENC_PCREL ? v + (uintptr_t)field : v;
}

/* Moves a field's value along when the field moves. */
static bool move(const unsigned char *from, unsigned char *to, uintptr_t to_address,
		 uint8_t enc)
{
	int64_t v = raw(from, enc);
	int32_t narrow;

	if ((enc & ENC_APPLICATION) != ENC_PCREL || v == 0)
		return true;
	v += (uintptr_t)from - to_address;
	if (size_of(enc) == 8) {
		memcpy(to, &v, sizeof v);
		return true;
	}
	narrow = v;
	if (enc & 0x08 ? narrow != v : (uint64_t)v > UINT32_MAX)
		return false;
	memcpy(to, &narrow, sizeof narrow);
	return true;
}

/* The next record of [p, end); false at the end, or at a terminator. */
static bool next_record(const unsigned char *p, const unsigned char *end, struct record *r,
			bool *broken)
{
	uint32_t length;

	*broken = false;
	if (p == end)
		return false;
	*broken = true;
	if (end - p < 4)
		return false;
	length = get32(p);
	if (length == 0) {
		*broken = false;
		return false;
	}
	if (length < 8 || length % 4 || length > (size_t)(end - p) - 4)
		return false;
	*r = (struct record){ p, p + 8, p + 4 + length };
	*broken = false;
	return true;
}

static bool parse_cie(struct record r, struct frame *f)
{
	const char *augmentation = (const char *)r.at + 1;
	uint8_t version, byte;

	*f = (struct frame){ .lsda_enc = ENC_OMIT };
	if (!get_byte(&r, &version) || (version != 1 && version != 3) ||
	    !memchr(r.at, 0, r.end - r.at))
		return false;
	r.at += strlen(augmentation) + 1;
	/* NOLINTNEXTLINE(misc-redundant-expression): each skips one. */
	if (!skip_leb(&r) || !skip_leb(&r) ||
	    !(version == 1 ? get_byte(&r, &byte) : skip_leb(&r)))
		return false;
	if (!augmentation[0])
		return true;
	if (augmentation[0] != 'z' || !skip_leb(&r))
		return false;
	f->has_data = true;
	for (const char *p = augmentation + 1; *p; p++)
		switch (*p) {
		case 'P':
			if (!get_byte(&r, &f->personality_enc) ||
			    !get_pointer(&r, f->personality_enc, &f->personality))
				return false;
			break;
		case 'L':
			if (!get_byte(&r, &f->lsda_enc))
				return false;
			break;
		case 'R':
			if (!get_byte(&r, &f->enc))
				return false;
			break;
		case 'S':
		case 'B': break;
		default: return false;
		}
	return true;
}

/* `first` is where the records begin: its CIE must lie there. */
static bool parse_fde(struct record r, const unsigned char *first, struct frame *f)
{
	uint32_t back = get32(r.start + 4);
	const unsigned char *range;
	struct record cie;
	uint64_t length;
	bool broken;

	if (back > (size_t)(r.start + 4 - first) ||
	    !next_record(r.start + 4 - back, r.start, &cie, &broken) ||
	    get32(cie.start + 4) != 0 || !parse_cie(cie, f) ||
	    !get_pointer(&r, f->enc, &f->pc) || !get_pointer(&r, f->enc & ENC_FORMAT, &range))
		return false;
	f->begin = pointer(f->pc, f->enc);
	f->size = raw(range, f->enc & ENC_FORMAT & ~0x08);
	f->personality = NULL;
	if (!f->has_data)
		return true;
	if (!get_leb(&r, &length) || length > (size_t)(r.end - r.at))
		return false;
	return f->lsda_enc == ENC_OMIT || length == 0 || get_pointer(&r, f->lsda_enc, &f->lsda);
}

static bool parse(struct record r, const unsigned char *first, struct frame *f)
{
	return get32(r.start + 4) == 0 ? parse_cie(r, f) : parse_fde(r, first, f);
}

/* --- the table ----------------------------------------------------------------------- */

static uint32_t entry_of(const struct library *lib, uintptr_t address)
{
	return (address - lib->base - lib->at.text) / GRANULE;
}

static int32_t nothing_offset(const struct library *lib)
{
	return lib->at.frames + NOTHING_FDE - lib->at.frame_hdr;
}

/* Of an entry's 16 bytes, from the header. */
static int32_t address_of(const struct library *lib, uint32_t entry)
{
	return lib->at.text + (size_t)entry * GRANULE - lib->at.frame_hdr;
}

/* Makes the table have more than `entry`. */
static int extend(struct library *lib, uint32_t entry)
{
	struct header *h = header_of(lib);
	uint32_t count = lib->frame_count, more = entry + 2;

	if (more <= count)
		return 0;
	if (backing_add(lib, lib->at.frame_hdr + sizeof *h + 8ul * count,
			8ul * (more - count)) != 0)
		return -1;
	for (uint32_t i = count; i < more; i++) {
		h->table[i].address = address_of(lib, i);
		h->table[i].fde = nothing_offset(lib);
	}
	lib->frame_count = more;
	__atomic_store_n(&h->count, more, __ATOMIC_RELEASE);
	sections_update_frames(lib);
	return 0;
}

static int init(struct library *lib)
{
	struct header *h = header_of(lib);
	uintptr_t block;

	if (lib->frame_count)
		return 0;
	if (backing_add(lib, lib->at.frame_hdr, sizeof *h + 8) != 0)
		return -1;
	block = arena_alloc(&lib->arenas[ARENA_FRAMES], sizeof nothing, GRANULE);
	if (!block)
		return -1;
	memcpy(lib->alias + lib->at.frames, nothing, sizeof nothing);
	h->frame_enc = ENC_PCREL | ENC_SDATA4;
	h->count_enc = ENC_UDATA4;
	h->table_enc = ENC_DATAREL | ENC_SDATA4;
	h->frame = lib->at.frames - lib->at.frame_hdr - offsetof(struct header, frame);
	if (extend(lib, 0) != 0) {
		arena_free(&lib->arenas[ARENA_FRAMES], 0);
		return -1;
	}
	__atomic_store_n(&h->version, 1, __ATOMIC_RELEASE);
	return 0;
}

/* Changes the entries of [begin, begin + size) from one FDE to another; false when it
 * meets one that has another. */
static bool set_entries(struct library *lib, uintptr_t begin, uintptr_t size, int32_t from,
			int32_t to)
{
	struct header *h = header_of(lib);
	uint32_t first = entry_of(lib, begin), last = entry_of(lib, begin + size - 1);

	for (uint32_t i = first; i <= last; i++) {
		if (h->table[i].fde != from)
			return false;
		__atomic_store_n(&h->table[i].fde, to, __ATOMIC_RELEASE);
		__atomic_store_n(&h->table[i].address,
				 address_of(lib, to == nothing_offset(lib) ? i : first),
				 __ATOMIC_RELEASE);
	}
	return true;
}

bool frames_in(const struct library *lib, uintptr_t from, uintptr_t to)
{
	const struct header *h = header_of(lib);
	uint32_t i = entry_of(lib, from), last = entry_of(lib, to - 1);

	for (; i < lib->frame_count && i <= last; i++)
		if (h->table[i].fde != nothing_offset(lib))
			return true;
	return false;
}

/* --- adding and removing ------------------------------------------------------------------- */

/* The free block that follows or precedes becomes one CIE.  Without memory for
 * its first page, tools see a terminator there. */
static void fill_hole(struct library *lib, uint32_t granule)
{
	static const unsigned char unused[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 16 };
	struct arena *a = &lib->arenas[ARENA_FRAMES];
	size_t start, end, offset;
	uint32_t length;

	if (granule >= a->top)
		return;
	start = bits_prev(&a->starts, granule);
	if (start == BITS_NONE || granule_test(a->used, start))
		return;
	end = bits_next(&a->starts, start + 1);
	end = end < a->top ? end : a->top;
	length = (end - start) * GRANULE - 4;
	offset = lib->at.frames + start * GRANULE;
	if (backing_add(lib, offset, sizeof unused) != 0)
		return;
	memcpy(lib->alias + offset, unused, sizeof unused);
	memcpy(lib->alias + offset, &length, sizeof length);
}

/* Copies the records to the block at `address`.  Whatever fills it up belongs to
 * the last one, as DW_CFA_nop. */
static bool copy(const unsigned char *from, size_t size, unsigned char *to, uintptr_t address,
		 size_t block)
{
	const unsigned char *p = from;
	unsigned char *last = to;
	struct record r;
	struct frame f;
	uint32_t length;
	bool broken;

	memcpy(to, from, size);
	memset(to + size, 0, block - size);
	while (next_record(p, from + size, &r, &broken)) {
		if (!parse(r, from, &f) ||
		    (f.personality &&
		     !move(f.personality, to + (f.personality - from),
			   address + (f.personality - from), f.personality_enc)) ||
		    (f.pc && !move(f.pc, to + (f.pc - from), address + (f.pc - from), f.enc)) ||
		    (f.lsda && !move(f.lsda, to + (f.lsda - from), address + (f.lsda - from),
				     f.lsda_enc)))
			return false;
		last = to + (p - from);
		p = r.end;
	}
	length = get32(last) + (block - size);
	memcpy(last, &length, sizeof length);
	return true;
}

static int check_fde(struct library *lib, const struct frame *f)
{
	uint32_t start, granules;

	if (f->begin % GRANULE)
		return error_set(EINVAL,
				 "%p: an FDE's function does not start at a "
				 "multiple of 16: align it",
				 (void *)f->begin);
	if (f->size == 0 ||
	    !arena_block(&lib->arenas[ARENA_TEXT], f->begin, &start, &granules) ||
	    f->size > lib->arenas[ARENA_TEXT].base + ((uintptr_t)start + granules) * GRANULE -
			      f->begin)
		return error_set(EINVAL,
				 "%p: an FDE is for %zu bytes that are not in a "
				 "block of %s: allocate them with SHF_EXECINSTR",
				 (void *)f->begin, (size_t)f->size, lib->name);
	if (frames_in(lib, f->begin, f->begin + f->size))
		return error_set(EEXIST,
				 "%p: there is an FDE for it: take that away with "
				 "dlunframe first",
				 (void *)f->begin);
	return extend(lib, entry_of(lib, f->begin + f->size - 1));
}

/* How many bytes of records there are, all good; 0 with the error set. */
static size_t check(struct library *lib, const unsigned char *from, size_t size)
{
	const unsigned char *p = from;
	struct record r;
	struct frame f;
	bool broken;

	while (next_record(p, from + size, &r, &broken)) {
		if (!parse(r, from, &f)) {
			error_set(EINVAL,
				  "%s: byte %zu of the unwind table is not understood: "
				  "give an .eh_frame section of 32-bit records",
				  lib->name, (size_t)(p - from));
			return 0;
		}
		if (f.pc && check_fde(lib, &f) != 0)
			return 0;
		p = r.end;
	}
	if (broken || p == from) {
		error_set(EINVAL,
			  "%s: the unwind table is cut off at byte %zu: give whole "
			  "records",
			  lib->name, (size_t)(p - from));
		return 0;
	}
	return p - from;
}

/* Enters the FDEs of a block, or takes them out.  If one meets another's 16
 * bytes, false, with those before it entered. */
static bool enter(struct library *lib, size_t offset, size_t size, bool in)
{
	unsigned char *own = (unsigned char *)lib->base + lib->at.frames + offset;
	const unsigned char *p = own;
	struct record r;
	struct frame f;
	bool broken, good = true;

	while (next_record(p, own + size, &r, &broken) && parse(r, own, &f)) {
		int32_t fde = r.start - (unsigned char *)lib->base - lib->at.frame_hdr;

		p = r.end;
		if (!f.pc)
			continue;
		good = set_entries(lib, f.begin, f.size, in ? nothing_offset(lib) : fde,
				   in ? fde : nothing_offset(lib));
		if (!good && in)
			return false;
	}
	return good;
}

static void free_block(struct library *lib, uint32_t start)
{
	arena_free(&lib->arenas[ARENA_FRAMES], start);
	fill_hole(lib, start);
}

int frames_add(struct library *lib, const void *eh_frame, size_t size, void **token)
{
	struct arena *a = &lib->arenas[ARENA_FRAMES];
	uint32_t start, granules;
	uintptr_t block;
	size_t offset;

	if (init(lib) != 0 || (size = check(lib, eh_frame, size)) == 0)
		return -1;
	block = arena_alloc(a, size, GRANULE);
	if (!block)
		return -1;
	arena_block(a, block, &start, &granules);
	fill_hole(lib, start + granules);
	offset = (size_t)start * GRANULE;
	if (!copy(eh_frame, size, (unsigned char *)a->alias + offset, block,
		  (size_t)granules * GRANULE)) {
		free_block(lib, start);
		return error_set(ERANGE,
				 "%s: what the unwind table refers to is too far "
				 "away: use 8-byte or absolute pointers",
				 lib->name);
	}
	if (!enter(lib, offset, (size_t)granules * GRANULE, true)) {
		enter(lib, offset, (size_t)granules * GRANULE, false);
		free_block(lib, start);
		return error_set(EINVAL,
				 "%s: two functions of the unwind table share 16 "
				 "bytes: align them",
				 lib->name);
	}
	if (token)
		*token = (void *)block;
	lib->changed = true;
	return 0;
}

int frames_remove(struct library *lib, void *token)
{
	struct arena *a = &lib->arenas[ARENA_FRAMES];
	uint32_t start, granules;

	if (!arena_block(a, (uintptr_t)token, &start, &granules) || start == 0 ||
	    a->base + (uintptr_t)start * GRANULE != (uintptr_t)token)
		return error_set(EINVAL,
				 "%p: not of dlframe of %s: give the token that it "
				 "returned",
				 token, lib->name);
	enter(lib, (size_t)start * GRANULE, (size_t)granules * GRANULE, false);
	free_block(lib, start);
	lib->changed = true;
	return 0;
}
