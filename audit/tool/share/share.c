#include "tool/share/share.h"
#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/hash.h"
#include "tool/share/library.h"
#include "tool/share/make.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define DEFAULT  "none"
#define PROGRAMS "of/programs"

/* --- goaudit build's part ---------------------------------------------------------- */

/* What two builds have in common that are to share: their workspace, or module. */
static char *workspace(void)
{
	const char *work = getenv("GOWORK");
	char *folder = NULL;

	if (work != NULL && work[0] == '/')
		return copy_text(work);
	if (work == NULL || strcmp(work, "off") != 0)
		folder = folder_with(".", "go.work");
	if (folder == NULL)
		folder = folder_with(".", "go.mod");
	return folder != NULL ? folder : getcwd(NULL, 0);
}

/* The import paths that a pattern of folders stands for, with commas. */
static char *resolve(const struct tool *t, const struct list *flags, const char *pattern)
{
	struct list argv = { 0 };
	char *out, *s;

	list_add(&argv, copy_text(t->go));
	list_add(&argv, copy_text("list"));
	for (size_t i = 0; i < flags->n; i++)
		list_add(&argv, copy_text(flags->item[i]));
	list_add(&argv, copy_text(pattern));
	out = child_output(argv.item);
	list_free(&argv);
	for (s = out; s != NULL && *s != '\0'; s++)
		if (*s == '\n')
			*s = s[1] != '\0' ? ',' : '\0';
	if (out != NULL && *out != '\0')
		return out;
	free(out);
	tool_error("-share %s: no package: name one as for go list, or deps, or none", pattern);
	return NULL;
}

/* Adds what a pattern is without folders.  False, after a message: it is none. */
static bool add_pattern(const struct tool *t, const struct list *flags, const char *pattern,
			struct text *out)
{
	const char *minus = pattern[0] == '-' ? "-" : "", *name = pattern + strlen(minus);
	char *paths, *rest, *path;

	if (*name == '\0' || strcmp(pattern, "none") == 0)
		return true;
	paths = *name == '.' || *name == '/' ? resolve(t, flags, name) : copy_text(name);
	for (rest = paths; rest != NULL && (path = strsep(&rest, ",")) != NULL;) {
		text_puts(out, out->n > 0 ? "," : "");
		text_puts(out, minus);
		text_puts(out, path);
	}
	free(paths);
	return paths != NULL;
}

/* All patterns without folders; NULL, after a message, where one is none.  "" for none. */
static char *resolve_all(const struct tool *t, const struct list *flags, const char *patterns)
{
	char *text = copy_text(patterns), *rest = text, *pattern;
	struct text out = { 0 };
	bool good = true;

	text_add(&out, "", 0);
	while (good && (pattern = strsep(&rest, ",")) != NULL)
		good = add_pattern(t, flags, pattern, &out);
	free(text);
	if (good)
		return out.s;
	free(out.s);
	return NULL;
}

static int add_places(const struct runtime *rt, struct list *env)
{
	char *folder = format("%s/packages", rt->dir), *of = format("%s/of", folder);
	char *root = workspace();
	struct hash h = { .h = 1 };
	int status = STATUS_OK;

	hash_text(&h, root != NULL ? root : "");
	if (make_dirs(of) != 0)
		status = tool_error("%s: %m: make the cache folder writable", of);
	list_add(env, format("GOAUDIT_PACKAGES=%s", folder));
	list_add(env,
		 format("GOAUDIT_SHARE_ORDER=%s/%016llx", of, (unsigned long long)(h.h >> 40)));
	free(folder);
	free(of);
	free(root);
	return status;
}

/* Once: go, and what it runs, inherit the descriptor, and each build of this process. */
static void add_teller(const struct tool *t, struct list *env)
{
	static int fd = -1;

	if (fd < 0)
		fd = fcntl(STDERR_FILENO, F_DUPFD, 3);
	if (fd >= 0)
		list_add(env, format("GOAUDIT_TELL=%d %s", fd, t->tty ? "tty" : "pipe"));
}

int share_prepare(const struct tool *t, const struct runtime *rt, const char *asked,
		  const struct list *flags, struct list *env)
{
	int status = STATUS_OK;
	char *patterns;

	add_teller(t, env);
	if (asked == NULL)
		asked = getenv("GOAUDIT_SHARE");
	patterns = resolve_all(t, flags, asked != NULL ? asked : DEFAULT);
	if (patterns == NULL) {
		status = STATUS_USAGE;
	} else if (*patterns != '\0') {
		list_add(env, format("GOAUDIT_SHARE=%s", patterns));
		list_add(env, format("GOAUDIT_SHARE_ASKED=%s", asked != NULL ? "yes" : "no"));
		status = add_places(rt, env);
	} else {
		list_add(env, copy_text("GOAUDIT_SHARE=")); /* of toolexec's, not the user's */
	}
	free(patterns);
	return status;
}

