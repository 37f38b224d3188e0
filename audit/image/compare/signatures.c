/* Do two builds agree on the signatures of exported C functions?
 *
 * What matters is how a call passes and reads its values: types are compared by
 * kind, size, encoding and layout, seen through typedefs and qualifiers; names of
 * parameters, members and tags do not count.  What a pointer points to counts,
 * unless one side only declares it. */
#include "image/compare/move_plan.h"
#include "image/compare/dwarf.h"

#include "core/text.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH      32
#define MAX_PAIRS      512
#define MAX_PARAMETERS 64

/* A function in both images. */
struct function {
	const char *name;
	Dwarf_Die die[2];
	bool have[2];
};

struct signatures {
	struct image_dwarf dw[2];
	int side;           /* that is being read */
	struct function *f; /* by name */
	size_t n;
	struct {
		Dwarf_Off a, b;
	} pair[MAX_PAIRS]; /* compared, or being compared */
	unsigned npairs;
	char where[128]; /* the part that differs below a type */

	struct {
		const void *data;
		size_t size;
	} file[2];
	const char *const *names;
	size_t nnames;
	char *text;
	size_t text_size;
	int result;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct function *)a)->name, ((const struct function *)b)->name);
}

static bool is_c(Dwarf_Die *unit)
{
	uint64_t l;

	if (!image_dwarf_number(unit, DW_AT_language, &l))
		return false;
	return l == DW_LANG_C89 || l == DW_LANG_C || l == DW_LANG_C99 || l == DW_LANG_C11;
}

static bool take_function(struct image_dwarf *d, Dwarf_Die *unit, Dwarf_Die *die, void *arg)
{
	struct signatures *s = arg;
	struct function key, *f;

	if (dwarf_tag(die) != DW_TAG_subprogram || image_dwarf_flag(die, DW_AT_declaration) ||
	    !image_dwarf_flag(die, DW_AT_external) ||
	    (is_c(unit) && !image_dwarf_flag(die, DW_AT_prototyped)))
		return true;
	key.name = image_dwarf_text(d, die, DW_AT_linkage_name);
	if (key.name == NULL)
		key.name = image_dwarf_name(d, die);
	f = bsearch(&key, s->f, s->n, sizeof key, by_name);
	if (f != NULL && !f->have[s->side]) {
		f->die[s->side] = *die;
		f->have[s->side] = true;
	}
	return true;
}

/* Through typedefs and qualifiers; false: void.  A chain that does not end is
 * void too, on both sides or as a difference. */
static bool peel(Dwarf_Die *die, bool have)
{
	for (int i = 0; have && i < MAX_DEPTH; i++) {
		Dwarf_Die to;

		switch (dwarf_tag(die)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
			have = image_dwarf_ref(die, DW_AT_type, &to);
			if (have)
				*die = to;
			continue;
		default: return true;
		}
	}
	return false;
}

static bool type_of(Dwarf_Die *die, Dwarf_Die *out)
{
	return peel(out, image_dwarf_ref(die, DW_AT_type, out));
}

static uint64_t number_or(Dwarf_Die *die, unsigned attribute, uint64_t otherwise)
{
	uint64_t v;

	return image_dwarf_number(die, attribute, &v) ? v : otherwise;
}

/* Encodings that are passed alike and mean the same. */
static unsigned encoding(Dwarf_Die *die)
{
	unsigned e = (unsigned)number_or(die, DW_AT_encoding, 0);

	switch (e) {
	case DW_ATE_signed_char: return DW_ATE_signed;
	case DW_ATE_unsigned_char:
	case DW_ATE_UTF: return DW_ATE_unsigned;
	}
	return e;
}

static bool is_integer(Dwarf_Die *die)
{
	unsigned e;

	if (dwarf_tag(die) == DW_TAG_enumeration_type)
		return true;
	if (dwarf_tag(die) != DW_TAG_base_type)
		return false;
	e = encoding(die);
	return e == DW_ATE_signed || e == DW_ATE_unsigned;
}

static bool same_type(struct signatures *s, Dwarf_Die *a, bool have_a, Dwarf_Die *b,
		      bool have_b, int depth);

static bool same_target(struct signatures *s, Dwarf_Die *a, Dwarf_Die *b, int depth)
{
	Dwarf_Die x, y;
	bool hx = type_of(a, &x), hy = type_of(b, &y);

	return same_type(s, &x, hx, &y, hy, depth + 1);
}

