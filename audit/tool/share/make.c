#include "tool/share/make.h"
#include "core/path.h"
#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/share/library.h"
#include "tool/share/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS 2000 /* of the linker's, where it fails */

int make_config(const struct link *l, const char *path, bool library)
{
	struct text out = { 0 };
	int status = STATUS_OK;

	for (size_t i = 0; i < l->lines.n; i++) {
		if (library && strncmp(l->lines.item[i], "modinfo ", 8) == 0)
			continue;
		text_puts(&out, l->lines.item[i]);
		text_puts(&out, "\n");
	}
	for (size_t i = 0; i < l->n; i++) {
		const struct package *p = &l->package[i];
		char *line = NULL;

		if (p->shared && p->in != NULL)
			line = format("packageshlib %s=%s\n", p->path, p->in->file);
		if (line != NULL)
			text_puts(&out, line);
		free(line);
	}
	if (write_file(path, out.s, out.n, 0666) != 0)
		status = tool_error("%s: %m: is the disk full?", path);
	free(out.s);
	return status;
}

/* Waits for the linker; on a terminal with a line that says how it goes. */
static int watch(pid_t pid, size_t packages)
{
	const struct timespec tick = { .tv_nsec = 250000000 };
	time_t start = time(NULL);
	siginfo_t info = { 0 };
	bool tty = tell_on_terminal();

	tell("goaudit: linking %zu packages into a library, once for these versions\n",
	     packages);
	while (tty && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0) {
		tell_progress("linking %zu packages into a library: %ld s", packages,
			      (long)(time(NULL) - start));
		nanosleep(&tick, NULL);
	}
	tell_progress("%s", "");
	return child_wait(pid);
}

/* --- linking ----------------------------------------------------------------------- */

static const char *value_of(char *const *argv, const char *flag)
{
	size_t n = strlen(flag);

	for (; *argv != NULL; argv++)
		if (strncmp(*argv, flag, n) == 0 && (*argv)[n] == '=')
			return *argv + n + 1;
		else if (strcmp(*argv, flag) == 0)
			return argv[1];
	return NULL;
}

static void add_flag(struct list *to, char *const *from, const char *flag)
{
	const char *value = value_of(from, flag);

	if (value != NULL)
		list_add(to, format("%s=%s", flag, value));
}

/* The list as an object for the C compiler's part of the link: the text goaudit_packages,
 * which the audit module reads.  False: it does not compile. */
static bool make_object(const char *dir, const char *list, char *const *from)
{
	const char *cc = value_of(from, "-extld");
	char *command = format("exec %s -c -fPIC -o list.o list.c", cc != NULL ? cc : "cc");
	char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", command, NULL };
	struct child c = { .argv = argv, .dir = dir, .out = -1 };
	char *path = format("%s/list.c", dir);
	struct text out = { 0 };
	bool good;
	pid_t pid;

	text_puts(&out, "const char goaudit_packages[] =\n\t\"");
	for (; *list != '\0'; list++) {
		if (*list == '\\' || *list == '"' || *list == '?')
			text_add(&out, "\\", 1);
		if (*list == '\n')
			text_puts(&out, "\\n\"\n\t\"");
		else
			text_add(&out, list, 1);
	}
	text_puts(&out, "\";\n");
	good = write_file(path, out.s, out.n, 0666) == 0;
	pid = good ? child_start(&c) : -1;
	good = pid > 0 && child_wait(pid) == 0;
	free(out.s);
	free(path);
	free(command);
	return good;
}

/* Values for variables of the library's packages; the linker passes over others. */
static void add_values(struct list *to, char *const *from)
{
	for (; *from != NULL; from++) {
		if (strcmp(*from, "-X") == 0 && from[1] != NULL)
			list_add(to, format("-X=%s", from[1]));
		else if (strncmp(*from, "-X=", 3) == 0)
			list_add(to, copy_text(*from));
	}
}

