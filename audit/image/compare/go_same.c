/* Are two types of two builds of a guest equal?
 *
 * Types refer to each other in circles.  A pair that is being compared counts as
 * equal where it is met again: if it is not, the outer comparison will say so. */
#include "image/compare/go_types.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 200
#define MAX_PAIRS (1u << 20)

struct same {
	struct go_image *old, *new;
	struct go_pairs *pairs;
	struct go_path *p;
	int depth;
};

static size_t slot_of(const struct go_pairs *t, Dwarf_Off a, Dwarf_Off b)
{
	size_t h = (a * UINT64_C(0x9e3779b97f4a7c15) ^ b * UINT64_C(0xc2b2ae3d27d4eb4f)) >> 20;

	for (;; h++) {
		size_t i = h & (t->room - 1);

		if (t->slot[i].a == 0 || (t->slot[i].a == a && t->slot[i].b == b))
			return i;
	}
}

static bool make_room(struct go_pairs *t)
{
	struct go_pairs old = *t;

	if (t->n * 2 < t->room)
		return true;
	t->room = old.room != 0 ? old.room * 2 : 256;
	t->slot = calloc(t->room, sizeof *t->slot);
	if (t->slot == NULL || t->room > MAX_PAIRS) {
		free(t->slot);
		*t = old;
		t->no_memory = true;
		return false;
	}
	for (size_t i = 0; i < old.room; i++)
		if (old.slot[i].a != 0)
			t->slot[slot_of(t, old.slot[i].a, old.slot[i].b)] = old.slot[i];
	free(old.slot);
	return true;
}

/* Has the pair been met before?  Without memory nothing is equal. */
static int met(struct go_pairs *t, Dwarf_Off a, Dwarf_Off b)
{
	size_t i;

	if (!make_room(t))
		return -1;
	i = slot_of(t, a, b);
	if (t->slot[i].a != 0)
		return 1;
	t->slot[i].a = a;
	t->slot[i].b = b;
	t->n++;
	return 0;
}

static bool same(struct same *s, Dwarf_Die *a, Dwarf_Die *b);

/* Compares what an attribute of both refers to; where both have none, that is
 * equal, too. */
static bool same_ref(struct same *s, Dwarf_Die *a, Dwarf_Die *b, unsigned attribute,
		     const char *step)
{
	Dwarf_Die x, y;
	bool hx = image_dwarf_ref(a, attribute, &x), hy = image_dwarf_ref(b, attribute, &y);
	size_t n;
	bool ok;

	if (!hx || !hy)
		return hx == hy || go_path_fail(s->p, "the types differ");
	n = go_path_push(s->p, "%s", step);
	ok = same(s, &x, &y);
	go_path_pop(s->p, n);
	return ok;
}

static uint64_t number(Dwarf_Die *die, unsigned attribute)
{
	uint64_t v;

	return image_dwarf_number(die, attribute, &v) ? v : 0;
}

static bool next_child(struct image_dwarf *d, Dwarf_Die *die, bool have, int tag)
{
	while (have && dwarf_tag(die) != tag)
		have = image_dwarf_next(d, die);
	return have;
}

static bool same_field(struct same *s, Dwarf_Die *x, Dwarf_Die *y)
{
	const char *name = image_dwarf_name(&s->old->dw, x);
	const char *other = image_dwarf_name(&s->new->dw, y);
	uint64_t at = number(x, DW_AT_data_member_location);
	uint64_t now = number(y, DW_AT_data_member_location);
	size_t n;
	bool ok;

	if (strcmp(name, other) != 0)
		return go_path_fail(s->p, "field %s is %s in the new build", name, other);
	n = go_path_push(s->p, ".%s", name);
	if (at != now)
		ok = go_path_fail(s->p, "was at offset %llu, is at %llu",
				  (unsigned long long)at, (unsigned long long)now);
	else
		ok = same_ref(s, x, y, DW_AT_type, "");
	go_path_pop(s->p, n);
	return ok;
}

static bool same_struct(struct same *s, Dwarf_Die *a, Dwarf_Die *b)
{
	struct image_dwarf *da = &s->old->dw, *db = &s->new->dw;
	Dwarf_Die x, y;
	bool hx = image_dwarf_child(da, a, &x), hy = image_dwarf_child(db, b, &y);

	for (;;) {
		hx = next_child(da, &x, hx, DW_TAG_member);
		hy = next_child(db, &y, hy, DW_TAG_member);
		if (hx && !hy)
			return go_path_fail(s->p, "the new build has no field %s",
					    image_dwarf_name(da, &x));
		if (hy && !hx)
			return go_path_fail(s->p, "field %s is new", image_dwarf_name(db, &y));
		if (!hx)
			break;
		if (!same_field(s, &x, &y))
			return false;
		hx = image_dwarf_next(da, &x);
		hy = image_dwarf_next(db, &y);
	}
	return number(a, DW_AT_byte_size) == number(b, DW_AT_byte_size) ||
	       go_path_fail(s->p, "was of %llu bytes, is of %llu",
			    (unsigned long long)number(a, DW_AT_byte_size),
			    (unsigned long long)number(b, DW_AT_byte_size));
}