/* The next child with one of two tags, from `die` on. */
static bool find_child(struct image_dwarf *d, Dwarf_Die *die, bool have, int tag, int other)
{
	while (have && dwarf_tag(die) != tag && dwarf_tag(die) != other)
		have = image_dwarf_next(d, die);
	return have;
}

static bool same_members(struct signatures *s, Dwarf_Die *a, Dwarf_Die *b, int depth)
{
	static const unsigned place[] = { DW_AT_data_member_location, DW_AT_bit_size,
					  DW_AT_data_bit_offset, DW_AT_bit_offset };
	struct image_dwarf *da = &s->dw[0], *db = &s->dw[1];
	Dwarf_Die x, y;
	bool hx = image_dwarf_child(da, a, &x), hy = image_dwarf_child(db, b, &y);

	for (;;) {
		hx = find_child(da, &x, hx, DW_TAG_member, DW_TAG_inheritance);
		hy = find_child(db, &y, hy, DW_TAG_member, DW_TAG_inheritance);
		if (!hx || !hy)
			return hx == hy;
		for (size_t i = 0; i < sizeof place / sizeof place[0]; i++)
			if (number_or(&x, place[i], 0) != number_or(&y, place[i], 0))
				goto differs;
		if (!same_target(s, &x, &y, depth))
			goto differs;
		hx = image_dwarf_next(da, &x);
		hy = image_dwarf_next(db, &y);
	}
differs:
	if (s->where[0] == '\0')
		snprintf(s->where, sizeof s->where, "at member %s", image_dwarf_name(da, &x));
	return false;
}

static bool same_function(struct signatures *s, Dwarf_Die *a, Dwarf_Die *b, int depth)
{
	struct image_dwarf *da = &s->dw[0], *db = &s->dw[1];
	const int tag = DW_TAG_formal_parameter, dots = DW_TAG_unspecified_parameters;
	Dwarf_Die x, y;
	bool hx, hy;

	if (!same_target(s, a, b, depth))
		return false;
	hx = image_dwarf_child(da, a, &x);
	hy = image_dwarf_child(db, b, &y);
	for (;;) {
		hx = find_child(da, &x, hx, tag, dots);
		hy = find_child(db, &y, hy, tag, dots);
		if (!hx || !hy)
			return hx == hy;
		if (dwarf_tag(&x) != dwarf_tag(&y) ||
		    (dwarf_tag(&x) == tag && !same_target(s, &x, &y, depth)))
			return false;
		hx = image_dwarf_next(da, &x);
		hy = image_dwarf_next(db, &y);
	}
}

/* Has the pair been met before?  Then it is the same unless it has been, or will
 * be, found to differ where it was met first. */
static bool met(struct signatures *s, Dwarf_Die *a, Dwarf_Die *b)
{
	Dwarf_Off x = dwarf_dieoffset(a), y = dwarf_dieoffset(b);

	for (unsigned i = 0; i < s->npairs; i++)
		if (s->pair[i].a == x && s->pair[i].b == y)
			return true;
	if (s->npairs == MAX_PAIRS)
		return true;
	s->pair[s->npairs].a = x;
	s->pair[s->npairs++].b = y;
	return false;
}

static bool same_aggregate(struct signatures *s, Dwarf_Die *a, Dwarf_Die *b, int depth)
{
	if (met(s, a, b) || image_dwarf_flag(a, DW_AT_declaration) ||
	    image_dwarf_flag(b, DW_AT_declaration))
		return true;
	if (number_or(a, DW_AT_byte_size, 0) != number_or(b, DW_AT_byte_size, 0)) {
		if (s->where[0] == '\0')
			snprintf(s->where, sizeof s->where, "%llu bytes, %llu bytes",
				 (unsigned long long)number_or(a, DW_AT_byte_size, 0),
				 (unsigned long long)number_or(b, DW_AT_byte_size, 0));
		return false;
	}
	return same_members(s, a, b, depth);
}