static void make_argv(const struct link *l, const char *folder, const char *out,
		      const char *config, char *const *from, struct list *argv)
{
	const char *linker = getenv("GOAUDIT_LINK"), *name = path_base(out);
	const char *runtime = value_of(from, "-r");
	bool debug = linker != NULL && *linker != '\0';

	list_add(argv, copy_text(debug ? linker : from[0]));
	list_add(argv, format("-o=%s", out));
	list_add(argv, format("-importcfg=%s", config));
	list_add(argv, copy_text("-installsuffix=dynlink"));
	list_add(argv, copy_text("-buildmode=shared"));
	list_add(argv, copy_text("-linkshared"));
	list_add(argv, copy_text(debug ? "-w=0" : "-w"));
	list_add(argv, copy_text("-compressdwarf=false"));
	list_add(argv, format("-L=%s", l->standard));
	list_add(argv, format("-r=%s:%s", runtime != NULL ? runtime : "", folder));
	add_flag(argv, from, "-extld");
	add_values(argv, from);
	list_add(argv, format("-extldflags=-Wl,-Bno-symbolic -Wl,-soname,%s '%.*s/list.o'",
			      name, (int)(name - out - 1), out));
	for (size_t i = 0; i < l->n; i++)
		if (l->package[i].shared && l->package[i].in == NULL)
			list_add(argv, format("%s=%s", l->package[i].path, l->package[i].file));
}

static char *words_of(int fd)
{
	char *s = allocate(WORDS + 1);
	ssize_t n = pread(fd, s, WORDS, 0);

	s[n > 0 ? n : 0] = '\0';
	return s;
}

static int run(const struct list *argv, char **why)
{
	struct child c = { .argv = argv->item, .out = -1 };
	size_t packages = 0;
	int status;
	pid_t pid;

	for (size_t i = 0; i < argv->n; i++)
		packages += argv->item[i][0] != '-' && i > 0;
	c.out = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (c.out < 0) {
		FILE *f = tmpfile();

		c.out = f != NULL ? dup(fileno(f)) : -1;
		if (f != NULL)
			fclose(f);
	}
	pid = child_start(&c);
	status = pid < 0 ? tool_error("%s: %m", argv->item[0]) : watch(pid, packages);
	if (status != STATUS_OK && c.out >= 0)
		*why = words_of(c.out);
	if (c.out >= 0)
		close(c.out);
	return status != STATUS_OK ? STATUS_FAILED : STATUS_OK;
}

/* The library is there with its list, or not at all: the list comes last. */
static int place(const char *made, const char *list, const char *file)
{
	char *to = format("%.*slist", (int)strlen(file) - 2, file);
	int fd = open(made, O_RDONLY | O_CLOEXEC), status = STATUS_OK;

	if (fd < 0 || fsync(fd) != 0 || chmod(made, 0444) != 0 || rename(made, file) != 0 ||
	    rename(list, to) != 0)
		status = tool_error("%s: %m: make the cache folder writable", file);
	if (fd >= 0)
		close(fd);
	free(to);
	return status;
}

int make_library(const struct link *l, const char *folder, const char *key, const char *list,
		 char *const *argv, char **why)
{
	char *dir = format("%s/tmp.%ld", folder, (long)getpid());
	char *out = format("%s/libgo-%s.so", dir, key),
	     *file = format("%s/libgo-%s.so", folder, key);
	char *text = format("%s/list", dir), *config = format("%s/importcfg", dir);
	struct list args = { 0 };
	int status = STATUS_OK;

	*why = NULL;
	remove_tree(dir);
	if (make_dirs(dir) != 0 || mark_folder(dir) != 0 ||
	    write_file(text, list, strlen(list), 0444) != 0)
		status = tool_error("%s: %m: make the cache folder writable", dir);
	if (status == STATUS_OK)
		status = make_config(l, config, true);
	if (status == STATUS_OK && !make_object(dir, list, argv))
		status = tool_error(
			"%s/list.c: the C compiler does not take it: see CC in go env", dir);
	if (status == STATUS_OK) {
		make_argv(l, folder, out, config, argv, &args);
		status = run(&args, why);
	}
	if (status == STATUS_OK)
		status = place(out, text, file);
	remove_tree(dir);
	list_free(&args);
	free(dir);
	free(out);
	free(file);
	free(text);
	free(config);
	return status;
}
