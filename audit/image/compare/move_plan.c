/* The plan by which package variables of a Go guest move into the next build. */
#include "image/compare/move_plan.h"

#include "image/compare/go_types.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 64
#define MAX_OPS   100000

struct planner {
	struct go_image old, new;
	struct go_pairs pairs;
	struct go_path path;
	struct image_copy_plan *plan;

	size_t body; /* first op of the body that is being written: COPYs are
				 * joined within one only */
	int discard; /* ops are not written: of what stays where it is */
	int depth;
	int library; /* in a struct of the library, whose pointers are its own affair */
	Dwarf_Off active[MAX_DEPTH]; /* elements of slices that are being written */
	int nactive;
	bool no_memory;

	struct {
		const void *data;
		size_t size;
	} file[2];
	const char *const *variables;
	enum image_copy_status status;
};

static bool emit(struct planner *p, Dwarf_Die *type, uint64_t offset);

/* Appends an op; NULL if it is not wanted, or memory has run out. */
static struct go_move_op *add(struct planner *p, enum go_move_kind kind, uint64_t offset,
			      uint64_t size)
{
	struct image_copy_plan *plan = p->plan;
	struct go_move_op *ops, *last;

	if (p->discard > 0 || p->no_memory)
		return NULL;
	last = plan->nops > p->body ? &plan->ops[plan->nops - 1] : NULL;
	if (kind == GO_MOVE_COPY && last != NULL && last->kind == GO_MOVE_COPY &&
	    last->offset + last->size == offset) {
		last->size += size;
		return last;
	}
	if ((plan->nops & (plan->nops - 1)) == 0) {
		ops = realloc(plan->ops, (plan->nops != 0 ? 2 * plan->nops : 1) * sizeof *ops);
		if (ops == NULL) {
			p->no_memory = true;
			return NULL;
		}
		plan->ops = ops;
	}
	plan->ops[plan->nops] =
		(struct go_move_op){ .kind = kind, .offset = offset, .size = size };
	return &plan->ops[plan->nops++];
}

static bool emit_simple(struct planner *p, enum go_move_kind kind, uint64_t offset,
			uint64_t size)
{
	if (p->plan->nops >= MAX_OPS)
		return go_path_fail(&p->path, "of too many parts");
	add(p, kind, offset, size);
	return true;
}

static uint64_t size_of(struct planner *p, Dwarf_Die *type)
{
	Dwarf_Word size;

	/* libdw knows how to see through typedefs and arrays */
	(void)p;
	return dwarf_aggregate_size(type, &size) == 0 ? size : 0;
}

/* The elements of an array or a slice, as the body of the op at index `head`. */
static bool emit_body(struct planner *p, Dwarf_Die *elem, size_t head)
{
	size_t outer = p->body;
	bool ok;

	p->body = p->plan->nops;
	ok = emit(p, elem, 0);
	if (ok && p->discard == 0 && !p->no_memory)
		p->plan->ops[head].body = p->plan->nops - p->body;
	p->body = outer;
	return ok;
}

static bool emit_array(struct planner *p, Dwarf_Die *type, uint64_t offset)
{
	uint64_t count, size;
	struct go_move_op *op;
	size_t head = p->plan->nops, n;
	Dwarf_Die elem;
	bool ok;

	if (!image_dwarf_count(&p->old.dw, type, &count) ||
	    !image_dwarf_ref(type, DW_AT_type, &elem))
		return go_path_fail(&p->path, "an array without a description");
	size = size_of(p, &elem);
	if (count == 0 || size == 0)
		return true;
	op = add(p, GO_MOVE_LOOP, offset, size);
	if (op != NULL)
		op->count = count;
	n = go_path_push(&p->path, "[]");
	ok = emit_body(p, &elem, head);
	go_path_pop(&p->path, n);
	if (!ok || p->discard > 0 || p->no_memory)
		return ok;
	/* a run of plain elements is plain */
	op = &p->plan->ops[head];
	if (op->body == 0) {
		p->plan->nops = head;
	} else if (op->body == 1 && op[1].kind == GO_MOVE_COPY && op[1].size == size) {
		p->plan->nops = head;
		add(p, GO_MOVE_COPY, offset, count * size);
	}
	return true;
}