static bool same_type(struct signatures *s, Dwarf_Die *a, bool have_a, Dwarf_Die *b,
		      bool have_b, int depth)
{
	uint64_t n = 0, m = 0;
	int tag;

	if (!have_a || !have_b)
		return have_a == have_b;
	if (depth > MAX_DEPTH)
		return true;
	tag = dwarf_tag(a);
	if (is_integer(a) && is_integer(b) &&
	    (tag == DW_TAG_enumeration_type || dwarf_tag(b) == DW_TAG_enumeration_type))
		return number_or(a, DW_AT_byte_size, 4) == number_or(b, DW_AT_byte_size, 4);
	if (tag == DW_TAG_class_type)
		tag = DW_TAG_structure_type;
	if (tag != (dwarf_tag(b) == DW_TAG_class_type ? DW_TAG_structure_type : dwarf_tag(b)))
		return false;
	switch (tag) {
	case DW_TAG_base_type:
		return encoding(a) == encoding(b) &&
		       number_or(a, DW_AT_byte_size, 0) == number_or(b, DW_AT_byte_size, 0);
	case DW_TAG_structure_type:
	case DW_TAG_union_type: return same_aggregate(s, a, b, depth);
	case DW_TAG_array_type:
		image_dwarf_count(&s->dw[0], a, &n);
		image_dwarf_count(&s->dw[1], b, &m);
		return n == m && same_target(s, a, b, depth);
	case DW_TAG_subroutine_type: return same_function(s, a, b, depth);
	default: /* pointers, references, and what C does not have */
		return same_target(s, a, b, depth);
	}
}

/* "long int" is how DWARF calls what a header calls long. */
static const char *c_name(const char *name)
{
	static const char *const names[][2] = {
		{ "long int", "long" },
		{ "long unsigned int", "unsigned long" },
		{ "long long int", "long long" },
		{ "long long unsigned int", "unsigned long long" },
		{ "short int", "short" },
		{ "short unsigned int", "unsigned short" },
		{ "unsigned int", "unsigned" },
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i][0]) == 0)
			return names[i][1];
	return name;
}

static void add_type(struct image_dwarf *d, struct text_bounded *t, Dwarf_Die *die, bool have,
		     int depth);

static void add_parameters(struct image_dwarf *d, struct text_bounded *t, Dwarf_Die *die,
			   int depth)
{
	Dwarf_Die x, type;
	bool have = image_dwarf_child(d, die, &x);
	int n = 0;

	text_print(t, "(");
	for (; have && n < MAX_PARAMETERS; have = image_dwarf_next(d, &x)) {
		if (!find_child(d, &x, true, DW_TAG_formal_parameter,
				DW_TAG_unspecified_parameters))
			break;
		text_print(t, "%s", n++ == 0 ? "" : ", ");
		if (dwarf_tag(&x) == DW_TAG_unspecified_parameters)
			text_print(t, "...");
		else
			add_type(d, t, &type, image_dwarf_ref(&x, DW_AT_type, &type),
				 depth + 1);
	}
	text_print(t, n == 0 ? "void)" : ")");
}

static void add_tagged(struct image_dwarf *d, struct text_bounded *t, Dwarf_Die *die,
		       const char *word, const char *alias)
{
	const char *name = image_dwarf_name(d, die);

	if (name[0] != '\0')
		text_print(t, "%s %s", word, name);
	else if (alias != NULL)
		text_print(t, "%s", alias);
	else
		text_print(t, "%s { %llu bytes }", word,
			   (unsigned long long)number_or(die, DW_AT_byte_size, 0));
}

static void add_pointer(struct image_dwarf *d, struct text_bounded *t, Dwarf_Die *die,
			int depth)
{
	Dwarf_Die to, bare, result;
	bool have = image_dwarf_ref(die, DW_AT_type, &to);

	bare = to;
	if (peel(&bare, have) && dwarf_tag(&bare) == DW_TAG_subroutine_type) {
		add_type(d, t, &result, image_dwarf_ref(&bare, DW_AT_type, &result), depth + 1);
		text_print(t, " (*)");
		add_parameters(d, t, &bare, depth);
		return;
	}
	add_type(d, t, &to, have, depth + 1);
	text_print(t, "%s*", t->n > 0 && t->p[t->n - 1] == '*' ? "" : " ");
}