/* --- toolexec's part --------------------------------------------------------------- */

static bool shares(void)
{
	const char *patterns = getenv("GOAUDIT_SHARE"), *folder = getenv("GOAUDIT_PACKAGES");

	return patterns != NULL && *patterns != '\0' && folder != NULL &&
	       getenv("GOAUDIT_SHARE_ORDER") != NULL;
}

static void hash_file(struct hash *h, const char *file)
{
	char *text;
	size_t n;

	if (read_file(file, &text, &n) != 0)
		return;
	hash_text(h, text);
	free(text);
}

char *share_identity(void)
{
	struct hash h = { .h = 1 };
	char *programs;

	if (!shares())
		return copy_text("");
	programs = format("%s/" PROGRAMS, getenv("GOAUDIT_PACKAGES"));
	hash_text(&h, getenv("GOAUDIT_SHARE"));
	hash_file(&h, getenv("GOAUDIT_SHARE_ORDER"));
	hash_file(&h, programs);
	free(programs);
	return format("-share-%016llx", (unsigned long long)(h.h >> 40));
}

static int lock_folder(const char *folder)
{
	char *path = format("%s/.lock", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	while (fd >= 0 && flock(fd, LOCK_EX) != 0)
		if (errno != EINTR) {
			close(fd);
			fd = -1;
		}
	if (fd < 0)
		tool_error("%s: %m: make the cache folder writable", path);
	free(path);
	return fd;
}

/* What is linked over libraries finds them, and they the runtime library. */
static char **add_folders(char **argv, const struct link *l, const char *folder)
{
	struct list more = { 0 };

	list_add(&more, argv[0]);
	list_add(&more, format("-L=%s", l->standard));
	while (*++argv != NULL)
		list_add(&more, strncmp(*argv, "-r=", 3) == 0 ? format("%s:%s", *argv, folder) :
								*argv);
	return more.item;
}

static void refuse(const struct link *l, const char *why, bool asked)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->package[i].shared && l->package[i].in == NULL;
	if (asked)
		tool_error("%zu packages do not link into a library: %s\n"
			   "goaudit: build with -share none, or other packages",
			   n, why);
	else
		tool_error(
			"warning: %zu packages do not link into a library, and become part of "
			"what is built: %.*s",
			n, (int)strcspn(why, "\n"), why);
}

/* The new library, and all others; NULL: there is none. */
static int make(struct link *l, struct library *all, const char *folder, char *const *argv,
		struct library **made)
{
	const char *asked = getenv("GOAUDIT_SHARE_ASKED");
	char *key, *list = library_list(all, l, &key), *why = NULL;
	int status = make_library(l, folder, key, list, argv, &why);

	if (status == STATUS_OK) {
		*made = allocate(sizeof **made);
		**made = (struct library){ .key = key, .text = list };
		(*made)->file = format("%s/libgo-%s.so", folder, key);
		for (size_t i = 0; i < l->n; i++)
			if (l->package[i].shared && l->package[i].in == NULL)
				l->package[i].in = *made;
		return STATUS_OK;
	}
	if (why != NULL) {
		bool must = asked != NULL && strcmp(asked, "yes") == 0;

		refuse(l, why, must);
		status = must ? STATUS_FAILED : STATUS_OK;
	}
	free(why);
	free(key);
	free(list);
	return status;
}

static int use(struct link *l, const char *folder, const char *order, char ***argv)
{
	const char *kind = getenv("GOAUDIT_KIND");
	bool program = kind != NULL && strcmp(kind, "exe") == 0;
	char *programs = format("%s/" PROGRAMS, folder);
	struct library *all = library_read(folder, order, programs, program), *made = NULL;
	const char *key;
	int status = STATUS_OK;

	if (library_choose(all, l) > 0)
		status = make(l, all, folder, *argv, &made);
	key = made != NULL ? made->key : NULL;
	library_sweep(all);
	if (status == STATUS_OK)
		status = library_keep_order(all, key, order);
	if (status == STATUS_OK && program)
		status = library_keep_order(all, key, programs);
	if (status == STATUS_OK)
		status = make_config(l, l->config, false);
	if (status == STATUS_OK)
		*argv = add_folders(*argv, l, folder);
	library_free(made);
	library_free(all);
	free(programs);
	return status;
}

int share_link(char ***argv)
{
	const char *folder = getenv("GOAUDIT_PACKAGES");
	struct link l;
	int status, lock;

	if (!shares())
		return STATUS_OK;
	status = link_read(&l, *argv);
	if (status == STATUS_OK) {
		link_mark(&l, getenv("GOAUDIT_SHARE"));
		lock = lock_folder(folder);
		status = lock < 0 ? STATUS_FAILED :
				    use(&l, folder, getenv("GOAUDIT_SHARE_ORDER"), argv);
		if (lock >= 0)
			close(lock);
	}
	link_free(&l);
	return status;
}
