/* Whether a program can be a host here, and the environment that makes it one. */
#include "tool/live/launch.h"
#include "tool/inspect/hazards.h"
#include "tool/inspect/inspect.h"
#include "tool/base/error.h"
#include "tool/base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OLDEST_GLIBC  34  /* 2.x; as in api/callbacks.c */
#define NEWEST_GLIBC  41  /* that has been tried */
#define SCRIPTS_MAX   4   /* interpreters that are scripts themselves */
#define GO_RUNTIME_MB 900 /* of address space, beside the program; as in gort.c */
#define TLS_TUNABLE   "glibc.rtld.optional_static_tls="
#define LOOKED_AT_MAX 16 /* files of a glob */

char *find_program(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/') != NULL)
		return file_exists(name) ? copy_text(name) : NULL;
	for (path = path != NULL ? path : "/bin:/usr/bin"; *name != '\0';) {
		size_t n = strcspn(path, ":");
		char *file = format("%.*s/%s", n > 0 ? (int)n : 1, n > 0 ? path : ".", name);
		struct stat st;

		if (access(file, X_OK) == 0 && stat(file, &st) == 0 && S_ISREG(st.st_mode))
			return file;
		free(file);
		if (path[n] == '\0')
			break;
		path += n + 1;
	}
	return NULL;
}

/* The interpreter of "#!...", NULL where the file is not a script. */
static char *interpreter_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char line[PATH_MAX] = "", *s;
	ssize_t n = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (n < 3 || line[0] != '#' || line[1] != '!')
		return NULL;
	s = line + 2 + strspn(line + 2, " \t");
	s[strcspn(s, " \t\n")] = '\0';
	return *s != '\0' ? copy_text(s) : NULL;
}

/* The findings that stop it, and those that are worth a line. */
static int tell_findings(const char *path, const struct report *r)
{
	int status = STATUS_OK;

	for (size_t i = 0; i < r->n; i++) {
		const struct finding *f = &r->finding[i];

		if (f->level == LEVEL_REFUSED)
			status = 126;
		else if (strcmp(f->id, "own-runtime") != 0 && strcmp(f->id, "secure") != 0)
			continue;
		tool_error("%s: %s%s%s", path, f->text, f->cure != NULL ? ": " : "",
			   f->cure != NULL ? f->cure : "");
	}
	return status;
}

/* The files that the globs name already, seen with this host's eyes. */
static void look_at_guests(struct inspector *in, const struct list *globs)
{
	unsigned n = 0;
	glob_t found;

	for (size_t i = 0; i < globs->n; i++) {
		if (strchr(globs->item[i], '/') == NULL ||
		    glob(globs->item[i], 0, NULL, &found) != 0)
			continue;
		for (size_t k = 0; k < found.gl_pathc && n < LOOKED_AT_MAX; k++) {
			struct report r;

			if (!object_is_elf(found.gl_pathv[k]))
				continue;
			n++;
			inspect_file(in, found.gl_pathv[k], &r);
			tell_findings(r.path, &r);
			report_free(&r);
		}
		globfree(&found);
	}
}

static int check_glibc(void)
{
	const char *version = gnu_get_libc_version();
	int minor = 0;

	if (sscanf(version, "2.%d", &minor) != 1 || minor < OLDEST_GLIBC) {
		tool_error("glibc %s: too old: use 2.%d or later", version, OLDEST_GLIBC);
		return 126;
	}
	if (minor > NEWEST_GLIBC)
		tool_error(
			"glibc %s: not tried, only 2.%d to 2.%d have been: the module checks "
			"it, and turns reloading off if it does not fit",
			version, OLDEST_GLIBC, NEWEST_GLIBC);
	return STATUS_OK;
}

static int check_image(struct tool *t, struct host_options *o, const char *path)
{
	struct inspector in = { .files = true };
	struct report r;
	int status = STATUS_OK;

	if (tool_open_cache(t) == STATUS_OK)
		in.cache = t->cache;
	inspect_file(&in, path, &r);
	/* What is no image at all is for exec to refuse. */
	if (r.readable)
		status = tell_findings(path, &r);
	if (status == STATUS_OK && getxattr(path, "security.capability", NULL, 0) > 0)
		tool_error("%s: it has file capabilities, so goaudit's variables are ignored: "
			   "run it without them",
			   path);
	if (status == STATUS_OK && r.readable && o->globs.n > 0 &&
	    inspector_set_host(&in, path) == STATUS_OK)
		look_at_guests(&in, &o->globs);
	if (status == STATUS_OK && r.readable)
		o->tls = inspect_tls(&in, path, getenv("LD_PRELOAD"));
	report_free(&r);
	inspector_free(&in);
	return status;
}

