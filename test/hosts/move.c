/* A host that moves variables from one generation of a guest into the next one, by
 * the plan of the image library and the mover of the Go runtime.
 *
 *	move OLD NEW [VARIABLE...]	without names, all; MOVE_ROUNDS times, forth and back
 *
 * The guest exports char *Set(void), called in the old generation before, and char
 * *Get(void), called in the new one afterwards and once more when the old one is
 * unmapped and its pages are others'.  A guest that is refused is asked in both. */
#include "gohost.h"

#include "image/compare/move_plan.h"

static void *symbol(void *library, const char *name)
{
	void *p = dlsym(library, name);

	CHECK(p != NULL);
	return p;
}

static void *read_file(const char *name, size_t *size)
{
	FILE *f = fopen(name, "rbe");
	void *p;

	CHECK(f && fseek(f, 0, SEEK_END) == 0);
	*size = ftell(f);
	rewind(f);
	p = malloc(*size);
	CHECK(p && fread(p, 1, *size, f) == *size);
	fclose(f);
	return p;
}

static int make_plan(const char *from, const char *to, char **names,
		     struct image_copy_plan *plan)
{
	void *library = dlopen(getenv("DWARF_LIBRARY"), RTLD_NOW);
	enum image_copy_status (*make)(const void *, size_t, const void *, size_t, char **,
				       struct image_copy_plan *, char *, size_t);
	size_t old_size, new_size;
	void *old = read_file(from, &old_size), *new = read_file(to, &new_size);
	char text[600];
	int r;

	CHECK(library != NULL);
	make = symbol(library, "image_plan_copy");
	r = make(old, old_size, new, new_size, names, plan, text, sizeof text);
	if (r != IMAGE_COPY_OK)
		printf("no plan: %s\n", text);
	free(old);
	free(new);
	return r;
}

static int move(void *old, void *new, struct image_copy_plan *plan)
{
	struct goaudit_runtime rt = runtime_now(0);
	void *std = dlopen(rt.path, RTLD_NOW | RTLD_NOLOAD);
	void (*call)(void *, void *, int, size_t) = symbol(std, "crosscall2");
	struct goaudit_generation a = generation_of(old), b = generation_of(new);
	struct go_move m = {
		.size = sizeof m,
		.lo = a.lo,
		.hi = a.hi,
		.to_lo = b.lo,
		.to_hi = b.hi,
		.from_base = a.lo,
		.to_base = b.lo,
		.vars = plan->vars,
		.nvars = plan->nvars,
		.ops = plan->ops,
		.nops = plan->nops,
		.types = plan->types,
		.ntypes = plan->ntypes,
		.named = plan->named,
		.nnamed = plan->nnamed,
	};

	call(symbol(std, GO_FN_MOVE), &m, 0, 0);
	if (m.verdict == GO_HELD)
		printf("refused: %s: %s\n",
		       m.var < m.nvars ? plan->names + plan->vars[m.var].name : "the guest",
		       m.text);
	else
		printf("moved: %d variables, retyped %s\n", (int)m.nvars,
		       m.retyped ? "some" : "none");
	if (getenv("MOVE_FIGURES"))
		fprintf(stderr, "stopped %lu us, objects %lu, cloned %lu B, retyped %lu\n",
			m.stopped_ns / 1000, m.objects, m.cloned, m.retyped);
	CHECK(m.verdict == GO_OK || m.verdict == GO_HELD);
	return m.verdict == GO_OK;
}

/* One step: from the generation of `from`, at ./N.so, to that of `to`, at ./N+1.so. */
static void *step(void *old, int n, const char *from, const char *to, char **names)
{
	struct image_copy_plan plan = { .size = sizeof plan };
	char old_path[32], new_path[32];
	void *new;

	sprintf(old_path, "./%d.so", n);
	sprintf(new_path, "./%d.so", n + 1);
	replace(to, new_path);
	new = open_guest(new_path);
	CHECK(old != new);
	if (make_plan(from, to, names, &plan) != IMAGE_COPY_OK) {
		print_text(old, "Get");
		exit(0);
	}
	if (!move(old, new, &plan)) {
		print_text(old, "Get");
		print_text(new, "Get");
		exit(0);
	}
	print_text(new, "Get");
	/* Parked, it is retired when its file is found to be another one. */
	close_guest(old);
	replace(to, old_path);
	open_guest(old_path);
	reclaim_all();
	check_gone(old_path, 1);
	runtime_now(10);
	return new;
}

int main(int argc, char **argv)
{
	int rounds = getenv("MOVE_ROUNDS") ? atoi(getenv("MOVE_ROUNDS")) : 1;
	void *h;

	CHECK(argc >= 3);
	replace(argv[1], "./0.so");
	h = open_guest("./0.so");
	print_text(h, "Set");
	for (int i = 0; i < rounds; i++)
		h = step(h, i, argv[1 + i % 2], argv[1 + (i + 1) % 2],
			 argc > 3 ? argv + 3 : NULL);
	print_text(h, "Get");
	return 0;
}