/* Structs of the library that mean nothing, or something else, elsewhere. */
static bool emit_library_struct(struct planner *p, const char *name, uint64_t offset,
				uint64_t size, bool *special)
{
	static const char *const idle[] = { "sync.Mutex", "sync.RWMutex", "sync.WaitGroup",
					    "internal/sync.Mutex", "internal/poll.fdMutex" };
	static const char *const bound[] = {
		"sync.Pool",   "sync.Cond",      "time.Timer",
		"time.Ticker", "runtime.Pinner", "internal/poll.FD"
	};

	*special = true;
	for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++)
		if (strcmp(name, idle[i]) == 0)
			return emit_simple(p, GO_MOVE_IDLE, offset, size);
	for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++)
		if (strcmp(name, bound[i]) == 0)
			return go_path_fail(&p->path, "a %s cannot be at another address",
					    name);
	if (strcmp(name, "embed.FS") == 0)
		return go_path_fail(&p->path, "embedded files are part of the build");
	*special = false;
	return true;
}

static bool emit_struct(struct planner *p, Dwarf_Die *type, uint64_t offset)
{
	const char *name = image_dwarf_name(&p->old.dw, type);
	uint64_t size = size_of(p, type), at;
	Dwarf_Die field, ft;
	int library = 0;
	bool have, special, ok = emit_library_struct(p, name, offset, size, &special);

	if (special)
		return ok;
	have = image_dwarf_child(&p->old.dw, type, &field);
	if (!have && size > 0)
		return go_path_fail(&p->path, "%s is not described", name);
	if (name[0] != '\0' && !go_is_own(&p->old, name))
		library = 1;
	p->library += library;
	for (; ok && have; have = image_dwarf_next(&p->old.dw, &field)) {
		size_t n;

		if (dwarf_tag(&field) != DW_TAG_member)
			continue;
		n = go_path_push(&p->path, ".%s", image_dwarf_name(&p->old.dw, &field));
		ok = image_dwarf_number(&field, DW_AT_data_member_location, &at) &&
		     image_dwarf_ref(&field, DW_AT_type, &ft) && at <= size;
		ok = ok ? emit(p, &ft, offset + at) :
			  go_path_fail(&p->path, "a field without a description");
		go_path_pop(&p->path, n);
	}
	p->library -= library;
	return ok;
}

/* vaddr in the new image of the descriptor of a type of the old one. */
static uint64_t descriptor_in_new(struct planner *p, Dwarf_Die *type)
{
	const struct go_type *t = go_find_type(&p->new, image_dwarf_name(&p->old.dw, type));

	return t != NULL ? t->descriptor : 0;
}

static bool is_plain(const struct go_move_op *op, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (op[i].kind != GO_MOVE_COPY && op[i].kind != GO_MOVE_LOOP)
			return false;
	return true;
}

static bool emit_elements(struct planner *p, Dwarf_Die *elem, size_t head)
{
	struct go_move_op *op;
	bool ok;

	if (p->nactive == MAX_DEPTH)
		return go_path_fail(&p->path, "types nested too deeply");
	p->active[p->nactive++] = dwarf_dieoffset(elem);
	ok = emit_body(p, elem, head);
	p->nactive--;
	if (!ok || p->discard > 0 || p->no_memory)
		return ok;
	op = &p->plan->ops[head];
	if (is_plain(op + 1, op->body))
		op->flags |= GO_MOVE_PLAIN;
	return true;
}

