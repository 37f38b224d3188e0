#include "tool/inspect/hazards.h"

#include <string.h>

#include "../dlbind/machine.h"

/* What glibc keeps free in each thread's static TLS block for libraries that
 * are opened later (csu/libc-tls.c and elf/dl-tls.c, _dl_tls_static_surplus_init;
 * 1,664 bytes are the least of 2.31 to 2.41, alignment may add some). */
#define STATIC_TLS_BUDGET 1664

/* So much of it is there for a program's own libraries in any release. */
#define STATIC_TLS_SAFE 1024

static bool needs_static_tls(struct object *o)
{
	struct relocs it;
	GElf_Rela r;

	if (o->facts.static_tls)
		return true;
	relocs_begin(&it, o);
	while (relocs_next(&it, &r))
		if (GELF_R_TYPE(r.r_info) == MACHINE_R_TLS_OFFSET)
			return true;
	return false;
}

static void judge_tls(struct object *o, struct report *r)
{
	uint64_t size = o->tls_size;

	if (o->program || size == 0 || !needs_static_tls(o))
		return;
	if (size > STATIC_TLS_BUDGET)
		report_add(r, LEVEL_REFUSED, "static-tls",
			   "build it with -ftls-model=global-dynamic, or set "
			   "GLIBC_TUNABLES=glibc.rtld.optional_static_tls",
			   "static TLS of %llu bytes: a process has about %d for all libraries "
			   "that it opens",
			   (unsigned long long)size, STATIC_TLS_BUDGET);
	else
		report_add(r, LEVEL_WARNING, "static-tls",
			   "build it with -ftls-model=global-dynamic",
			   "static TLS of %llu bytes, %llu%% of the %d that a process has for "
			   "all libraries that it opens; each reload takes them anew while the "
			   "old generation is there",
			   (unsigned long long)size,
			   (unsigned long long)(size * 100 + STATIC_TLS_BUDGET - 1) /
				   STATIC_TLS_BUDGET,
			   STATIC_TLS_BUDGET);
}

/* Under an auditor ld.so sets the main thread's TLS up before it loads the program's
 * libraries (elf/rtld.c, load_audit_modules), so theirs has to come from what it keeps for
 * libraries that are opened later. */
void inspect_program_tls(const struct closure *c, struct report *r)
{
	uint64_t size = closure_tls(c);

	if (size <= INSPECT_TLS_SMALL)
		return;
	report_add(
		r, size > STATIC_TLS_SAFE ? LEVEL_WARNING : LEVEL_NOTE, "static-tls",
		"start it by goaudit run, which sets that",
		"its libraries have %llu bytes of thread-local storage: with LD_AUDIT set by "
		"hand ld.so %s: it wants GLIBC_TUNABLES=glibc.rtld.optional_static_tls=%llu",
		(unsigned long long)size,
		size > STATIC_TLS_SAFE ?
			"ends with \"cannot allocate memory in static TLS block\"" :
			"has little left for guests",
		(unsigned long long)size + INSPECT_TLS_SMALL);
}

static void judge_flags(struct object *o, enum language lang, struct report *r)
{
	uint64_t flags = 0;

	object_tag(o, DT_FLAGS_1, 0, &flags);
	if ((flags & DF_1_NOOPEN) != 0)
		report_add(r, LEVEL_REFUSED, "noopen", "link it without -z nodlopen",
			   "DF_1_NOOPEN: dlopen refuses it");
	if (o->facts.nodelete && lang == LANG_GO)
		report_add(
			r, LEVEL_NOTE, "nodelete", NULL,
			"DF_1_NODELETE, as in every Go library: cleared in the copy that is loaded");
	else if (o->facts.nodelete)
		report_add(
			r, LEVEL_WARNING, "nodelete",
			"find out why it was linked with -z nodelete (threads, handlers, "
			"thread-local data that outlive a close?)",
			"DF_1_NODELETE: whoever built it wants it never unloaded; it is cleared "
			"in the copy that is loaded");
	if (o->facts.textrel)
		report_add(
			r, LEVEL_WARNING, "textrel", "compile all of it with -fPIC",
			"text relocations: its code is made writable while it is loaded, and "
			"breakpoints in it survive no reload");
	if (o->stack_flags == -1 || (o->stack_flags & PF_X) != 0)
		report_add(
			r, LEVEL_WARNING, "executable-stack",
			"link it with -z noexecstack; assembly needs a .note.GNU-stack section",
			"it %s an executable stack: glibc 2.41 and later refuses to open it",
			o->stack_flags == -1 ? "has no PT_GNU_STACK, which means" : "asks for");
	if (o->writable_code)
		report_add(r, LEVEL_WARNING, "writable-code",
			   "link it without -N and without writable code sections",
			   "a segment is writable and executable");
}

