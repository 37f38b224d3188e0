/* What ld.so would load with an image: DT_NEEDED, breadth first, each name
 * looked for as ld.so(8) does: RPATH, LD_LIBRARY_PATH, RUNPATH, the cache that
 * ldconfig made, the system's folders. */
#include "tool/inspect/needed.h"
#include "core/path.h"
#include "tool/base/child.h"
#include "../dlbind/machine.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEEDED_MAX 1024  /* of one image */
#define LIST_MAX   16384 /* bytes of a search path */

static const char *const system_folders[] = {
	"/lib/" MACHINE_MULTIARCH,
	"/usr/lib/" MACHINE_MULTIARCH,
	"/lib64",
	"/usr/lib64",
	"/lib",
	"/usr/lib",
	NULL,
};

/* Lines are "\tNAME (libc6,x86-64[, ...]) => PATH". */
static void read_ld_cache(struct inspector *in)
{
	char *argv[] = { "/sbin/ldconfig", "-p", NULL };
	char *out = access(argv[0], X_OK) == 0 ? child_output(argv) : NULL, *line, *rest = out;

	in->ld_cache_read = true;
	while (out != NULL && (line = strsep(&rest, "\n")) != NULL) {
		char *name = line + strspn(line, "\t "), *kind = strstr(name, " (");
		char *path = strstr(name, " => ");

		if (kind == NULL || path == NULL || strstr(kind, MACHINE_LDCONFIG) == NULL)
			continue;
		list_add(&in->ld_cache, format("%.*s", (int)(kind - name), name));
		list_add(&in->ld_cache, copy_text(path + 4));
	}
	free(out);
}

struct object *object_share(struct inspector *in, const char *path)
{
	char why[160], *real = realpath(path, NULL);
	struct object *o = NULL;

	if (real != NULL && in->kept != NULL && strcmp(real, in->kept->real) == 0) {
		in->kept->shared++;
		o = in->kept;
	} else if (real != NULL) {
		o = object_open(path, why, sizeof why);
		if (o != NULL && o->facts.kind == IMAGE_GO_RUNTIME) {
			object_close(in->kept);
			in->kept = o;
			o->shared++;
		}
	}
	free(real);
	return o;
}

static struct object *try_open(struct inspector *in, const char *folder, size_t n,
			       const char *name)
{
	char *path = format("%.*s/%s", (int)n, folder, name);
	struct object *o = object_share(in, path);

	/* ld.so goes on after a file for another machine, and takes no program. */
	if (o != NULL && o->program) {
		object_close(o);
		o = NULL;
	}
	free(path);
	return o;
}

/* A list of folders with colons; $ORIGIN is where `of` lies. */
static struct object *try_list(struct inspector *in, const char *list, const struct object *of,
			       const char *name)
{
	struct object *found = NULL;
	const char *real = of->real != NULL ? of->real : "";
	char folder[PATH_MAX];

	if (list == NULL || strlen(list) > LIST_MAX)
		return NULL;
	while (found == NULL && path_next(&list, folder, sizeof folder, real))
		if (*folder != '\0')
			found = try_open(in, folder, strlen(folder), name);
	return found;
}

static struct object *try_cache(struct inspector *in, const char *name)
{
	struct object *found = NULL;

	if (!in->ld_cache_read)
		read_ld_cache(in);
	for (size_t i = 0; found == NULL && i + 1 < in->ld_cache.n; i += 2)
		if (strcmp(in->ld_cache.item[i], name) == 0) {
			const char *path = in->ld_cache.item[i + 1];

			if (*path == '/')
				found = try_open(in, path, path_folder(path), path_base(path));
		}
	return found;
}