static bool emit_slice(struct planner *p, Dwarf_Die *type, uint64_t offset)
{
	size_t head = p->plan->nops, n;
	struct go_move_op *op;
	Dwarf_Die elem;
	bool ok = true, active = false;

	if (!image_dwarf_ref(type, DW_AT_go_elem, &elem))
		return go_path_fail(&p->path, "a slice without a description");
	for (int i = 0; i < p->nactive; i++)
		active |= p->active[i] == dwarf_dieoffset(&elem);
	op = add(p, GO_MOVE_SLICE, offset, size_of(p, &elem));
	if (op != NULL) {
		op->type = descriptor_in_new(p, &elem);
		op->flags = active ? GO_MOVE_OPAQUE : 0;
	}
	n = go_path_push(&p->path, "[]");
	if (!active)
		ok = emit_elements(p, &elem, head);
	go_path_pop(&p->path, n);
	return ok;
}

/* What a map holds stays where it is, so it only must be able to. */
static bool emit_map(struct planner *p, Dwarf_Die *type, uint64_t offset)
{
	static const struct {
		unsigned attribute;
		const char *step;
	} part[] = {
		{ DW_AT_go_key, "[key]" },
		{ DW_AT_go_elem, "[]" },
	};
	bool ok = true;

	for (int i = 0; i < 2 && ok; i++) {
		size_t n = go_path_push(&p->path, "%s", part[i].step);
		bool active = false;
		Dwarf_Die t;

		ok = image_dwarf_ref(type, part[i].attribute, &t);
		if (!ok)
			go_path_fail(&p->path, "a map without a description");
		for (int j = 0; ok && j < p->nactive; j++)
			active |= p->active[j] == dwarf_dieoffset(&t);
		if (ok && !active && p->nactive == MAX_DEPTH)
			ok = go_path_fail(&p->path, "types nested too deeply");
		if (ok && !active) {
			p->active[p->nactive++] = dwarf_dieoffset(&t);
			p->discard++;
			ok = emit(p, &t, 0);
			p->discard--;
			p->nactive--;
		}
		go_path_pop(&p->path, n);
	}
	return ok && emit_simple(p, GO_MOVE_MAP, offset, 8);
}

/* Pointers and channels: what they lead to stays, and so must be the library's. */
static bool emit_reference(struct planner *p, Dwarf_Die *type, uint64_t offset,
			   enum go_kind kind)
{
	bool chan = kind == GO_KIND_CHAN;
	const char *name;
	Dwarf_Die to;

	if (!image_dwarf_ref(type, chan ? DW_AT_go_elem : DW_AT_type, &to))
		return go_path_fail(&p->path, "a pointer to what is not known");
	name = image_dwarf_name(&p->old.dw, &to);
	if (name[0] == '\0')
		return go_path_fail(&p->path, "a pointer to what is not known");
	if (go_is_own(&p->old, name))
		return go_path_fail(&p->path, "%s %s, a type of the guest",
				    chan ? "channel of" : "pointer to", name);
	return emit_simple(p, chan ? GO_MOVE_CHAN : GO_MOVE_POINTER, offset, 8);
}

static bool emit_func(struct planner *p, Dwarf_Die *type, uint64_t offset)
{
	bool have;
	Dwarf_Die param, t;

	for (have = image_dwarf_child(&p->old.dw, type, &param); have;
	     have = image_dwarf_next(&p->old.dw, &param)) {
		const char *name;

		if (dwarf_tag(&param) != DW_TAG_formal_parameter ||
		    !image_dwarf_ref(&param, DW_AT_type, &t))
			continue;
		name = image_dwarf_name(&p->old.dw, &t);
		if (go_is_own(&p->old, name))
			return go_path_fail(&p->path, "func with %s, a type of the guest",
					    name);
	}
	return emit_simple(p, GO_MOVE_FUNC, offset, 8);
}

