/* goaudit toolexec: stands between go build and the tools it runs, for
 * goaudit build.
 *
 * go build -linkshared links libstd.so again before each guest.  That link is
 * answered here with the library that is there.  And since the guest will run
 * over that library, no package of std may be compiled from other sources or
 * flags than it was; the environment variables tell:
 *
 *	GOAUDIT_KIND		"guest": what go takes for a program is linked as a
 *				shared library; "exe"; not set: the runtime library
 *	GOAUDIT_HEADERS		the folder for guests' headers
 *	GOAUDIT_LIBSTD		the library to answer with
 *	GOAUDIT_STD		"keep": refuse to compile packages of std
 *	GOAUDIT_LINK		the linker to use in place of the toolchain's, which
 *				has a try where this one fails; empty: none
 *	GOAUDIT_STUB		a library of the same soname without symbols, for the
 *				C compiler's part of a guest's link, which else takes
 *				a third of a second to read those of libstd.so
 *	GOAUDIT_LINK_ID		its identity: go takes what was linked by another
 *				one for something else */
#include "tool/tool.h"
#include "tool/build/header.h"
#include "tool/share/share.h"
#include "tool/share/tell.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool has_arg(char *const *argv, const char *arg)
{
	for (; *argv != NULL; argv++)
		if (strcmp(*argv, arg) == 0)
			return true;
	return false;
}

static const char *value_of(char *const *argv, const char *flag)
{
	for (; *argv != NULL; argv++)
		if (strcmp(*argv, flag) == 0)
			return argv[1];
	return NULL;
}

static const char *last_arg(char *const *argv)
{
	while (argv[1] != NULL)
		argv++;
	return *argv;
}

/* The answer is a hard link where possible: 57 MB need no copying. */
static int answer_link(char *const *argv)
{
	const char *lib = getenv("GOAUDIT_LIBSTD"), *out = value_of(argv, "-o");

	if (out == NULL)
		return tool_error("toolexec: link without -o: run goaudit build");
	unlink(out);
	if (link(lib, out) != 0 && copy_file(lib, out) != 0)
		return tool_error("%s: %s: see TMPDIR", out, strerror(errno));
	return STATUS_OK;
}

/* What go takes for the linker's identity: the whole line. */
static int print_identity(const char *tool)
{
	const char *id = getenv("GOAUDIT_LINK_ID");
	char *argv[] = { (char *)(uintptr_t)tool, "-V=full", NULL };
	char *line = child_output(argv), *shared;

	if (line == NULL)
		return tool_error("%s -V=full: does not run", tool);
	shared = share_identity();
	line[strcspn(line, "\n")] = '\0';
	/* A development version's line ends in its build ID, which counts alone. */
	if (strstr(line, " buildID=") != NULL)
		printf("%s/%s%s\n", line, id != NULL ? id : "", shared);
	else
		printf("%s goaudit=%s%s\n", line, id != NULL ? id : "", shared);
	free(shared);
	free(line);
	return STATUS_OK;
}

static void pass_on(int fd)
{
	char buf[4096];
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, buf, sizeof buf)) > 0)
		fwrite(buf, 1, (size_t)n, stderr);
}

