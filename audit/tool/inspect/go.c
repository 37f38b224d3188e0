#include "tool/inspect/go.h"
#include "core/path.h"
#include "go/protocol.h"
#include "tool/base/files.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_PKGLIST 1
#define PACKAGES_MAX 4096
#define ARCHIVE_MAX  (64 << 20)
#define OVER_OTHER   "build it with goaudit build, with the toolchain that built the other"

static bool same_hash(const struct image_facts *a, const struct image_facts *b)
{
	return a->abi_hash_len == b->abi_hash_len &&
	       memcmp(a->abi_hash, b->abi_hash, a->abi_hash_len) == 0;
}

/* ---- what two runtime libraries differ in ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The import paths in the library's note, sorted. */
static void read_packages(struct object *o, struct list *packages)
{
	Elf_Data *d = object_section(o, ".note.go.pkg-list");
	size_t name, desc;
	GElf_Nhdr nh;

	if (d == NULL || gelf_getnote(d, 0, &nh, &name, &desc) == 0 ||
	    nh.n_type != NOTE_PKGLIST)
		return;
	for (const char *s = (const char *)d->d_buf + desc, *end = s + nh.n_descsz;
	     s < end && packages->n < PACKAGES_MAX;) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		size_t n = (size_t)((nl != NULL ? nl : end) - s);

		if (n > 0)
			list_add(packages, format("%.*s", n > 512 ? 512 : (int)n, s));
		s += n + 1;
	}
	if (packages->n > 1)
		qsort(packages->item, packages->n, sizeof *packages->item, by_text);
}

/* The fingerprint of a compiled package, which the ABI hash is made of: 8 bytes
 * behind the magic of its object file (cmd/internal/goobj).  The archives lie
 * in pkg/ beside a library that goaudit built. */
static bool read_fingerprint(const struct object *library, const char *package, uint8_t out[8])
{
	static const char magic[] = "\0go120ld";
	const char *slash = library->real != NULL ? strrchr(library->real, '/') : NULL;
	char *path, *bytes, *at = NULL;
	size_t n;

	if (slash == NULL)
		return false;
	path = format("%.*s/pkg/%s.a", (int)(slash - library->real), library->real, package);
	if (read_file(path, &bytes, &n) == 0) {
		if (n < ARCHIVE_MAX)
			at = memmem(bytes, n, magic, 8);
		if (at != NULL && (size_t)(bytes + n - at) >= 16)
			memcpy(out, at + 8, 8);
		else
			at = NULL;
		free(bytes);
	}
	free(path);
	return at != NULL;
}

/* Both lists are sorted. */
static char *compare_libraries(struct object *a, struct object *b)
{
	struct names gone = { 0 }, new = { 0 }, other = { 0 };
	struct list in_a = { 0 }, in_b = { 0 };
	struct text t = { 0 };

	read_packages(a, &in_a);
	read_packages(b, &in_b);
	for (size_t i = 0, k = 0; i < in_a.n || k < in_b.n;) {
		int order = i == in_a.n ? 1 :
			    k == in_b.n ? -1 :
					  strcmp(in_a.item[i], in_b.item[k]);
		uint8_t fa[8], fb[8];

		if (order < 0)
			names_add(&gone, "%s", in_a.item[i++]);
		else if (order > 0)
			names_add(&new, "%s", in_b.item[k++]);
		else {
			if (read_fingerprint(a, in_a.item[i], fa) &&
			    read_fingerprint(b, in_b.item[k], fb) && memcmp(fa, fb, 8) != 0)
				names_add(&other, "%s", in_a.item[i]);
			i++, k++;
		}
	}
	text_add(&t, "", 0);
	if (gone.n > 0)
		text_puts(&t, "; not in that one: "), text_puts(&t, names_text(&gone));
	if (new.n > 0)
		text_puts(&t, "; only in that one: "), text_puts(&t, names_text(&new));
	if (other.n > 0)
		text_puts(&t, "; compiled from other sources or flags: "),
			text_puts(&t, names_text(&other));
	names_free(&gone);
	names_free(&new);
	names_free(&other);
	list_free(&in_a);
	list_free(&in_b);
	return t.s;
}

/* ---- which library a guest runs over ---- */

static struct object *open_runtime(struct inspector *in, const char *path)
{
	struct object *o = object_share(in, path);

	if (o != NULL && o->facts.kind == IMAGE_GO_RUNTIME)
		return o;
	object_close(o);
	return NULL;
}

/* Keeps the first that fits; of the others the last, to tell about. */
static void consider(struct inspector *in, const struct object *guest, char *path,
		     struct object **fits, struct object **other)
{
	struct object *o = *fits == NULL ? open_runtime(in, path) : NULL;

