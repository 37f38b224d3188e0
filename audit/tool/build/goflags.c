/* Sorting go build's flags, and joining -ldflags.
 *
 * Flags are written -name value, -name=value or with two dashes; those of the
 * boolean kind take a value only after "=".  -ldflags is [PATTERN=]FLAGS;
 * FLAGS is split at blanks, and a field that begins with a quote ends at the
 * next such quote (there is no escaping).  -extldflags is among them and is
 * itself such a list; the last one counts, so the user's and ours must be
 * one. */
#include "tool/build/goflags.h"
#include "tool/base/error.h"

#include <stdlib.h>
#include <string.h>

#define EXT_FLAGS "-Wl,-Bno-symbolic"

enum flag_kind {
	PASS, /* with its value */
	OUTPUT,
	DIRECTORY,
	LDFLAGS,
	OTHER_STD, /* pass; see struct goflags */
	OTHER_STD_BOOL,
	DRY,
	EXE,
	SHARE,
	BUILDMODE,
	DROP, /* ours already */
	REFUSE,
	REFUSE_BOOL,
};

static const struct flag {
	const char *name;
	enum flag_kind kind;
	const char *why;
} flag_table[] = {
	/* Every flag that takes a value has to be here: it tells values from
	 * packages. */
	{ "o", OUTPUT, NULL },
	{ "C", DIRECTORY, NULL },
	{ "ldflags", LDFLAGS, NULL },
	{ "p", PASS, NULL },
	{ "covermode", PASS, NULL },
	{ "coverpkg", PASS, NULL },
	{ "gccgoflags", PASS, NULL },
	{ "installsuffix", PASS, NULL },
	{ "mod", PASS, NULL },
	{ "modfile", PASS, NULL },
	{ "pgo", PASS, NULL },
	{ "tags", PASS, NULL },
	{ "asmflags", OTHER_STD, NULL },
	{ "gcflags", OTHER_STD, NULL },
	{ "trimpath", OTHER_STD_BOOL, NULL },
	{ "asan", OTHER_STD_BOOL, NULL },
	{ "n", DRY, NULL },
	{ "exe", EXE, NULL },
	{ "share", SHARE, NULL },
	{ "buildmode", BUILDMODE, "a guest is always built as c-shared: leave it out" },
	{ "linkshared", DROP, NULL },
	{ "race", REFUSE_BOOL,
	  "the race detector has to be in the runtime library and in the process from "
	  "its start: test the package with go test -race instead" },
	{ "msan", REFUSE_BOOL,
	  "the memory sanitizer has to be in the whole process: use -asan" },
	{ "overlay", REFUSE,
	  "the runtime library has an overlay, there can be only one: "
	  "change the sources themselves" },
	{ "pkgdir", REFUSE, "it is where the runtime library's packages are: leave it out" },
	{ "toolexec", REFUSE, "goaudit needs it to keep the runtime library: leave it out" },
	{ "compiler", REFUSE, "guests are built with gc: leave it out" },
};

static const struct flag *find_flag(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof flag_table / sizeof *flag_table; i++)
		if (strlen(flag_table[i].name) == len &&
		    strncmp(flag_table[i].name, name, len) == 0)
			return &flag_table[i];
	return NULL;
}

static bool takes_value(const struct flag *f)
{
	return f != NULL && f->kind != OTHER_STD_BOOL && f->kind != DRY && f->kind != EXE &&
	       f->kind != REFUSE_BOOL && f->kind != DROP;
}

static void set_text(char **to, const char *s)
{
	free(*to);
	*to = copy_text(s);
}

/* One flag; value is NULL where it has none. */
static int take_flag(struct goflags *g, const struct flag *f, const char *raw,
		     const char *value)
{
	bool off = value != NULL && !takes_value(f) &&
		   (strcmp(value, "false") == 0 || strcmp(value, "0") == 0);

	switch (f != NULL ? f->kind : PASS) {
	case OUTPUT: set_text(&g->output, value); return STATUS_OK;
	case DIRECTORY: set_text(&g->dir, value); return STATUS_OK;
	case LDFLAGS: list_add(&g->ldflags, copy_text(value)); return STATUS_OK;
	case EXE: g->exe = !off; return STATUS_OK;
	case SHARE: set_text(&g->share, value); return STATUS_OK;
	case BUILDMODE:
		return strcmp(value, "c-shared") == 0 ?
			       STATUS_OK :
			       tool_error("-buildmode=%s: %s", value, f->why);
	case REFUSE_BOOL:
	case REFUSE: return off ? STATUS_OK : tool_error("-%s: %s", f->name, f->why);
	case DROP: return STATUS_OK;
	case OTHER_STD:
	case OTHER_STD_BOOL: g->other_std = g->other_std || !off; break;
	case DRY: g->dry = !off; break;
	case PASS: break;
	}
	list_add(&g->flags, value == NULL || strchr(raw, '=') != NULL ?
				    copy_text(raw) :
				    format("%s=%s", raw, value));
	return STATUS_OK;
}

/* Takes argv[0], and argv[1] if it is its value; *used says how many. */
static int take_arg(struct goflags *g, char **argv, int *used)
{
	const char *raw = argv[0], *name = raw + (raw[1] == '-' ? 2 : 1);
	size_t len = strcspn(name, "=");
	const struct flag *f = find_flag(name, len);
	const char *value = name[len] == '=' ? name + len + 1 : NULL;

	*used = 1;
	if (value == NULL && takes_value(f)) {
		value = argv[1];
		*used = 2;
		if (value == NULL) {
			tool_error("%s: needs a value: see go help build", raw);
			return STATUS_USAGE;
		}
	}
	return take_flag(g, f, raw, value);
}

