/* What lies where:
 *
 *	PROGRAM, GUEST...	their RUNPATH becomes $ORIGIN/lib
 *	lib/			libstd.so and package libraries; the module, its companions and
 *				what these need; the RUNPATH of all becomes $ORIGIN
 *	start			runs the program under the module
 *	lib64/, lib/		with --glibc: ld.so where the program wants it, and its libraries
 *				where that looks by itself
 *
 * It is made beside its place and renamed there. */
#include "tool/deploy/bundle.h"
#include "core/path.h"
#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/inspect/inspect.h"
#include "tool/inspect/needed.h"
#include "tool/inspect/object.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOADER "/lib64/ld-linux-x86-64.so.2"

struct bundle {
	struct tool *t;
	const struct bundle_options *o;
	struct inspector in;
	char *folder;         /* where it is made */
	struct list have;     /* names in lib/ */
	struct list expected; /* libraries that the other machine has to have */
};

static bool has(const struct list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->item[i], name) == 0)
			return true;
	return false;
}

/* ---- one file ---- */

/* May the bytes of a string be changed?  The linker lets strings share an end. */
static bool is_own(const struct object *o, const char *s)
{
	size_t n = strlen(s);
	GElf_Sym sym;
	GElf_Dyn d;

	for (size_t i = 1; object_symbol(o, i, &sym); i++) {
		const char *name = image_string(&o->elf, sym.st_name);

		if (name > s && name < s + n)
			return false;
	}
	for (size_t i = 0; i < o->elf.dyn_count; i++) {
		const char *name;

		if (gelf_getdyn(o->elf.dyn, (int)i, &d) == NULL ||
		    (d.d_tag != DT_NEEDED && d.d_tag != DT_SONAME))
			continue;
		name = image_string(&o->elf, d.d_un.d_val);
		if (name > s && name < s + n)
			return false;
	}
	return true;
}

/* Its libraries are looked for in `runpath` from now on. */
static int lead(struct object *o, const char *runpath)
{
	const char *old = object_string(o, DT_RUNPATH, 0);

	if (old == NULL)
		old = object_string(o, DT_RPATH, 0);
	if (old == NULL || strcmp(old, runpath) == 0)
		return STATUS_OK;
	if (strlen(old) < strlen(runpath) || !is_own(o, old))
		return tool_error("%s: its RUNPATH has no room for %s: link it with "
				  "-Wl,-rpath,'%s'",
				  o->path, runpath, runpath);
	memset(o->bytes + (old - o->bytes), 0, strlen(old));
	memcpy(o->bytes + (old - o->bytes), runpath, strlen(runpath));
	return STATUS_OK;
}

static int strip(const struct bundle *b, char *file)
{
	char *argv[] = { (char *)(uintptr_t) "strip", (char *)(uintptr_t) "--strip-debug", file,
			 NULL };
	struct child c = { .argv = argv, .out = -1 };
	pid_t pid;

	if (!b->o->strip)
		return STATUS_OK;
	pid = child_start(&c);
	return pid >= 0 && child_wait(pid) == 0 ?
		       STATUS_OK :
		       tool_error("%s: strip failed: install binutils, or leave --strip out",
				  file);
}

/* Puts it into FOLDER/PLACE, by the name that it has. */
static int put(struct bundle *b, struct object *o, const char *place, const char *runpath)
{
	char *to = format("%s/%s%s", b->folder, place, path_base(o->path));
	int status = runpath != NULL ? lead(o, runpath) : STATUS_OK;

	if (status == STATUS_OK && file_exists(to))
		status = tool_error("%s: the bundle has a file of this name already: name it "
				    "otherwise",
				    o->path);
	if (status == STATUS_OK &&
	    write_file(to, o->bytes, o->len, 0644 | (o->program ? 0111 : 0)) != 0)
		status = tool_error("%s: %s: free space", to, strerror(errno));
	if (status == STATUS_OK)
		status = strip(b, to);
	free(to);
	return status;
}

/* ---- what they need ---- */