static bool same_parameters(struct same *s, Dwarf_Die *a, Dwarf_Die *b)
{
	struct image_dwarf *da = &s->old->dw, *db = &s->new->dw;
	Dwarf_Die x, y;
	bool hx = image_dwarf_child(da, a, &x), hy = image_dwarf_child(db, b, &y);

	for (;;) {
		hx = next_child(da, &x, hx, DW_TAG_formal_parameter);
		hy = next_child(db, &y, hy, DW_TAG_formal_parameter);
		if (!hx || !hy)
			return hx == hy || go_path_fail(s->p, "another number of parameters");
		if (!same_ref(s, &x, &y, DW_AT_type, "()"))
			return false;
		hx = image_dwarf_next(da, &x);
		hy = image_dwarf_next(db, &y);
	}
}

/* The parts of two types of the same name and tag. */
static bool same_parts(struct same *s, Dwarf_Die *a, Dwarf_Die *b)
{
	uint64_t kind = number(a, DW_AT_go_kind), n = 0, m = 0;

	if (kind != number(b, DW_AT_go_kind))
		return go_path_fail(s->p, "another kind of type");
	if (kind == GO_KIND_SLICE)
		return same_ref(s, a, b, DW_AT_go_elem, "[]");
	if (kind == GO_KIND_MAP)
		return same_ref(s, a, b, DW_AT_go_key, "[key]") &&
		       same_ref(s, a, b, DW_AT_go_elem, "[]");
	if (kind == GO_KIND_CHAN)
		return same_ref(s, a, b, DW_AT_go_elem, "<-");
	switch (dwarf_tag(a)) {
	case DW_TAG_base_type:
		return (number(a, DW_AT_encoding) == number(b, DW_AT_encoding) &&
			number(a, DW_AT_byte_size) == number(b, DW_AT_byte_size)) ||
		       go_path_fail(s->p, "another kind of number");
	case DW_TAG_structure_type: return same_struct(s, a, b);
	case DW_TAG_array_type:
		image_dwarf_count(&s->old->dw, a, &n);
		image_dwarf_count(&s->new->dw, b, &m);
		if (n != m)
			return go_path_fail(s->p, "had %llu elements, has %llu",
					    (unsigned long long)n, (unsigned long long)m);
		return same_ref(s, a, b, DW_AT_type, "[]");
	case DW_TAG_subroutine_type: return same_parameters(s, a, b);
	case DW_TAG_pointer_type:
	case DW_TAG_typedef: return same_ref(s, a, b, DW_AT_type, "");
	}
	return go_path_fail(s->p, "of a kind that is not known here");
}

static bool same(struct same *s, Dwarf_Die *a, Dwarf_Die *b)
{
	const char *was = image_dwarf_name(&s->old->dw, a);
	const char *is = image_dwarf_name(&s->new->dw, b);
	Dwarf_Off x = dwarf_dieoffset(a), y = dwarf_dieoffset(b);
	int again;
	bool ok;

	/* a struct without a name of its own is told by its fields */
	if (strcmp(was, is) != 0 &&
	    (strncmp(was, "struct {", 8) != 0 || strncmp(is, "struct {", 8) != 0))
		return go_path_fail(s->p, "was %s, is %s", was, is);
	if (dwarf_tag(a) != dwarf_tag(b))
		return go_path_fail(s->p, "another kind of type");
	if (was[0] != '\0' && strcmp(was, is) == 0 && !go_is_own(s->old, was) &&
	    !go_is_own(s->new, is))
		return true;
	again = met(s->pairs, x, y);
	if (again != 0)
		return again > 0 || go_path_fail(s->p, "too many types");
	if (s->depth++ == MAX_DEPTH)
		return go_path_fail(s->p, "types nested too deeply");
	ok = same_parts(s, a, b);
	s->depth--;
	return ok;
}

bool go_same(struct go_image *old, struct go_image *new, struct go_pairs *pairs, Dwarf_Die *a,
	     Dwarf_Die *b, struct go_path *p)
{
	struct same s = { .old = old, .new = new, .pairs = pairs, .p = p };
	bool ok = same(&s, a, b);

	/* What has counted as equal on the way may not be. */
	if (!ok && pairs->room != 0) {
		memset(pairs->slot, 0, pairs->room * sizeof *pairs->slot);
		pairs->n = 0;
	}
	return ok;
}