/* The next field of *s, NULL at the end; *bad where a quote does not end. */
static char *next_field(const char **s, bool *bad)
{
	const char *p = *s + strspn(*s, " \t\n\r"), *end;
	char *field;

	*s = p;
	if (*p == '\0')
		return NULL;
	if (*p == '\'' || *p == '"') {
		end = strchr(p + 1, *p);
		if (end == NULL) {
			*bad = true;
			return NULL;
		}
		field = format("%.*s", (int)(end - p - 1), p + 1);
		*s = end + 1;
	} else {
		end = p + strcspn(p, " \t\n\r");
		field = format("%.*s", (int)(end - p), p);
		*s = end;
	}
	return field;
}

/* GOFLAGS is a list of -name=value, with quotes as in -ldflags.  The go
 * command reads it too: only what goaudit has to know is taken from it. */
static int take_env(struct goflags *g, const char *env)
{
	struct goflags seen = { 0 };
	int status = STATUS_OK, used;
	bool bad = false;
	char *field;

	while (status == STATUS_OK && (field = next_field(&env, &bad)) != NULL) {
		char *argv[] = { field, NULL };

		if (field[0] == '-' && field[1] != '\0')
			status = take_arg(&seen, argv, &used);
		free(field);
	}
	g->other_std = seen.other_std;
	g->dry = seen.dry;
	for (size_t i = 0; i < seen.ldflags.n; i++)
		list_add(&g->ldflags, copy_text(seen.ldflags.item[i]));
	goflags_free(&seen);
	return status;
}

int goflags_parse(struct goflags *g, const char *env, char **argv)
{
	int status = take_env(g, env), used;

	while (status == STATUS_OK && *argv != NULL && (*argv)[0] == '-' &&
	       (*argv)[1] != '\0') {
		status = take_arg(g, argv, &used);
		argv += used;
	}
	for (; status == STATUS_OK && *argv != NULL; argv++)
		list_add(&g->packages, copy_text(*argv));
	return status;
}

void goflags_free(struct goflags *g)
{
	list_free(&g->flags);
	list_free(&g->packages);
	list_free(&g->ldflags);
	free(g->output);
	free(g->dir);
	free(g->share);
	*g = (struct goflags){ 0 };
}

/* Appends a field, in quotes where it needs them; false if it has both. */
static bool put_field(struct text *out, const char *field)
{
	const char *quote = "";

	if (strpbrk(field, " \t\n\r'\"") != NULL || *field == '\0')
		quote = strchr(field, '\'') == NULL ? "'" : "\"";
	if (*quote != '\0' && strchr(field, *quote) != NULL)
		return false;
	if (out->n > 0)
		text_puts(out, " ");
	text_puts(out, quote);
	text_puts(out, field);
	text_puts(out, quote);
	return true;
}

/* The value where field is -extldflags, *next where the value is apart. */
static const char *ext_value(const char *field, bool *next)
{
	const char *name = field + (field[0] == '-') + (field[0] == '-' && field[1] == '-');

	*next = name != field && strcmp(name, "extldflags") == 0;
	return name != field && strncmp(name, "extldflags=", 11) == 0 ? name + 11 : NULL;
}

/* Where FLAGS begins in [PATTERN=]FLAGS: by go's rule a pattern is whatever
 * does not begin with a dash. */
static size_t pattern_length(const char *s)
{
	const char *eq = strchr(s, '=');

	return s[0] == '-' || s[0] == '\'' || s[0] == '"' || eq == NULL ? 0 :
									  (size_t)(eq - s) + 1;
}

static bool is_strip(const char *field)
{
	size_t dashes = strspn(field, "-");

	return (dashes == 1 || dashes == 2) && (field[dashes] == 's' || field[dashes] == 'w') &&
	       (field[dashes + 1] == '\0' || field[dashes + 1] == '=');
}

/* Arguments for the C compiler, after a blank; "" where the folder's name has a quote. */
static char *program_flags(const char *folder)
{
	if (folder == NULL || strpbrk(folder, "\"',") != NULL)
		return copy_text("");
	return format(" \"%s/exe.o\" \"-Wl,--dynamic-list=%s/exe.list\"", folder, folder);
}

char *goflags_link(const char *user, const char *dir, const char *program, bool debug)
{
	size_t pattern = pattern_length(user);
	const char *s = user + pattern;
	char *field, *ext = copy_text(""), *mine, *more = program_flags(program);
	struct text out = { 0 };
	bool bad = false, next = false;

	mine = format("-r=%s", dir);
	bad = !put_field(&out, mine);
	free(mine);
	while (!bad && (field = next_field(&s, &bad)) != NULL) {
		const char *v = next ? field : ext_value(field, &next);

		if (v != NULL) {
			set_text(&ext, v);
			next = false;
		} else if (!next) {
			debug = debug && !is_strip(field);
			bad = !put_field(&out, field);
		}
		free(field);
	}
	mine = format("-extldflags=" EXT_FLAGS "%s%s%s", more, *ext != '\0' ? " " : "", ext);
	free(more);
	bad = bad || !put_field(&out, mine) ||
	      (debug && (!put_field(&out, "-w=0") || !put_field(&out, "-compressdwarf=false")));
	free(mine);
	free(ext);
	mine = bad ? NULL : format("%.*s%s", (int)pattern, user, out.s);
	if (bad)
		tool_error("-ldflags=%s: quotes that do not match: see go help build", user);
	free(out.s);
	return mine;
}