	free(path);
	if (o == NULL)
		return;
	if (same_hash(&o->facts, &guest->facts)) {
		*fits = o;
	} else {
		object_close(*other);
		*other = o;
	}
}

/* In the order of the audit module (adapter/go/find.c): RUNPATH, then the cache. */
static void find_runtime(struct inspector *in, struct object *o, struct object **fits,
			 struct object **other)
{
	const struct image_facts *f = &o->facts;
	const char *s = f->runpath, *of = o->real != NULL ? o->real : "";
	char hex[IMAGE_HEX_MAX];

	while (*s != '\0') {
		size_t n = strcspn(s, ":");
		char folder[PATH_MAX];

		if (path_expand(folder, sizeof folder, s, n, of, path_folder(of)))
			consider(in, o, format("%s/%s", folder, f->runtime_name), fits, other);
		s += n + (s[n] == ':');
	}
	image_hex(f->abi_hash, f->abi_hash_len, hex);
	if (in->cache != NULL)
		consider(in, o,
			 format("%s/" PATH_BY_ABI "/%s/%s", in->cache, hex, f->runtime_name),
			 fits, other);
}

/* `is` is the library that the process has or would get. */
static void report_mismatch(const struct object *guest, struct object *own, struct object *is,
			    struct report *r)
{
	char want[IMAGE_HEX_MAX], have[IMAGE_HEX_MAX],
		*differ = own != NULL ? compare_libraries(own, is) : copy_text("");

	image_hex(guest->facts.abi_hash, guest->facts.abi_hash_len, want);
	image_hex(is->facts.abi_hash, is->facts.abi_hash_len, have);
	report_add(
		r, LEVEL_REFUSED, "abi-mismatch", OVER_OTHER,
		"built for the Go runtime library with ABI hash %.16s (%s); %s has %.16s (%s)%s",
		want, *guest->facts.go_version != '\0' ? guest->facts.go_version : "Go",
		is->path, have, *is->facts.go_version != '\0' ? is->facts.go_version : "Go",
		differ);
	free(differ);
}

/* Guests of one process must agree. */
static void compare_with_first(struct inspector *in, const struct object *o, struct report *r)
{
	const struct image_facts *f = &o->facts;

	if (in->first_guest == NULL) {
		in->first_guest = copy_text(o->path != NULL ? o->path : "");
		memcpy(in->first_hash, f->abi_hash, sizeof in->first_hash);
		in->first_hash_len = f->abi_hash_len;
	} else if (in->first_hash_len != f->abi_hash_len ||
		   memcmp(in->first_hash, f->abi_hash, f->abi_hash_len) != 0) {
		report_add(r, LEVEL_WARNING, "two-runtimes", OVER_OTHER,
			   "over another Go runtime library than %s: one process can have only "
			   "one of the two",
			   in->first_guest);
	}
}

void inspect_go_guest(struct inspector *in, struct object *o, struct report *r)
{
	struct object *fits = NULL, *other = NULL;

	if (o->facts.abi_hash_len == 0) {
		report_add(r, LEVEL_REFUSED, "no-abi-hash", "build it with goaudit build",
			   "it does not say which Go runtime library it was linked against");
		return;
	}
	compare_with_first(in, o, r);
	if (in->files)
		find_runtime(in, o, &fits, &other);
	if (in->runtime != NULL && !same_hash(&in->runtime->facts, &o->facts)) {
		report_mismatch(o, fits, in->runtime, r);
	} else if (in->files && in->runtime == NULL && fits == NULL && other != NULL) {
		report_mismatch(o, NULL, other, r);
	} else if (in->files && in->runtime == NULL && fits == NULL) {
		report_add(r, LEVEL_REFUSED, "no-runtime", "build it again with goaudit build",
			   "its Go runtime library (%s, for %s) is not on this machine",
			   o->facts.runtime_name,
			   *o->facts.go_version != '\0' ? o->facts.go_version : "Go");
	} else if (in->runtime != NULL || fits != NULL) {
		const struct object *lib = in->runtime != NULL ? in->runtime : fits;

		r->runtime = copy_text(lib->path);
		if (!lib->facts.overlay)
			report_add(r, LEVEL_REFUSED, "runtime-of-another-release",
				   "run goaudit runtime, and build the guest again",
				   "%s was not built by this release of goaudit", lib->path);
	}
	object_close(fits);
	object_close(other);
}

