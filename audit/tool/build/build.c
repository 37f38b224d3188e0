/* Runs go build with what a guest needs added to the user's flags, then looks
 * at the result with the same eyes as the audit module will.
 *
 * go build is told to build a program, and goaudit toolexec has the linker make
 * a shared library of it: packages are compiled alike for both, but with
 * -buildmode=c-shared go runs cgo and the C compiler for runtime/cgo, and for
 * other packages of std with cgo in them, at each build, for the sake of headers
 * that they do not have.  That is a third of the time. */
#include "tool/build/build.h"
#include "tool/build/godebug.h"
#include "tool/build/header.h"
#include "tool/runtime/linker.h"
#include "tool/share/share.h"
#include "tool/inspect/inspect.h"
#include "tool/build/pkgdir.h"
#include "image/image.h"
#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* FOLDER.so for a package in FOLDER; FILE.so for FILE.go; programs without .so. */
static char *default_output(const struct goflags *g)
{
	const char *arg = g->packages.n > 0 ? g->packages.item[0] : ".";
	char *real = NULL, *name, *s;
	size_t len;

	/* "./x", "." and "/x" are folders, others import paths. */
	if (arg[0] == '.' || arg[0] == '/')
		real = realpath(arg, NULL);
	name = copy_text(real != NULL ? real : arg);
	free(real);
	len = strlen(name);
	while (len > 1 && name[len - 1] == '/')
		name[--len] = '\0';
	if (len > 3 && strcmp(name + len - 3, ".go") == 0)
		name[len - 3] = '\0';
	s = strrchr(name, '/');
	s = format("%s%s", s != NULL ? s + 1 : name, g->exe ? "" : ".so");
	free(name);
	return s;
}

static char *choose_output(const struct goflags *g)
{
	char *name, *path;
	struct stat st;

	if (g->output == NULL)
		return default_output(g);
	if (g->output[0] != '\0' && g->output[strlen(g->output) - 1] != '/' &&
	    (stat(g->output, &st) != 0 || !S_ISDIR(st.st_mode)))
		return copy_text(g->output);
	name = default_output(g);
	path = format("%s/%s", g->output, name);
	free(name);
	return path;
}

static int go_argv(const struct tool *t, const struct runtime *rt, const struct view *v,
		   const struct goflags *g, const char *out, bool linker, bool shared,
		   struct list *argv)
{
	/* The path of this program may have blanks, hence the quotes. */
	list_add(argv, copy_text(t->go));
	list_add(argv, copy_text("build"));
	list_add(argv, copy_text(shared ? "-buildmode=c-shared" : "-buildmode=exe"));
	list_add(argv, copy_text("-linkshared"));
	list_add(argv, format("-pkgdir=%s", v->pkg));
	list_add(argv, format("-overlay=%s", rt->overlay_json));
	list_add(argv, format("-toolexec='%s' toolexec", t->exe));
	for (size_t i = 0; i <= g->ldflags.n; i++) {
		/* One without a pattern first, for packages that no pattern of
		 * the user's matches. */
		char *flags = goflags_link(i > 0 ? g->ldflags.item[i - 1] : "", rt->dir,
					   g->exe ? t->program : NULL, linker);

		if (flags == NULL)
			return STATUS_USAGE;
		list_add(argv, format("-ldflags=%s", flags));
		free(flags);
	}
	for (size_t i = 0; i < g->flags.n; i++)
		list_add(argv, copy_text(g->flags.item[i]));
	list_add(argv, format("-o=%s", out));
	for (size_t i = 0; i < g->packages.n; i++)
		list_add(argv, copy_text(g->packages.item[i]));
	return STATUS_OK;
}

static int run_go(const struct tool *t, const struct runtime *rt, const struct view *v,
		  const struct goflags *g, const char *linker, char **argv)
{
	char *lib = format("GOAUDIT_LIBSTD=%s", v->lib);
	char *std = format("GOAUDIT_STD=%s", g->other_std ? "any" : "keep");
	char *work = format("GOTMPDIR=%s", v->work);
	char *headers = format("GOAUDIT_HEADERS=%s/headers", t->cache);
	/* A program is another thing than a guest of the same package. */
	char *id = format("GOAUDIT_LINK_ID=%s%s", rt->key, g->exe ? "-exe" : "");
	char *link = format("GOAUDIT_LINK=%s", linker != NULL ? linker : "");
	char *stub = format("GOAUDIT_STUB=%s/stub/libstd.so", rt->dir);
	char *kind = copy_text(g->exe ? "GOAUDIT_KIND=exe" : "GOAUDIT_KIND=guest");
	char *own[] = { lib, std, work, headers, id, link, kind, stub };
	struct list env = { 0 };
	struct child c = { .argv = argv, .out = -1 };
	/* An interrupt is for go, which ends; this program then cleans up. */
	void (*old)(int) = signal(SIGINT, SIG_IGN);
	int status = share_prepare(t, rt, g->share, &g->flags, &env);
	char *changed;
	pid_t pid;

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		list_add(&env, own[i]);
	c.env = env.item;
	if (status == STATUS_OK) {
		pid = child_start(&c);
		status = pid < 0 ? tool_error("%s: %s", argv[0], strerror(errno)) :
				   child_wait(pid);
	}
	signal(SIGINT, old);
	list_free(&env);
	if (status != STATUS_OK || g->other_std || g->dry)
		return status;
	changed = view_changed(rt, v);
	if (changed != NULL)
		status = tool_error(
			"package %s of the standard library differs from the runtime "
			"library's: leave out -tags and the like, which change it",
			changed);
	free(changed);
	return status;
}

