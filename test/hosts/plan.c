/* What the image library says of two builds of a guest.
 *
 *	plan -s OLD NEW [FUNCTION...]	signatures that differ
 *	plan -f OLD NEW		random changes of OLD's bytes, with a fixed seed
 *	plan OLD NEW [VARIABLE...]	the plan by which variables move, or why not;
 *					without names, of all */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/compare/move_plan.h"

static void *library;

static void *symbol(const char *name)
{
	void *p = dlsym(library, name);

	if (!p) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return p;
}

static void *read_file(const char *name, size_t *size)
{
	FILE *f = fopen(name, "rb");
	void *p;

	if (!f || fseek(f, 0, SEEK_END) != 0) {
		perror(name);
		exit(1);
	}
	*size = ftell(f);
	rewind(f);
	p = malloc(*size + 1);
	if (!p || fread(p, 1, *size, f) != *size)
		exit(1);
	fclose(f);
	return p;
}

static const char *const kinds[] = {
	[GO_MOVE_COPY] = "copy",   [GO_MOVE_STRING] = "string",   [GO_MOVE_SLICE] = "slice",
	[GO_MOVE_LOOP] = "loop",   [GO_MOVE_POINTER] = "pointer", [GO_MOVE_MAP] = "map",
	[GO_MOVE_CHAN] = "chan",   [GO_MOVE_FUNC] = "func",       [GO_MOVE_EFACE] = "eface",
	[GO_MOVE_IFACE] = "iface", [GO_MOVE_IDLE] = "idle",
};

static void print_ops(const struct go_move_op *op, uint64_t n)
{
	for (uint64_t i = 0; i < n; i += 1 + op[i].body) {
		const struct go_move_op *o = &op[i];

		printf(" %s@%llu", kinds[o->kind], (unsigned long long)o->offset);
		if (o->size)
			printf(":%llu", (unsigned long long)o->size);
		if (o->count)
			printf("x%llu", (unsigned long long)o->count);
		if (o->flags)
			printf("%s%s", o->flags & GO_MOVE_PLAIN ? " plain" : "",
			       o->flags & GO_MOVE_OPAQUE ? " opaque" : "");
		if (o->type)
			printf(" typed");
		if (o->body) {
			printf(" (");
			print_ops(o + 1, o->body);
			printf(" )");
		}
	}
}

typedef enum image_copy_status plan_fn(const void *, size_t, const void *, size_t, char **,
				       struct image_copy_plan *, char *, size_t);

/* Debug information is the last fifth or more of a guest; it is to be uncompressed. */
static void change(plan_fn *make, void (*release)(struct image_copy_plan *),
		   const unsigned char *old, size_t old_size, const void *new, size_t new_size)
{
	unsigned char *bad = malloc(old_size);
	unsigned seed = 1, results[4] = { 0 };
	char text[600];

	for (int i = 0; i < 400; i++) {
		struct image_copy_plan plan = { .size = sizeof plan };
		int n = 1 + rand_r(&seed) % 20, r;

		memcpy(bad, old, old_size);
		while (n-- > 0)
			bad[old_size / 3 + rand_r(&seed) % (old_size - old_size / 3)] =
				rand_r(&seed);
		r = i % 2 ? make(bad, old_size, new, new_size, NULL, &plan, text, sizeof text) :
			    make(new, new_size, bad, old_size, NULL, &plan, text, sizeof text);
		results[r]++;
		if (r == IMAGE_COPY_OK)
			release(&plan);
	}
	printf("%s\n", results[IMAGE_COPY_OK] && results[IMAGE_COPY_REFUSED] ?
			       "survived" :
			       "nothing was changed that matters");
	free(bad);
}

int main(int argc, char **argv)
{
	int signatures = argc > 1 && strcmp(argv[1], "-s") == 0;
	int changes = argc > 1 && strcmp(argv[1], "-f") == 0;
	struct image_copy_plan plan = { .size = sizeof plan };
	size_t old_size, new_size;
	char text[600] = "", **names;
	void *old, *new;
	int r;

	argv += signatures + changes;
	argc -= signatures + changes;
	if (argc < 3 || !(library = dlopen(getenv("DWARF_LIBRARY"), RTLD_NOW)))
		return 2;
	old = read_file(argv[1], &old_size);
	new = read_file(argv[2], &new_size);
	names = argc > 3 ? argv + 3 : NULL;
	if (signatures) {
		int (*compare)(const void *, size_t, const void *, size_t, char **, size_t,
			       char *, size_t) = symbol("image_compare_exports");

		r = compare(old, old_size, new, new_size, names, argc - 3, text, sizeof text);
		printf("%s\n", r ? text : "same");
		return 0;
	}
	plan_fn *make = symbol("image_plan_copy");
	void (*release)(struct image_copy_plan *) = symbol("image_copy_free");

	if (changes) {
		change(make, release, old, old_size, new, new_size);
		return 0;
	}
	r = make(old, old_size, new, new_size, names, &plan, text, sizeof text);
	if (r != IMAGE_COPY_OK)
		printf("%s\n", text);
	for (size_t i = 0; i < plan.nvars; i++) {
		printf("%s:", plan.names + plan.vars[i].name);
		print_ops(plan.ops + plan.vars[i].op, plan.vars[i].ops);
		printf("\n");
	}
	if (getenv("PLAN_TYPES"))
		printf("types %zu, variables %zu\n", plan.ntypes, plan.nnamed);
	release(&plan);
	free(old);
	free(new);
	return 0;
}