/* Typedefs are seen through, but lend their name to what has none. */
static void add_type(struct image_dwarf *d, struct text_bounded *t, Dwarf_Die *die, bool have,
		     int depth)
{
	const char *alias = NULL;
	uint64_t n = 0;
	Dwarf_Die to;

	for (int i = 0; have && i < MAX_DEPTH; i++) {
		int tag = dwarf_tag(die);

		if (tag == DW_TAG_typedef)
			alias = image_dwarf_name(d, die);
		else if (tag == DW_TAG_const_type)
			text_print(t, "const ");
		else if (tag == DW_TAG_volatile_type)
			text_print(t, "volatile ");
		else if (tag != DW_TAG_restrict_type && tag != DW_TAG_atomic_type)
			break;
		have = image_dwarf_ref(die, DW_AT_type, &to);
		if (have)
			*die = to;
	}
	if (!have) {
		text_print(t, "void");
		return;
	}
	if (depth > 8) {
		text_print(t, "...");
		return;
	}
	switch (dwarf_tag(die)) {
	case DW_TAG_pointer_type: add_pointer(d, t, die, depth); break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type: add_tagged(d, t, die, "struct", alias); break;
	case DW_TAG_union_type: add_tagged(d, t, die, "union", alias); break;
	case DW_TAG_enumeration_type: add_tagged(d, t, die, "enum", alias); break;
	case DW_TAG_array_type:
		image_dwarf_count(d, die, &n);
		add_type(d, t, &to, image_dwarf_ref(die, DW_AT_type, &to), depth + 1);
		text_print(t, "[%llu]", (unsigned long long)n);
		break;
	default: text_print(t, "%s", c_name(image_dwarf_name(d, die)));
	}
}

static void add_prototype(struct image_dwarf *d, struct text_bounded *t, Dwarf_Die *die)
{
	Dwarf_Die type;

	add_type(d, t, &type, image_dwarf_ref(die, DW_AT_type, &type), 0);
	add_parameters(d, t, die, 0);
}

static bool compare_all(struct signatures *s)
{
	char was[400] = "", is[400] = "";
	struct text_bounded old = { was, 0, sizeof was }, new = { is, 0, sizeof is };
	struct text_bounded out = { s->text, 0, s->text_size };

	for (size_t i = 0; i < s->n; i++) {
		struct function *f = &s->f[i];

		s->npairs = 0;
		s->where[0] = '\0';
		if (!f->have[0] || !f->have[1] || same_function(s, &f->die[0], &f->die[1], 0))
			continue;
		add_prototype(&s->dw[0], &old, &f->die[0]);
		add_prototype(&s->dw[1], &new, &f->die[1]);
		text_print(&out, "%s: was %s, is %s", f->name, was, is);
		if (strcmp(was, is) == 0 && s->where[0] != '\0')
			text_print(&out, ", which differs %s", s->where);
		return true;
	}
	return false;
}

/* Names that both images define; true unless memory has run out. */
static bool choose(struct signatures *s)
{
	s->f = calloc(s->nnames + 1, sizeof *s->f);
	if (s->f == NULL)
		return false;
	for (size_t i = 0; i < s->nnames; i++)
		if (image_find_symbol(&s->dw[0].img, s->names[i]) != 0 &&
		    image_find_symbol(&s->dw[1].img, s->names[i]) != 0)
			s->f[s->n++].name = s->names[i];
	qsort(s->f, s->n, sizeof *s->f, by_name);
	return true;
}

static void compare(void *arg)
{
	struct signatures *s = arg;

	for (int i = 0; i < 2; i++)
		if (!image_dwarf_open(&s->dw[i], s->file[i].data, s->file[i].size))
			return;
	if (!choose(s))
		return;
	for (s->side = 0; s->side < 2; s->side++)
		image_dwarf_each(&s->dw[s->side], false, take_function, s);
	s->result = compare_all(s);
}

int image_compare_exports(const void *old, size_t old_size, const void *new, size_t new_size,
			  const char *const *names, size_t n, char *text, size_t text_size)
{
	struct signatures *s = calloc(1, sizeof *s);
	int result = 0;

	if (text != NULL && text_size > 0)
		text[0] = '\0';
	if (s == NULL)
		return 0;
	s->file[0].data = old;
	s->file[0].size = old_size;
	s->file[1].data = new;
	s->file[1].size = new_size;
	s->names = names;
	s->nnames = n;
	s->text = text;
	s->text_size = text != NULL ? text_size : 0;
	if (image_dwarf_guarded(compare, s))
		result = s->result;
	image_dwarf_close(&s->dw[0]);
	image_dwarf_close(&s->dw[1]);
	free(s->f);
	free(s);
	return result;
}