/* Its words are those of runtime.eface, or, if it has methods, runtime.iface. */
static bool emit_interface(struct planner *p, Dwarf_Die *type, uint64_t offset)
{
	const char *name = image_dwarf_name(&p->old.dw, type), *words = "";
	Dwarf_Die die = *type, to;

	for (int i = 0; i < MAX_DEPTH && image_dwarf_ref(&die, DW_AT_type, &to); i++) {
		die = to;
		words = image_dwarf_name(&p->old.dw, &die);
		if (strncmp(words, "runtime.", 8) == 0)
			break;
	}
	if (strcmp(words, "runtime.eface") == 0)
		return emit_simple(p, GO_MOVE_EFACE, offset, 16);
	if (strcmp(words, "runtime.iface") != 0)
		return go_path_fail(&p->path, "an interface without a description");
	if (go_is_own(&p->old, name))
		return go_path_fail(&p->path, "interface %s, a type of the guest", name);
	return emit_simple(p, GO_MOVE_IFACE, offset, 16);
}

/* By a type's kind. */
static bool emit_kind(struct planner *p, Dwarf_Die *type, Dwarf_Die *inner, enum go_kind kind,
		      uint64_t offset)
{
	uint64_t size = size_of(p, type);

	if (kind >= GO_KIND_BOOL && kind <= GO_KIND_COMPLEX128)
		return size > 0 && size <= 16 ?
			       emit_simple(p, GO_MOVE_COPY, offset, size) :
			       go_path_fail(&p->path, "a number without a size");
	switch (kind) {
	case GO_KIND_STRING: return emit_simple(p, GO_MOVE_STRING, offset, 16);
	case GO_KIND_ARRAY: return emit_array(p, inner, offset);
	case GO_KIND_STRUCT: return emit_struct(p, inner, offset);
	case GO_KIND_SLICE: return emit_slice(p, inner, offset);
	case GO_KIND_MAP: return emit_map(p, inner, offset);
	case GO_KIND_POINTER:
	case GO_KIND_CHAN: return emit_reference(p, inner, offset, kind);
	case GO_KIND_FUNC: return emit_func(p, inner, offset);
	case GO_KIND_INTERFACE: return emit_interface(p, type, offset);
	case GO_KIND_UNSAFE_POINTER:
		if (p->library > 0)
			return emit_simple(p, GO_MOVE_POINTER, offset, 8);
		return go_path_fail(&p->path, "unsafe.Pointer: what it points to is not known");
	default: return go_path_fail(&p->path, "of a kind that is not known here");
	}
}

static bool emit(struct planner *p, Dwarf_Die *type, uint64_t offset)
{
	Dwarf_Die inner;
	bool ok;

	if (p->depth == MAX_DEPTH || p->plan->nops >= MAX_OPS)
		return go_path_fail(&p->path, "types nested too deeply");
	p->depth++;
	ok = emit_kind(p, type, &inner, go_kind_of(type, &inner), offset);
	p->depth--;
	return ok;
}

static bool add_name(struct planner *p, const char *name, uint64_t *at)
{
	size_t n = strlen(name) + 1;
	char *names = realloc(p->plan->names, p->plan->names_size + n);

	if (names == NULL)
		return false;
	memcpy(names + p->plan->names_size, name, n);
	*at = p->plan->names_size;
	p->plan->names = names;
	p->plan->names_size += n;
	return true;
}

/* Bytes that an op writes at its offset; UINT64_MAX if that is no number. */
static uint64_t width(const struct go_move_op *op)
{
	uint64_t n;

	switch (op->kind) {
	case GO_MOVE_COPY:
	case GO_MOVE_IDLE: return op->size;
	case GO_MOVE_LOOP:
		return __builtin_mul_overflow(op->size, op->count, &n) ? UINT64_MAX : n;
	case GO_MOVE_SLICE: return 24;
	case GO_MOVE_STRING:
	case GO_MOVE_EFACE:
	case GO_MOVE_IFACE: return 16;
	default: return 8;
	}
}

