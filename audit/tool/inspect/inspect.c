/* The order in which an image is judged, and the verdict. */
#include "tool/inspect/inspect.h"
#include "tool/inspect/many_arguments.h"
#include "tool/inspect/go.h"
#include "tool/inspect/hazards.h"
#include "tool/inspect/host.h"
#include "tool/inspect/thread_pointer.h"
#include "tool/base/error.h"
#include "../dlbind/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_SHOWN 8 /* bytes of an ABI hash */

/* ---- programs ---- */

static const char *interpreter(struct object *o)
{
	Elf_Data *d;
	GElf_Phdr ph;

	for (size_t i = 0; i < o->elf.phnum; i++)
		if (gelf_getphdr(o->elf.elf, (int)i, &ph) != NULL && ph.p_type == PT_INTERP) {
			d = image_file_chunk(&o->elf, ph.p_offset, ph.p_filesz, ELF_T_BYTE);
			return d != NULL && memchr(d->d_buf, '\0', d->d_size) != NULL ?
				       d->d_buf :
				       "";
		}
	return NULL;
}

static void judge_program(struct object *o, const struct closure *c, struct report *r)
{
	const char *loader = interpreter(o);

	if (o->elf.dyn == NULL || loader == NULL)
		report_add(
			r, LEVEL_REFUSED, "static", "link it dynamically",
			"statically linked: ld.so does not run in it, so LD_AUDIT does nothing");
	else if (strcmp(loader, MACHINE_LOADER) != 0)
		report_add(r, LEVEL_REFUSED, "other-loader", "link it with glibc",
			   "its loader is %.160s, not glibc's " MACHINE_LOADER, loader);
	if ((o->mode & (S_ISUID | S_ISGID)) != 0)
		report_add(r, LEVEL_NOTE, "secure", NULL,
			   "set-user-ID or set-group-ID: goaudit's variables are ignored, and "
			   "LD_AUDIT names a library in a system folder only");
	if (o->facts.kind == IMAGE_GO_OWN_RUNTIME && loader != NULL)
		report_add(r, LEVEL_WARNING, "own-runtime", "build it by goaudit build -exe",
			   "it carries a Go runtime of its own: Go guests are refused in it");
	inspect_copies(o, c, r);
}

static char *describe_program(const struct object *o, enum language lang)
{
	if (o->facts.kind == IMAGE_C)
		return format("program (%s)", inspect_language_name(lang));
	return format("program (%s)", o->facts.kind == IMAGE_GO_OWN_RUNTIME ?
					      "Go with a runtime of its own" :
					      "Go over a shared runtime");
}

/* ---- libraries ---- */

/* What the audit module would do to its copy, done to one here. */
static void judge_mending(struct object *o, struct report *r)
{
	char why[120] = "", *copy;
	enum image_status st;

	if (r->worst == LEVEL_REFUSED)
		return;
	copy = allocate(o->len + 1);
	memcpy(copy, o->bytes, o->len);
	st = image_mend(copy, o->len, &o->facts, why, sizeof why);
	if (st != IMAGE_OK)
		report_add(r, LEVEL_REFUSED, "unmendable", "build it with goaudit build",
			   "%s: %s", image_status_text(st), why);
	free(copy);
}

/* ld.so, and the libraries of glibc that it has by its own name or that libc is made of. */
static bool is_everywhere(const struct object *o)
{
	static const char *const names[] = { "ld-linux-x86-64.so.2", "libc.so.6",
					     "libpthread.so.0", "libdl.so.2" };
	const char *soname = object_string(o, DT_SONAME, 0);

	for (size_t i = 0; soname != NULL && i < sizeof names / sizeof *names; i++)
		if (strcmp(soname, names[i]) == 0)
			return true;
	return false;
}

static void judge_library(struct inspector *in, struct object *o, const struct closure *c,
			  struct report *r)
{
	switch (o->facts.kind) {
	case IMAGE_GO_OWN_RUNTIME:
		report_add(r, LEVEL_REFUSED, "own-runtime", "build it with goaudit build",
			   "it carries a Go runtime of its own, which cannot be closed");
		inspect_thread_pointer(o, r);
		break;
	case IMAGE_GO_RUNTIME:
		report_add(r, LEVEL_REFUSED, "runtime-library", "open a guest instead",
			   "it is the Go runtime library itself");
		break;
	case IMAGE_GO_PACKAGES:
		report_add(r, LEVEL_REFUSED, "package-library", "open a guest instead",
			   "it is a library of packages, which comes with the guests over it");
		break;
	case IMAGE_GO_GUEST:
		inspect_go_guest(in, o, r);
		judge_mending(o, r);
		break;
	case IMAGE_C:
		if (is_everywhere(o))
			report_add(
				r, LEVEL_REFUSED, "everywhere", "open a library of yours",
				"it is in each process from its start, and there is only one");
		judge_mending(o, r);
		break;
	}
	inspect_go_runtimes(in, o, c, r);
	inspect_go_packages(in, c, r);
	if (in->host != NULL)
		inspect_captured(in, o, r);
}