static int check_facts(const struct runtime *rt, const char *out, const struct image_facts *f)
{
	char hex[IMAGE_HEX_MAX];

	image_hex(f->abi_hash, f->abi_hash_len, hex);
	if (f->kind == IMAGE_C)
		return tool_error("%s: no Go in it: is the package a main package?", out);
	if (f->kind != IMAGE_GO_GUEST)
		return tool_error("%s: it has a Go runtime of its own: leave out flags that "
				  "undo -linkshared",
				  out);
	if (strcmp(hex, rt->abi) != 0)
		return tool_error("%s: linked against runtime library %.16s, wanted %.16s: "
				  "build it again",
				  out, hex, rt->abi);
	if (f->symbolic)
		return tool_error(
			"%s: linked with -Bsymbolic, which gives it types of its own: "
			"leave -Wl,-Bsymbolic out of -extldflags",
			out);
	if (f->textrel)
		return tool_error("%s: has text relocations, so it cannot be reloaded under a "
				  "debugger: compile its C parts with -fPIC",
				  out);
	return STATUS_OK;
}

/* The file is a program over the runtime library. */
static int check_program(const char *out)
{
	struct inspector in = { .files = true };
	struct report r;
	int status = STATUS_OK;

	inspect_file(&in, out, &r);
	if (!r.readable)
		status = tool_error("%s: go build has not written a program: is the package "
				    "a main package?",
				    out);
	else if (strcmp(r.facts.runtime_name, "libstd.so") != 0)
		status = tool_error("%s: it has a Go runtime of its own: leave out flags that "
				    "undo -linkshared",
				    out);
	report_free(&r);
	inspector_free(&in);
	return status;
}

/* What inspect has to say of it, where it would not or hardly reload. */
static int cross_check(const char *out)
{
	struct inspector in = { .files = true };
	int status = STATUS_OK;
	struct report r;

	inspect_file(&in, out, &r);
	for (size_t i = 0; i < r.n; i++) {
		const struct finding *f = &r.finding[i];

		if (f->level == LEVEL_NOTE)
			continue;
		tool_error("%s: %s%s%s%s", out, f->level == LEVEL_WARNING ? "warning: " : "",
			   f->text, f->cure != NULL ? ": " : "",
			   f->cure != NULL ? f->cure : "");
		if (f->level == LEVEL_REFUSED)
			status = STATUS_FAILED;
	}
	report_free(&r);
	inspector_free(&in);
	return status;
}

/* The file is a guest that the audit module will take. */
static int check_guest(const struct runtime *rt, const char *out)
{
	struct image_facts f = { .size = sizeof f };
	enum image_status st;
	char why[160] = "", *bytes;
	size_t n;
	int status;

	if (read_file(out, &bytes, &n) != 0)
		return tool_error("%s: %s: go build has not written it: is the package "
				  "a main package?",
				  out, strerror(errno));
	st = image_inspect(bytes, n, &f, why, sizeof why);
	status = st == IMAGE_OK ? check_facts(rt, out, &f) : STATUS_OK;
	if (st == IMAGE_OK && status == STATUS_OK)
		st = image_mend(bytes, n, &f, why, sizeof why);
	if (st != IMAGE_OK)
		status = tool_error("%s: %s: %s", out, image_status_text(st), why);
	free(bytes);
	return status == STATUS_OK ? cross_check(out) : status;
}

static int build_as(struct tool *t, const struct runtime *rt, const struct view *v,
		    const struct goflags *g, const char *out, bool shared)
{
	char *linker = linker_path(rt);
	struct list argv = { 0 };
	int status = go_argv(t, rt, v, g, out, linker != NULL, shared, &argv);

	if (status == STATUS_OK)
		status = run_go(t, rt, v, g, linker, argv.item);
	list_free(&argv);
	free(linker);
	return status;
}

/* What go build gives to programs alone. */
static void take_execute_bits(const char *out)
{
	struct stat st;

	if (stat(out, &st) == 0 && S_ISREG(st.st_mode))
		chmod(out, st.st_mode & 07666);
}

int build_guest(struct tool *t, const struct runtime *rt, const struct goflags *g)
{
	char *out = choose_output(g);
	struct view v;
	int status = view_open(t, rt, &v);

	if (status == STATUS_OK)
		status = build_as(t, rt, &v, g, out, false);
	if (status == STATUS_OK && !g->dry && !g->exe) {
		take_execute_bits(out);
		if (!header_place(t, out))
			status = build_as(t, rt, &v, g, out, true);
	}
	view_close(rt, &v);
	header_sweep(t);
	if (status == STATUS_OK && !g->dry && !g->exe)
		godebug_warn(g);
	if (status == STATUS_OK && !g->dry)
		status = g->exe ? check_program(out) : check_guest(rt, out);
	free(out);
	return status;
}