void inspect_go_runtimes(const struct inspector *in, const struct object *o,
			 const struct closure *c, struct report *r)
{
	bool guest = o->facts.kind == IMAGE_GO_GUEST;

	for (size_t i = 1; i < c->n; i++) {
		const struct object *d = c->object[i];

		if (d->facts.kind == IMAGE_GO_OWN_RUNTIME && guest)
			report_add(r, LEVEL_REFUSED, "two-runtimes",
				   "build that one with goaudit build too",
				   "it needs %s, which carries a Go runtime of its own",
				   object_name(d));
		else if (d->facts.kind == IMAGE_GO_OWN_RUNTIME && o->facts.kind == IMAGE_C)
			report_add(
				r, LEVEL_WARNING, "go-dependency",
				"build that one with goaudit build, and open it by itself",
				"it needs %s, which carries a Go runtime and stays loaded for ever",
				object_name(d));
	}
	if (!guest || in->host == NULL)
		return;
	for (size_t i = 0; i < in->host_closure.n; i++) {
		struct object *d = in->host_closure.object[i];

		if (d->facts.kind == IMAGE_GO_RUNTIME && !same_hash(&d->facts, &o->facts))
			report_mismatch(o, NULL, d, r);
		else if (d->facts.kind == IMAGE_GO_OWN_RUNTIME)
			report_add(r, LEVEL_REFUSED, "two-runtimes",
				   "build it by goaudit build -exe",
				   "%s carries a Go runtime of its own", object_name(d));
	}
}

/* ---- package libraries ---- */

static bool has_library(const struct closure *c, const char *soname)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->object[i]->facts.soname, soname) == 0)
			return true;
	return false;
}

/* As the audit module does before it maps one (adapter/go/library.c). */
static bool compare_packages(const struct object *there, const struct object *wanted,
			     enum finding_level level, const char *id, struct report *r)
{
	char *a = image_packages(there->bytes, there->len);
	char *b = image_packages(wanted->bytes, wanted->len), text[512];
	bool clash = a != NULL && b != NULL && image_clash(a, b, text, sizeof text);

	if (clash)
		report_add(r, level, id, NULL, "%s", text);
	free(a);
	free(b);
	return clash;
}

static void inspect_library(const struct inspector *in, const struct object *wanted,
			    struct report *r)
{
	for (size_t i = 0; i < in->host_closure.n; i++)
		if (i == 0 || in->host_closure.object[i]->facts.kind == IMAGE_GO_PACKAGES)
			compare_packages(in->host_closure.object[i], wanted, LEVEL_REFUSED,
					 "package-clash", r);
}

/* What a guest has of its own it may have beside the program's. */
static void inspect_own(const struct inspector *in, const struct object *guest,
			struct report *r)
{
	bool said = false;

	for (size_t i = 0; i < in->host_closure.n && !said; i++)
		if (i == 0 || in->host_closure.object[i]->facts.kind == IMAGE_GO_PACKAGES)
			said = compare_packages(in->host_closure.object[i], guest,
						LEVEL_WARNING, "own-copy", r);
}

static bool has_line(const char *list, const char *line)
{
	size_t n = strlen(line);

	for (; list != NULL && *list != '\0';
	     list += strcspn(list, "\n"), list += *list == '\n')
		if (strncmp(list, line, n) == 0 && list[n] == '\n')
			return true;
	return false;
}

/* Instances of generic types that could be one with others' (go/linker). */
static void list_instances(const struct inspector *in, const struct object *guest,
			   struct report *r)
{
	char *own = image_packages(guest->bytes, guest->len), *rest = own, *line;
	char *host = in->host != NULL ? image_packages(in->host->bytes, in->host->len) : NULL;
	struct names names = { 0 };

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL)
		if (strncmp(line, "instance ", 9) == 0 && !has_line(host, line))
			names_add(&names, "%.160s", line + 9);
	if (names.n > 0)
		report_add(
			r, LEVEL_NOTE, "own-instances",
			"to share one, mention it in the program or in a package that both share",
			"instances of generic types that are its own, also where others have the "
			"same: %s",
			names_text(&names));
	names_free(&names);
	free(host);
	free(own);
}

void inspect_go_packages(const struct inspector *in, const struct closure *c, struct report *r)
{
	if (c->n > 0 && c->object[0]->facts.kind == IMAGE_GO_GUEST)
		list_instances(in, c->object[0], r);
	if (in->host == NULL)
		return;
	for (size_t i = 1; i < c->n; i++)
		if (c->object[i]->facts.kind == IMAGE_GO_PACKAGES &&
		    !has_library(&in->host_closure, c->object[i]->facts.soname))
			inspect_library(in, c->object[i], r);
	if (c->n > 0 && c->object[0]->facts.kind == IMAGE_GO_GUEST)
		inspect_own(in, c->object[0], r);
}