/* The mover writes where an op says: all of it must lie in the variable, or in the
 * element. */
static bool ops_fit(const struct go_move_op *op, uint64_t n, uint64_t size)
{
	for (uint64_t i = 0; i < n; i += 1 + op[i].body) {
		uint64_t w = width(&op[i]);

		if (op[i].offset > size || w > size - op[i].offset ||
		    !ops_fit(&op[i + 1], op[i].body, op[i].size))
			return false;
	}
	return true;
}

static bool plan_variable(struct planner *p, const struct go_variable *a,
			  const struct go_variable *b)
{
	struct image_copy_plan *plan = p->plan;
	struct go_move_var v = { .from = a->address, .to = b->address, .op = plan->nops };
	Dwarf_Die x = a->type, y = b->type;

	go_path_pop(&p->path, 0);
	go_path_push(&p->path, "%s", a->name);
	if (!go_same(&p->old, &p->new, &p->pairs, &x, &y, &p->path))
		return false;
	v.size = size_of(p, &x);
	if (v.size == 0)
		return true;
	p->body = plan->nops;
	if (!emit(p, &x, 0))
		return false;
	v.ops = plan->nops - v.op;
	if (!p->no_memory && ((v.ops > 0 && !ops_fit(&plan->ops[v.op], v.ops, v.size)) ||
			      !go_is_mapped(&p->old, v.from, v.size, PF_W) ||
			      !go_is_mapped(&p->new, v.to, v.size, PF_W)))
		return go_path_fail(&p->path, "its debug information is corrupt");
	if (!add_name(p, a->name, &v.name))
		p->no_memory = true;
	plan->vars[plan->nvars++] = v;
	return !p->no_memory;
}

/* What cgo and embed make has no state. */
static bool is_made(const struct go_variable *v)
{
	const char *slash = strrchr(v->name, '/'), *dot = strchr(slash ? slash : v->name, '.');
	Dwarf_Die type = v->type;
	const char *t = dwarf_diename(&type);

	return dot == NULL || strncmp(dot, "._cgo", 5) == 0 || strncmp(dot, ".__cgo", 6) == 0 ||
	       strncmp(dot, "._C", 3) == 0 || strncmp(dot, "..", 2) == 0 ||
	       (t != NULL && strcmp(t, "embed.FS") == 0);
}

static bool plan_all(struct planner *p)
{
	for (size_t i = 0; i < p->old.nvars; i++) {
		const struct go_variable *a = &p->old.vars[i];
		const struct go_variable *b = go_find_variable(&p->new, a->name);

		if (b != NULL && !is_made(a) && !plan_variable(p, a, b))
			return false;
	}
	return true;
}

static bool plan_named(struct planner *p, const char *const *variables)
{
	for (; *variables != NULL; variables++) {
		bool bare = strchr(*variables, '.') == NULL;
		const struct go_variable *a, *b;

		go_path_pop(&p->path, 0);
		go_path_push(&p->path, "%s%s", bare ? "main." : "", *variables);
		a = go_find_variable(&p->old, p->path.at);
		b = go_find_variable(&p->new, p->path.at);
		if (a == NULL || b == NULL)
			return go_path_fail(&p->path, "the %s build has no such variable",
					    a == NULL ? "old" : "new");
		if (!plan_variable(p, a, b))
			return false;
	}
	return true;
}