/* A limit is the user's wish, but what comes of it is not obvious. */
static void tell_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	    limit.rlim_cur < (rlim_t)GO_RUNTIME_MB << 20)
		tool_error("address space is limited to %llu MB: the Go runtime wants %d, so "
			   "Go guests are refused: raise it with ulimit -v",
			   (unsigned long long)limit.rlim_cur >> 20, GO_RUNTIME_MB);
}

int host_check(struct tool *t, struct host_options *o, const char *name, char **path)
{
	char *image, *next;
	int status;

	if (t->module == NULL) {
		tool_error(
			"libgoaudit.so: not found beside goaudit: install it with make install");
		return 126;
	}
	*path = find_program(name);
	if (*path == NULL) {
		tool_error("%s: no such program: give its path", name);
		return 127;
	}
	image = copy_text(*path);
	for (int i = 0; i < SCRIPTS_MAX && (next = interpreter_of(image)) != NULL; i++) {
		free(image);
		image = next;
	}
	status = check_glibc();
	if (status == STATUS_OK)
		status = check_image(t, o, image);
	if (status == STATUS_OK)
		tell_limits();
	free(image);
	return status;
}

/* NAME becomes OURS, or OURS:what it was. */
static void prepend(const char *name, const char *ours)
{
	const char *old = getenv(name);
	char *both = old != NULL && *old != '\0' ? format("%s:%s", ours, old) : copy_text(ours);

	setenv(name, both, 1);
	free(both);
}

/* Room for the TLS of the program's libraries, beside what glibc keeps by default; other
 * tunables, and a larger value, stay. */
static void make_room_for_tls(uint64_t size)
{
	const char *old = getenv("GLIBC_TUNABLES");
	char *text = copy_text(""), *longer;

	for (size_t n; old != NULL && *old != '\0'; old += n + (old[n] == ':')) {
		n = strcspn(old, ":");
		if (strncmp(old, TLS_TUNABLE, strlen(TLS_TUNABLE)) == 0 &&
		    strtoull(old + strlen(TLS_TUNABLE), NULL, 0) >= size) {
			free(text);
			return;
		}
		if (n == 0 || strncmp(old, TLS_TUNABLE, strlen(TLS_TUNABLE)) == 0)
			continue;
		longer = format("%s%.*s:", text, (int)n, old);
		free(text);
		text = longer;
	}
	longer = format("%s" TLS_TUNABLE "%llu", text, (unsigned long long)size);
	setenv("GLIBC_TUNABLES", longer, 1);
	free(longer);
	free(text);
}

int host_environment(struct tool *t, const struct host_options *o)
{
	const char *old = getenv("LD_AUDIT");

	/* A colon ends a name in LD_AUDIT, and ld.so knows no way to write one. */
	if (strchr(t->module, ':') != NULL)
		return tool_error("%s: LD_AUDIT cannot name a path with a colon: install it "
				  "elsewhere",
				  t->module);
	if (old == NULL || strstr(old, "libgoaudit.so") == NULL)
		prepend("LD_AUDIT", t->module);
	for (size_t i = o->globs.n; i > 0; i--)
		prepend("GOAUDIT_RELOADABLE", o->globs.item[i - 1]);
	if (o->log != NULL)
		setenv("GOAUDIT_LOG", o->log, 1);
	setenv("GOAUDIT_CONTROL", "1", 0);
	if (o->here_only)
		setenv("GOAUDIT_HERE_ONLY", "1", 1);
	if (o->tls > INSPECT_TLS_SMALL)
		make_room_for_tls(o->tls + INSPECT_TLS_SMALL);
	return STATUS_OK;
}

/* The module takes a name with a slash for a file. */
const char *host_log(const char *file)
{
	return file == NULL ? "1" : strchr(file, '/') != NULL ? file : format("./%s", file);
}