/* Go guests are meant to share their types: there -Bsymbolic is a fault. */
static void judge_symbols(struct object *o, enum language lang, struct report *r)
{
	struct names unique = { 0 };
	GElf_Sym sym;

	for (size_t i = 1; i < o->elf.sym_count; i++)
		if (object_symbol(o, i, &sym) && sym.st_shndx != SHN_UNDEF &&
		    GELF_ST_BIND(sym.st_info) == STB_GNU_UNIQUE)
			names_add(&unique, "%s", image_symbol_name(&o->elf, i));
	if (unique.n > 0)
		report_add(
			r, LEVEL_NOTE, "unique", NULL,
			"STB_GNU_UNIQUE: %s: made global in the copy that is loaded, so each "
			"generation has its own",
			names_text(&unique));
	names_free(&unique);
	if (o->facts.symbolic && o->facts.kind == IMAGE_GO_GUEST)
		report_add(
			r, LEVEL_WARNING, "bsymbolic",
			"build it with goaudit build, or with -Wl,-Bno-symbolic in -extldflags",
			"linked with -Bsymbolic, which gives it types of its own: type "
			"assertions and signal.Notify go wrong");
	else if (o->facts.symbolic && lang != LANG_GO && !o->program)
		report_add(r, LEVEL_NOTE, "bsymbolic", NULL,
			   "linked with -Bsymbolic: it keeps its own symbols, also where a "
			   "program has a copy of one");
}

/* A reference to one of libc's or libstdc++'s. */
static bool refers_to(const struct object *o, const char *name)
{
	for (size_t i = 1; i < o->elf.sym_count && i < 100000; i++) {
		GElf_Sym sym;

		if (strcmp(image_symbol_name(&o->elf, i), name) == 0)
			return object_symbol(o, i, &sym) && sym.st_shndx == SHN_UNDEF;
	}
	return false;
}

/* What a thread has in it (reload/threads.h). */
static void judge_threads(const struct object *o, struct report *r)
{
	if (refers_to(o, "__cxa_thread_atexit") || refers_to(o, "__cxa_thread_atexit_impl"))
		report_add(r, LEVEL_NOTE, "thread-locals", NULL,
			   "it can have thread-local objects with a destructor: an old "
			   "generation goes when no other thread has one of it any more");
}

void inspect_hazards(struct object *o, enum language lang, struct report *r)
{
	if (!o->program) {
		judge_flags(o, lang, r);
		judge_symbols(o, lang, r);
		if (lang != LANG_GO)
			judge_threads(o, r);
		if (o->facts.kind == IMAGE_C || o->facts.kind == IMAGE_GO_GUEST)
			judge_tls(o, r);
	}
	/* For a guest audit/image has looked: its C parts alone may have some. */
	r->facts.has_dwarf = o->facts.kind == IMAGE_GO_GUEST ?
				     o->facts.has_dwarf :
				     object_section(o, ".debug_info") != NULL;
	if (!r->facts.has_dwarf && !o->program && o->facts.kind != IMAGE_GO_RUNTIME &&
	    object_section(o, ".gnu_debuglink") == NULL)
		report_add(r, LEVEL_NOTE, "no-debug-info", NULL,
			   "no debug information: a debugger shows functions only");
}