static char *describe_library(const struct object *o, enum language lang,
			      const struct closure *c, struct report *r)
{
	const struct image_facts *f = &o->facts;
	const char *version = *f->go_version != '\0' ? f->go_version : "Go";
	char hex[IMAGE_HEX_MAX];

	switch (f->kind) {
	case IMAGE_GO_GUEST:
		return format("Go guest over %.64s (%.32s, ABI %s)", f->runtime_name, version,
			      image_hex(f->abi_hash, HASH_SHOWN, hex));
	case IMAGE_GO_RUNTIME:
		return format("Go runtime library (ABI %s)",
			      image_hex(f->abi_hash, HASH_SHOWN, hex));
	case IMAGE_GO_PACKAGES:
		return format("Go package library over %.64s (%.32s)", f->runtime_name,
			      version);
	case IMAGE_GO_OWN_RUNTIME:
		return format("Go with a runtime of its own (%.32s)", version);
	case IMAGE_C: break;
	}
	return lang == LANG_D ? inspect_druntime(c, r) : copy_text(inspect_language_name(lang));
}

static const char *verdict_of(const struct object *o, enum finding_level worst)
{
	if (o->program)
		return worst == LEVEL_REFUSED ? "cannot be a host" : "can be a host";
	return worst == LEVEL_REFUSED ? "does not reload" :
	       worst == LEVEL_WARNING ? "reloads, with care" :
					"reloads";
}

static void judge(struct inspector *in, struct object *o, struct report *r)
{
	enum language lang = inspect_language(o);
	struct closure c;

	closure_open(in, o, &c);
	r->facts = o->facts;
	r->bytes = o->len;
	r->readable = true;
	if (o->program) {
		r->what = describe_program(o, lang);
		judge_program(o, &c, r);
		inspect_program_tls(&c, r);
		if (lang == LANG_GO)
			inspect_thread_pointer(o, r);
	} else {
		r->what = describe_library(o, lang, &c, r);
		judge_library(in, o, &c, r);
	}
	inspect_hazards(o, lang, r);
	if (!o->program && (o->facts.kind == IMAGE_C || o->facts.kind == IMAGE_GO_GUEST))
		inspect_arguments(o, r);
	inspect_missing(&c, r);
	r->what = make_printable(r->what);
	r->verdict = verdict_of(o, r->worst);
	closure_close(&c);
}

static void unreadable(struct report *r, const char *why)
{
	r->what = copy_text("not an image that can be read");
	r->verdict = "does not reload";
	report_add(r, LEVEL_REFUSED, "unreadable",
		   "build it again for this machine, or copy it again", "%s", why);
}

/* A text that leads the linker to libraries, as libc.so is one; ld.so reads none. */
static bool is_linker_script(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char text[512];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, "GNU ld script") != NULL || strncmp(text, "INPUT", 5) == 0 ||
	       strncmp(text, "GROUP", 5) == 0 || strstr(text, "\nINPUT") != NULL ||
	       strstr(text, "\nGROUP") != NULL;
}

static void not_opened(struct report *r, const char *path, const char *why)
{
	if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
		r->what = copy_text("no such file");
		r->verdict = "does not reload";
		report_add(r, LEVEL_REFUSED, "missing", "give its path",
			   "there is no such file");
	} else if (access(path, R_OK) != 0) {
		r->what = copy_text("not to be read");
		r->verdict = "does not reload";
		report_add(r, LEVEL_REFUSED, "unreadable", "be its user, or root", "%s",
			   strerror(errno));
	} else if (is_linker_script(path)) {
		r->what = copy_text("a linker script");
		r->verdict = "does not reload";
		report_add(r, LEVEL_REFUSED, "linker-script",
			   "name the library that it leads to",
			   "it tells the linker where the library is, and ld.so reads none");
	} else {
		unreadable(r, why);
	}
}

void inspect_file(struct inspector *in, const char *path, struct report *r)
{
	char why[200];
	struct object *o = object_open(path, why, sizeof why);

	*r = (struct report){ .path = make_printable(copy_text(path)) };
	if (o != NULL)
		judge(in, o, r);
	else
		not_opened(r, path, why);
	object_close(o);
}

uint64_t inspect_tls(struct inspector *in, const char *path, const char *preload)
{
	char why[200];
	struct object *o = object_open(path, why, sizeof why);
	struct closure c;
	uint64_t size;

	if (o == NULL)
		return 0;
	closure_open(in, o, &c);
	if (preload != NULL)
		closure_preload(in, &c, preload);
	size = closure_tls(&c);
	closure_close(&c);
	object_close(o);
	return size;
}

void inspect_bytes(struct inspector *in, char *bytes, size_t len, struct report *r)
{
	char why[200];
	struct object *o = object_of_bytes(bytes, len, why, sizeof why);

	*r = (struct report){ .path = copy_text("(bytes)") };
	if (o != NULL)
		judge(in, o, r);
	else
		unreadable(r, why);
	object_close(o);
}

int inspector_set_host(struct inspector *in, const char *path)
{
	char why[200];

	in->host = object_open(path, why, sizeof why);
	if (in->host == NULL)
		return tool_error("%s: %s: --host wants a program", path, why);
	closure_open(in, in->host, &in->host_closure);
	return STATUS_OK;
}

int inspector_set_runtime(struct inspector *in, const char *path)
{
	char why[200];

	in->runtime = object_open(path, why, sizeof why);
	if (in->runtime == NULL)
		return tool_error("%s: %s: --runtime wants a libstd.so", path, why);
	if (in->runtime->facts.kind != IMAGE_GO_RUNTIME)
		return tool_error("%s: not a Go runtime library: --runtime wants a libstd.so",
				  path);
	return STATUS_OK;
}

void inspector_free(struct inspector *in)
{
	closure_close(&in->host_closure);
	object_close(in->host);
	object_close(in->runtime);
	object_close(in->kept);
	list_free(&in->ld_cache);
	free(in->first_guest);
}