/* glibc's own, which belong together; ld.so finds them by itself. */
static bool is_glibc(const struct object *o)
{
	static const char *const names[] = { "ld-linux",      "libc.so",   "libm.so",
					     "libpthread.so", "libdl.so",  "librt.so",
					     "libresolv.so",  "libutil.so" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strncmp(object_name(o), names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static int put_needed(struct bundle *b, struct object *o, bool ours)
{
	const char *name = object_name(o);
	bool go = o->facts.kind == IMAGE_GO_RUNTIME || o->facts.kind == IMAGE_GO_PACKAGES;

	if (strncmp(name, "ld-linux", 8) == 0)
		return STATUS_OK; /* by its own path */
	if (!go && !b->o->glibc && (!ours || is_glibc(o))) {
		if (!has(&b->expected, name))
			list_add(&b->expected, copy_text(name));
		return STATUS_OK;
	}
	if (has(&b->have, name))
		return STATUS_OK;
	list_add(&b->have, copy_text(name));
	return put(b, o, "lib/", go ? "$ORIGIN" : NULL);
}

/* The file, and its libraries.  ours: of the module. */
static int add(struct bundle *b, const char *path, const char *place, const char *runpath,
	       bool ours)
{
	char why[200];
	struct object *o = object_open(path, why, sizeof why);
	struct closure c;
	int status = STATUS_OK;

	if (o == NULL)
		return tool_error("%s: %s: name a program and its guests", path, why);
	closure_open(&b->in, o, &c);
	if (c.missing.n > 0)
		status = tool_error("%s: it needs %s, which is not here: build it again, or "
				    "install that",
				    path, c.missing.item[0]);
	/* Before its own RUNPATH is another. */
	for (size_t i = 1; i < c.n && status == STATUS_OK; i++)
		status = put_needed(b, c.object[i], ours);
	if (status == STATUS_OK)
		status = put(b, o, place, runpath);
	closure_close(&c);
	object_close(o);
	return status;
}

static int add_loader(struct bundle *b)
{
	char *from = realpath(LOADER, NULL), *to = format("%s" LOADER, b->folder);
	char *folder = format("%.*s", (int)path_folder(to), to);
	char *link = format("%s/lib/%s", b->folder, path_base(LOADER));
	int status = STATUS_OK;

	/* The module needs it by its name. */
	if (from == NULL || make_dirs(folder) != 0 || copy_file(from, to) != 0 ||
	    chmod(to, 0755) != 0 || replace_symlink(".." LOADER, link) != 0)
		status = tool_error("%s: %s: install glibc", LOADER, strerror(errno));
	free(from);
	free(to);
	free(folder);
	free(link);
	return status;
}

/* The module with its companions, which lie beside it here or in a folder of theirs. */
static int add_module(struct bundle *b)
{
	static const char *const names[] = { "libgoaudit-image.so", "libgoaudit-dwarf.so",
					     "libgoaudit-entries.so" };
	int folder = (int)path_folder(b->t->module), status;
	char *module = realpath(b->t->module, NULL), *to, *from;

	status = module != NULL ? add(b, b->t->module, "lib/", NULL, true) :
				  tool_error("%s: %s", b->t->module, strerror(errno));
	for (size_t i = 0; i < sizeof names / sizeof *names && status == STATUS_OK; i++) {
		from = format("%.*s/%s", folder, b->t->module, names[i]);
		if (!file_exists(from)) {
			free(from);
			from = format("%.*s/goaudit/%s", folder, b->t->module, names[i]);
		}
		status = add(b, from, "lib/", "$ORIGIN", true);
		free(from);
	}
	to = format("%s/lib/libgoaudit.so", b->folder);
	if (status == STATUS_OK && !file_exists(to))
		status = tool_error("%s: not copied", to);
	free(to);
	free(module);
	return status;
}

static int add_start(struct bundle *b)
{
	char *to = format("%s/start", b->folder);
	char *text = format("#!/bin/sh\n"
			    "# Made by goaudit bundle: runs the program under the module.\n"
			    "here=$(cd \"$(dirname \"$0\")\" && pwd) || exit\n"
			    "LD_AUDIT=$here/lib/libgoaudit.so\n"
			    "export LD_AUDIT GOAUDIT_CONTROL=\"${GOAUDIT_CONTROL-1}\"\n"
			    "exec \"$here/%s\" \"$@\"\n",
			    path_base(b->o->program));
	int status = write_file(to, text, strlen(text), 0755) == 0 ?
			     STATUS_OK :
			     tool_error("%s: %s: free space", to, strerror(errno));

	free(text);
	free(to);
	return status;
}

/* ---- the folder ---- */

static int fill(struct bundle *b)
{
	char *lib = format("%s/lib", b->folder);
	int status =
		make_dirs(lib) == 0 && mark_folder(b->folder) == 0 ?
			STATUS_OK :
			tool_error("%s: %s: choose another folder", b->folder, strerror(errno));

	free(lib);
	if (status == STATUS_OK)
		status = add(b, b->o->program, "", "$ORIGIN/lib", false);
	for (size_t i = 0; i < b->o->guests.n && status == STATUS_OK; i++)
		status = add(b, b->o->guests.item[i], "", "$ORIGIN/lib", false);
	if (status == STATUS_OK)
		status = add_module(b);
	if (status == STATUS_OK && b->o->glibc)
		status = add_loader(b);
	return status == STATUS_OK ? add_start(b) : status;
}

static int take_place(const struct bundle *b)
{
	const char *to = b->o->folder;

	if (file_exists(to) && !is_marked(to) && rmdir(to) != 0)
		return tool_error("%s: it is there, and is no bundle: choose another folder",
				  to);
	if (is_marked(to) && remove_tree(to) != 0)
		return tool_error("%s: %s: remove it", to, strerror(errno));
	return rename(b->folder, to) == 0 ? STATUS_OK :
					    tool_error("%s: %s", to, strerror(errno));
}

static void tell(const struct bundle *b)
{
	printf("%s: start it with %s/start\n", b->o->folder, b->o->folder);
	for (size_t i = 0; i < b->expected.n; i++)
		printf("%s%s", i == 0 ? "the other machine has to have: " : ", ",
		       b->expected.item[i]);
	if (b->expected.n > 0)
		putchar('\n');
}

int bundle_make(struct tool *t, const struct bundle_options *o)
{
	struct bundle b = { .t = t, .o = o, .in.files = true };
	int status;

	if (t->module == NULL)
		return tool_error(
			"libgoaudit.so: not found beside goaudit: install it with make "
			"install");
	if (tool_open_cache(t) == STATUS_OK)
		b.in.cache = t->cache;
	b.folder = format("%s.new", o->folder);
	if (remove_marked(b.folder) != 0)
		status = tool_error("%s: it is in the way: remove it", b.folder);
	else
		status = fill(&b);
	if (status == STATUS_OK)
		status = take_place(&b);
	if (status == STATUS_OK)
		tell(&b);
	else
		remove_marked(b.folder);
	inspector_free(&b.in);
	list_free(&b.have);
	list_free(&b.expected);
	free(b.folder);
	return status;
}