static void first_line(int fd, char *line, size_t size)
{
	ssize_t n = pread(fd, line, size - 1, 0);

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

/* In place of -w=0 of goaudit build. */
static void drop_debug(char **argv)
{
	for (; *argv != NULL; argv++)
		if (strcmp(*argv, "-w=0") == 0)
			*argv = (char *)(uintptr_t) "-w";
}

/* link's exit status; its output goes to a file. */
static int try_linker(const char *link, char **argv, int out)
{
	struct child c = { .argv = argv, .out = out };
	char *own = argv[0];
	pid_t pid;

	if (ftruncate(out, 0) != 0 || lseek(out, 0, SEEK_SET) != 0)
		return STATUS_FAILED;
	argv[0] = (char *)(uintptr_t)link;
	pid = child_start(&c);
	argv[0] = own;
	return pid < 0 ? STATUS_FAILED : child_wait(pid);
}

/* Where link fails, the toolchain's linker does it without debug information.
 * If that fails too, the guest is at fault, and only its error is shown. */
static int run_debug_linker(const char *link, char **argv)
{
	struct child own = { .argv = argv, .out = -1 };
	int out = memfd_create("link", MFD_CLOEXEC), status;
	char why[400];
	pid_t pid;

	if (out < 0)
		return tool_error("link: %s", strerror(errno));
	status = try_linker(link, argv, out);
	if (status != STATUS_OK && getenv("GOAUDIT_STUB") != NULL) {
		/* Such as with -extldflags=-Wl,-z,defs. */
		unsetenv("GOAUDIT_STUB");
		status = try_linker(link, argv, out);
	}
	if (status == STATUS_OK) {
		pass_on(out);
		return STATUS_OK;
	}
	first_line(out, why, sizeof why);
	drop_debug(argv);
	pid = child_start(&own);
	if (pid < 0)
		return tool_error("%s: %s", argv[0], strerror(errno));
	if (child_wait(pid) != 0)
		return STATUS_FAILED;
	tool_error("warning: debuggers will see functions and lines of this guest, but no "
		   "variables: the linker for debug information failed with status %d: %s: "
		   "please report this",
		   status, why);
	return STATUS_OK;
}

/* What a guest says of its build, which debug.ReadBuildInfo and go version -m
 * show, is in the configuration of the link. */
static void name_mode(const char *config)
{
	static const char program[] = "\\t-buildmode=exe\\n",
			  guest[] = "\\t-buildmode=c-shared\\n";
	char *text, *at;
	struct text out = { 0 };
	size_t n;

	if (config == NULL || read_file(config, &text, &n) != 0)
		return;
	at = strstr(text, program);
	if (at != NULL) {
		text_add(&out, text, (size_t)(at - text));
		text_puts(&out, guest);
		text_puts(&out, at + strlen(program));
		write_file(config, out.s, out.n, 0666);
		free(out.s);
	}
	free(text);
}

/* Makes a shared library of what go takes for a program. */
static void link_guest(char **argv)
{
	name_mode(value_of(argv, "-importcfg"));
	for (; *argv != NULL; argv++)
		if (strcmp(*argv, "-buildmode=exe") == 0)
			*argv = (char *)(uintptr_t) "-buildmode=c-shared";
}

static int run_linker(char **argv)
{
	const char *link = getenv("GOAUDIT_LINK"), *kind = getenv("GOAUDIT_KIND");
	const char *headers = getenv("GOAUDIT_HEADERS");

	if (getenv("GOAUDIT_LIBSTD") != NULL && has_arg(argv, "-buildmode=shared"))
		return answer_link(argv);
	if (getenv("GOAUDIT_LINK_ID") != NULL && has_arg(argv, "-V=full"))
		return print_identity(argv[0]);
	if (headers != NULL)
		header_keep(headers, last_arg(argv));
	if (kind != NULL && strcmp(kind, "guest") == 0)
		link_guest(argv);
	else
		unsetenv("GOAUDIT_STUB");
	/* A short run with much memory: collecting garbage is a sixth of it. */
	if (getenv("GOGC") == NULL) {
		setenv("GOGC", "off", 1);
		setenv("GOMEMLIMIT", "1GiB", 0);
	}
	tell_progress("%s", "");
	if (kind != NULL && share_link(&argv) != STATUS_OK)
		return STATUS_FAILED;
	if (link != NULL && *link != '\0')
		return run_debug_linker(link, argv);
	execvp(argv[0], argv);
	return tool_error("%s: %s", argv[0], strerror(errno));
}

/* On a terminal with a line that says what is compiled: go says nothing, and the packages of
 * others take minutes the first time. */
static int compile(char **argv)
{
	struct child c = { .argv = argv, .out = -1 };
	const char *package = value_of(argv, "-p");
	int status;
	pid_t pid;

	tell_progress("compiling %s", package != NULL ? package : "a package");
	pid = child_start(&c);
	status = pid < 0 ? tool_error("%s: %s", argv[0], strerror(errno)) : child_wait(pid);
	if (status != STATUS_OK)
		tell_progress("%s", "");
	return status;
}

int cmd_toolexec(struct tool *t, int argc, char **argv)
{
	const char *tool, *name, *std = getenv("GOAUDIT_STD");

	(void)t;
	if (argc < 2) {
		tool_error("toolexec: no tool: it is for go build -toolexec");
		return STATUS_USAGE;
	}
	argv++;
	tool = argv[0];
	name = strrchr(tool, '/');
	name = name != NULL ? name + 1 : tool;
	if (strcmp(name, "link") == 0)
		return run_linker(argv);
	if (strcmp(name, "compile") == 0 && std != NULL && strcmp(std, "keep") == 0 &&
	    has_arg(argv, "-std")) {
		const char *pkg = value_of(argv, "-p");

		return tool_error("package %s of the standard library differs from the runtime "
				  "library's: leave out -tags and the like, which change it",
				  pkg != NULL ? pkg : "?");
	}
	if (strcmp(name, "compile") == 0 && tell_on_terminal())
		return compile(argv);
	if (strcmp(name, "cgo") == 0 && getenv("GOAUDIT_HEADERS") != NULL)
		argv = header_ask_cgo(argv);
	execvp(tool, argv); /* compilers come without a path */
	return tool_error("%s: %s", tool, strerror(errno));
}