static int type_by_from(const void *a, const void *b)
{
	const struct go_move_type *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static int range_by_lo(const void *a, const void *b)
{
	const struct go_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Types of the same name that are equal, and all variables. */
static bool add_tables(struct planner *p)
{
	struct image_copy_plan *plan = p->plan;

	plan->types = calloc(p->old.ntypes + 1, sizeof *plan->types);
	plan->named = calloc(p->old.nvars + 1, sizeof *plan->named);
	if (plan->types == NULL || plan->named == NULL)
		return false;
	p->path.quiet = true;
	for (size_t i = 0; i < p->old.ntypes; i++) {
		struct go_type *a = &p->old.types[i];
		const struct go_type *b = go_find_type(&p->new, a->name);
		Dwarf_Die x = a->die, y;

		if (b == NULL)
			continue;
		y = b->die;
		if (go_same(&p->old, &p->new, &p->pairs, &x, &y, &p->path))
			plan->types[plan->ntypes++] =
				(struct go_move_type){ a->descriptor, b->descriptor };
	}
	for (size_t i = 0; i < p->old.nvars; i++) {
		const struct go_variable *v = &p->old.vars[i];
		Dwarf_Die t = v->type;

		plan->named[plan->nnamed++] =
			(struct go_range){ v->address, v->address + size_of(p, &t) };
	}
	qsort(plan->types, plan->ntypes, sizeof *plan->types, type_by_from);
	qsort(plan->named, plan->nnamed, sizeof *plan->named, range_by_lo);
	return true;
}

static enum image_copy_status make_plan(struct planner *p)
{
	const char *const *variables = p->variables;
	size_t n = 0, room;

	if (p->old.nvars == 0 || p->new.nvars == 0) {
		text_print(&(struct text_bounded){ p->path.text, 0, p->path.size },
			   "the %s build does not describe its variables",
			   p->old.nvars == 0 ? "old" : "new");
		return IMAGE_COPY_NO_DWARF;
	}
	while (variables != NULL && variables[n] != NULL)
		n++;
	room = variables != NULL ? n : p->old.nvars;
	p->plan->vars = calloc(room + 1, sizeof *p->plan->vars);
	if (p->plan->vars == NULL)
		return IMAGE_COPY_NO_MEMORY;
	if (!(variables != NULL ? plan_named(p, variables) : plan_all(p)))
		return p->no_memory || p->pairs.no_memory ? IMAGE_COPY_NO_MEMORY :
							    IMAGE_COPY_REFUSED;
	return add_tables(p) && !p->no_memory ? IMAGE_COPY_OK : IMAGE_COPY_NO_MEMORY;
}

static void plan(void *arg)
{
	struct planner *p = arg;

	/* An image that cannot be opened has no variables. */
	go_image_open(&p->old, p->file[0].data, p->file[0].size);
	go_image_open(&p->new, p->file[1].data, p->file[1].size);
	if (!p->old.no_memory && !p->new.no_memory)
		p->status = make_plan(p);
}

enum image_copy_status image_plan_copy(const void *old, size_t old_size, const void *new,
				       size_t new_size, const char *const *variables,
				       struct image_copy_plan *out, char *text,
				       size_t text_size)
{
	enum image_copy_status st = IMAGE_COPY_NO_MEMORY;
	struct planner *p = calloc(1, sizeof *p);

	if (text != NULL && text_size > 0)
		text[0] = '\0';
	if (out->size != sizeof *out || p == NULL) {
		free(p);
		return IMAGE_COPY_NO_MEMORY;
	}
	*out = (struct image_copy_plan){ .size = sizeof *out };
	p->plan = out;
	p->path.text = text;
	p->path.size = text != NULL ? text_size : 0;
	p->file[0].data = old;
	p->file[0].size = old_size;
	p->file[1].data = new;
	p->file[1].size = new_size;
	p->variables = variables;
	p->status = IMAGE_COPY_NO_MEMORY;
	if (image_dwarf_guarded(plan, p))
		st = p->status;
	go_image_close(&p->old);
	go_image_close(&p->new);
	free(p->pairs.slot);
	free(p);
	if (st != IMAGE_COPY_OK)
		image_copy_free(out);
	return st;
}

void image_copy_free(struct image_copy_plan *plan)
{
	free(plan->vars);
	free(plan->ops);
	free(plan->types);
	free(plan->named);
	free(plan->names);
	*plan = (struct image_copy_plan){ .size = sizeof *plan };
}