static struct object *find_library(struct inspector *in, const struct closure *c,
				   const struct object *by, const char *name)
{
	const char *runpath = object_string(by, DT_RUNPATH, 0);
	struct object *found = NULL;

	if (strchr(name, '/') != NULL)
		return name[0] == '/' ? try_open(in, "", 0, name + 1) :
					try_open(in, ".", 1, name);
	if (runpath == NULL) {
		found = try_list(in, object_string(by, DT_RPATH, 0), by, name);
		if (found == NULL && by != c->object[0])
			found = try_list(in, object_string(c->object[0], DT_RPATH, 0),
					 c->object[0], name);
	}
	if (found == NULL)
		found = try_list(in, getenv("LD_LIBRARY_PATH"), by, name);
	if (found == NULL)
		found = try_list(in, runpath, by, name);
	if (found == NULL)
		found = try_cache(in, name);
	for (const char *const *f = system_folders; found == NULL && *f != NULL; f++)
		found = try_open(in, *f, strlen(*f), name);
	return found;
}

static bool has_name(const struct closure *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++) {
		const char *soname = c->object[i]->facts.soname;

		if (strcmp(object_name(c->object[i]), name) == 0 ||
		    (*soname != '\0' && strcmp(soname, name) == 0))
			return true;
	}
	return false;
}

static void add_needed(struct inspector *in, struct closure *c, struct object *by,
		       const char *name)
{
	struct object *o;

	if (has_name(c, name) || has_name(&in->host_closure, name))
		return;
	if (c->n == INSPECT_OBJECTS_MAX) {
		c->cut = true;
		return;
	}
	o = find_library(in, c, by, name);
	if (o != NULL)
		c->object[c->n++] = o;
	else
		list_add(&c->missing, by == c->object[0] ?
					      copy_text(name) :
					      format("%s (for %s)", name, object_name(by)));
}

/* What the objects from `first` on need. */
static void follow(struct inspector *in, struct closure *c, size_t first)
{
	for (size_t i = first; in->files && i < c->n; i++) {
		const struct image_elf *elf = &c->object[i]->elf;
		size_t names = 0;
		GElf_Dyn d;

		for (size_t k = 0; k < elf->dyn_count && k < INT32_MAX; k++) {
			const char *name;

			if (gelf_getdyn(elf->dyn, (int)k, &d) == NULL || d.d_tag != DT_NEEDED)
				continue;
			name = image_string(elf, d.d_un.d_val);
			if (++names > NEEDED_MAX)
				c->cut = true;
			else if (name != NULL && *name != '\0')
				add_needed(in, c, c->object[i], name);
		}
	}
}

void closure_open(struct inspector *in, struct object *o, struct closure *c)
{
	*c = (struct closure){ .object = { o }, .n = 1 };
	follow(in, c, 0);
}

void closure_preload(struct inspector *in, struct closure *c, const char *list)
{
	size_t first = c->n;

	while (*list != '\0') {
		size_t n = strcspn(list, ": ");
		char *name = format("%.*s", (int)n, list);

		if (n > 0)
			add_needed(in, c, c->object[0], name);
		free(name);
		list += n + (list[n] != '\0');
	}
	follow(in, c, first);
}

uint64_t closure_tls(const struct closure *c)
{
	uint64_t sum = 0;

	for (size_t i = 1; i < c->n; i++) {
		const struct object *o = c->object[i];

		if (o->tls_size > 0 && o->tls_size < UINT32_MAX && o->tls_align <= UINT16_MAX)
			sum += o->tls_size + (o->tls_align > 0 ? o->tls_align - 1 : 0);
	}
	return sum;
}

void closure_close(struct closure *c)
{
	for (size_t i = 1; i < c->n; i++)
		object_close(c->object[i]);
	list_free(&c->missing);
	c->n = 0;
}

void inspect_missing(const struct closure *c, struct report *r)
{
	struct names names = { 0 };

	if (c->cut)
		report_add(
			r, LEVEL_WARNING, "too-many-dependencies", NULL,
			"more than %d libraries would be loaded with it: the rest was not looked at",
			INSPECT_OBJECTS_MAX);
	for (size_t i = 0; i < c->missing.n; i++)
		names_add(&names, "%s", c->missing.item[i]);
	if (names.n > 0)
		report_add(r, LEVEL_REFUSED, "missing-dependency",
			   "install it, or set its folder with -Wl,-rpath or LD_LIBRARY_PATH",
			   "not found: %s", names_text(&names));
	names_free(&names);
}