static bool needs(const struct object *o, const char *prefix)
{
	for (size_t i = 0; i < 64; i++) {
		const char *name = object_string(o, DT_NEEDED, i);

		if (name == NULL)
			return false;
		if (strncmp(name, prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

/* By the names of the symbols: what a D compiler leaves in every object, and
 * C++'s mangled names. */
static enum language language_of_symbols(const struct object *o)
{
	enum language lang = LANG_C;

	for (size_t i = 1; i < o->elf.sym_count && i < 100000; i++) {
		const char *name = image_symbol_name(&o->elf, i);

		if (strcmp(name, "_d_dso_registry") == 0)
			return LANG_D;
		if (strcmp(name, "caml_startup") == 0 || strcmp(name, "caml_main") == 0)
			return LANG_OCAML;
		if (strcmp(name, "NimMain") == 0)
			return LANG_NIM;
		if (strncmp(name, "__zig_", 6) == 0)
			return LANG_ZIG;
		if (name[0] == '_' && name[1] == 'Z')
			lang = LANG_CXX;
	}
	return lang;
}

/* What the compiler writes of itself; nothing else tells Rust from C where exports are C's. */
static bool is_by_rustc(struct object *o)
{
	const Elf_Data *comment = object_section(o, ".comment");

	return comment != NULL &&
	       memmem(comment->d_buf, comment->d_size, "rustc version", 13) != NULL;
}

const char *inspect_language_name(enum language lang)
{
	static const char *const names[] = {
		[LANG_C] = "C",         [LANG_CXX] = "C++",   [LANG_D] = "D",
		[LANG_GO] = "Go",       [LANG_RUST] = "Rust", [LANG_SWIFT] = "Swift",
		[LANG_OCAML] = "OCaml", [LANG_NIM] = "Nim",   [LANG_ZIG] = "Zig",
	};

	return names[lang];
}

enum language inspect_language(struct object *o)
{
	if (o->facts.kind != IMAGE_C)
		return LANG_GO;
	if (needs(o, "libdruntime-") || needs(o, "libphobos2") || needs(o, "libgphobos") ||
	    needs(o, "libgdruntime"))
		return LANG_D;
	if (is_by_rustc(o))
		return LANG_RUST;
	if (needs(o, "libswiftCore.so") || object_section(o, "swift5_type_metadata") != NULL)
		return LANG_SWIFT;
	return needs(o, "libstdc++.so") || needs(o, "libc++.so") ? LANG_CXX :
								   language_of_symbols(o);
}

/* druntime by the name of its library; gdc's and dmd's are in phobos, too. */
static const char *druntime_of(const struct object *o)
{
	const char *name = *o->facts.soname != '\0' ? o->facts.soname : object_name(o);

	if (strncmp(name, "libdruntime-ldc", 15) == 0)
		return "ldc's druntime";
	if (strncmp(name, "libgdruntime", 12) == 0 || strncmp(name, "libgphobos", 10) == 0)
		return "gdc's druntime";
	return strncmp(name, "libdruntime", 11) == 0 ||
			       strncmp(name, "libphobos2.so", 13) == 0 ?
		       "dmd's druntime" :
		       NULL;
}

char *inspect_druntime(const struct closure *c, struct report *r)
{
	const char *first = NULL;
	size_t at = image_find_symbol(&c->object[0]->elf, "_d_dso_registry");
	GElf_Sym sym;

	if (at != 0 && object_symbol(c->object[0], at, &sym) && object_defines(&sym)) {
		report_add(
			r, LEVEL_WARNING, "own-druntime",
			"link it with the shared one (ldc2 -link-defaultlib-shared, gdc -shared-libphobos)",
			"it carries a druntime of its own, whose collector does not see the host's");
		return copy_text("D with a druntime of its own");
	}
	for (size_t i = 1; i < c->n; i++) {
		const char *name = druntime_of(c->object[i]);

		if (name != NULL && first != NULL && strcmp(name, first) != 0)
			report_add(
				r, LEVEL_WARNING, "two-runtimes",
				"build all of it with one compiler, or open it with RTLD_LOCAL",
				"%s and %s would be loaded together", first, name);
		first = first != NULL ? first : name;
	}
	report_add(
		r, LEVEL_WARNING, "druntime",
		"close it on the thread that has opened it, and let go of its objects",
		"objects of its classes, threads in it and the thread that has opened it hold "
		"an old generation");
	return format("D over %s", first != NULL ? first : "a druntime that was not found");
}
