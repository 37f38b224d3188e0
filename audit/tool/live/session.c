/* One loop over descriptors: inotify, signals, the host and the builder (as
 * pidfds).  A build starts when the sources have been quiet for a moment; what
 * changes during a build starts the next one.  A build goes into a folder of
 * its own and is renamed into place, so the host never sees half a file. */
#include "tool/live/session.h"
#include "core/path.h"
#include "tool/live/lines.h"
#include "tool/live/outcome.h"
#include "tool/live/packages.h"
#include "tool/live/sources.h"
#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHANGED  "the program's sources have changed"
#define QUIET_MS 40 /* editors write several files at a save */

struct session {
	struct tool *t;
	struct watch watch;
	char *package;       /* folder, absolute */
	char *out;           /* the guest, absolute */
	const char *shown;   /* the same, from the folder where we were started */
	char *stage;         /* folder for builds, beside it */
	pid_t host, builder; /* 0: none */
	int host_fd, builder_fd, signal_fd;
	struct lines said;     /* by the builder */
	sigset_t mask;         /* the one we were started with */
	struct timespec began; /* of the build */
	bool changed;          /* since the last build began */
	struct host_options *options;
	const struct list *flags; /* of go build */
	struct watch program_watch;
	char *program;        /* the folder of the host's own package; NULL: not to be built */
	bool program_changed; /* since it was built last */
	bool ready;           /* the host can be started, once there is a guest */
	bool fresh;           /* the host's file is newer than what runs */
	char *program_file;   /* the host */
	char **argv;
	bool restarting; /* the host has been asked to end, and begins anew then */
	struct outcome outcome;
};

static int pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* ---- building ---- */

/* goaudit build, with the user's flags; what it says is shown as of where we were started. */
static pid_t run_build(struct session *s, const char *folder, const char *to, bool program)
{
	struct list argv = { 0 };
	struct child c = { .out = -1, .mask = &s->mask };
	pid_t pid;

	list_add(&argv, copy_text(s->t->exe));
	list_add(&argv, copy_text("build"));
	if (program)
		list_add(&argv, copy_text("-exe"));
	for (size_t i = 0; i < s->flags->n; i++)
		list_add(&argv, copy_text(s->flags->item[i]));
	list_add(&argv, copy_text("-C"));
	list_add(&argv, copy_text(folder));
	list_add(&argv, copy_text("-o"));
	list_add(&argv, copy_text(to));
	list_add(&argv, copy_text("."));
	c.argv = argv.item;
	c.out = lines_open(&s->said, folder);
	pid = child_start(&c);
	if (c.out >= 0)
		close(c.out);
	list_free(&argv);
	if (pid < 0) {
		lines_close(&s->said);
		tool_error("build: %s", strerror(errno));
	}
	return pid;
}

static int start_build(struct session *s)
{
	char *to = format("%s/%s", s->stage, path_base(s->out));

	s->changed = false;
	clock_gettime(CLOCK_MONOTONIC, &s->began);
	s->builder = run_build(s, s->package, to, false);
	free(to);
	if (s->builder < 0) {
		s->builder = 0;
		return STATUS_FAILED;
	}
	s->builder_fd = pidfd(s->builder);
	return STATUS_OK;
}

static int place(const struct session *s)
{
	const char *name = path_base(s->out);
	char *from = format("%s/%s", s->stage, name);
	int stem = (int)(strlen(name) > 3 ? strlen(name) - 3 : strlen(name));
	char *header = format("%s/%.*s.h", s->stage, stem, name);
	char *to = format("%.*s.h", (int)(name - s->out) + stem, s->out);
	int status = STATUS_OK;

	if (file_exists(header) && rename(header, to) != 0)
		status = tool_error("%s: %s", to, strerror(errno));
	if (rename(from, s->out) != 0)
		status = tool_error("%s: %s", s->out, strerror(errno));
	free(from);
	free(header);
	free(to);
	return status;
}

/* The host, where it is a Go program of ours, over what its guest is over. */
static int build_program(struct session *s)
{
	char *to = format("%s/%s", s->stage, path_base(s->program_file));
	pid_t pid = run_build(s, s->program, to, true);
	int status = STATUS_FAILED;

	s->program_changed = false;
	if (pid >= 0) {
		lines_finish(&s->said);
		status = child_wait(pid);
	}
	if (status == STATUS_OK && rename(to, s->program_file) != 0)
		status = tool_error("%s: %s", s->program_file, strerror(errno));
	free(to);
	return status;
}

/* The process refuses a guest over another build of a package that it has. */
static void restart_for(struct session *s, const char *why)
{
	fprintf(stderr, "goaudit: %s\n", why);
	if (s->program != NULL && !s->fresh && build_program(s) != STATUS_OK) {
		tool_error("%s: the build failed: the old one goes on", s->program_file);
		return;
	}
	fprintf(stderr, "goaudit: %s: restarted\n", s->program_file);
	s->restarting = true;
	s->outcome.pending = false;
	kill(s->host, SIGTERM);
}

/* Once it can be: with its first guest, and again when it has been asked to end. */
static int start_host(struct session *s);

static int end_build(struct session *s)
{
	char *staged = format("%s/%s", s->stage, path_base(s->out)), why[512] = "", *text;
	int status;
	bool clash;
	struct timespec now;

	lines_close(&s->said);
	status = child_wait(s->builder);
	clash = status == STATUS_OK && s->host != 0 &&
		live_clash(s->out, staged, why, sizeof why);
	free(staged);
	close(s->builder_fd);
	s->builder_fd = -1;
	s->builder = 0;
	if (status == STATUS_OK)
		status = place(s);
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (status == STATUS_OK) {
		fprintf(stderr, "goaudit: %s: built in %.2f s\n", s->shown,
			(double)(now.tv_sec - s->began.tv_sec) +
				(double)(now.tv_nsec - s->began.tv_nsec) / 1e9);
		outcome_expect(&s->outcome);
	} else {
		tool_error("%s: the build failed: %s", s->shown,
			   s->host != 0 ? "the old one goes on" : "waiting for a change");
	}
	if (clash) {
		text = format("%s: %s", s->shown, why);
		restart_for(s, text);
		free(text);
	} else if (s->fresh && s->host != 0) {
		restart_for(s, CHANGED);
	}
	/* Imports may have come with this build. */
	watch_update(s->t, &s->watch);
	return status == STATUS_OK && s->host == 0 ? start_host(s) : STATUS_OK;
}

/* ---- the host ---- */

/* The guest is reloadable for a host that does not know the flag. */
static void set_environment(struct session *s, struct host_options *o)
{
	struct text glob = { 0 };

	for (const char *p = s->out; *p != '\0'; p++) {
		if (strchr("*?[\\", *p) != NULL)
			text_puts(&glob, "\\");
		text_add(&glob, p, 1);
	}
	list_add(&o->globs, glob.s);
	setenv("GOAUDIT_WATCH", s->out, 1);
}

static int start_host(struct session *s)
{
	struct host_options *o = s->options;

	s->host = fork();
	if (s->host == 0) {
		sigprocmask(SIG_SETMASK, &s->mask, NULL);
		/* Here, and not before: builds are not run under the module. */
		set_environment(s, o);
		if (host_environment(s->t, o) != STATUS_OK)
			_exit(126);
		execv(s->program_file, s->argv);
		if (errno == ENOEXEC)
			execvp(s->argv[0], s->argv);
		tool_error("%s: %s", s->program_file, strerror(errno));
		_exit(126);
	}
	if (s->host < 0) {
		s->host = 0;
		return tool_error("fork: %s", strerror(errno));
	}
	s->fresh = false;
	s->host_fd = pidfd(s->host);
	outcome_of(&s->outcome, s->host);
	return STATUS_OK;
}

/* The host's end is ours, signals included. */
static int end_like_host(struct session *s)
{
	const struct rlimit no_core = { 0, 0 };
	int st = 0, signal_number;

	while (waitpid(s->host, &st, 0) < 0 && errno == EINTR)
		;
	s->host = 0;
	if (!WIFSIGNALED(st))
		return WEXITSTATUS(st);
	signal_number = WTERMSIG(st);
	setrlimit(RLIMIT_CORE, &no_core);
	remove_tree(s->stage);
	signal(signal_number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
	raise(signal_number);
	return 128 + signal_number;
}

static int begin_anew(struct session *s)
{
	close(s->host_fd);
	while (waitpid(s->host, NULL, 0) < 0 && errno == EINTR)
		;
	s->host = 0;
	s->restarting = false;
	return start_host(s);
}

/* Of a key press the terminal has told the host itself.  Without a host it ends us: returns
 * the exit status, 0: it does not. */
static int pass_signal(struct session *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
		return 0;
	if (s->host == 0)
		return 128 + (int)info.ssi_signo;
	if (info.ssi_code <= 0)
		kill(s->host, (int)info.ssi_signo);
	return 0;
}

/* ---- the loop ---- */

/* The sources have been quiet for a moment, and nothing is being built. */
static int build_changed(struct session *s)
{
	char *path = NULL;

	if (s->program_changed) {
		s->fresh = build_program(s) == STATUS_OK;
		watch_update(s->t, &s->program_watch);
		if (!s->fresh)
			return tool_error("%s: the build failed: %s", s->program_file,
					  s->host != 0 ? "the old one goes on" :
							 "waiting for a change");
		s->ready = host_check(s->t, s->options, s->program_file, &path) == STATUS_OK;
		free(path);
	}
	/* With both the new program gets the new guest. */
	if (s->changed && s->ready)
		return start_build(s);
	if (s->fresh && s->ready && s->host != 0)
		restart_for(s, CHANGED);
	return STATUS_OK;
}

static void take_changes(struct session *s)
{
	if (watch_changed(&s->watch))
		s->changed = true;
	if (s->program != NULL && watch_changed(&s->program_watch))
		s->program_changed = true;
}

static int loop(struct session *s)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = s->host != 0 ? s->host_fd : -1, .events = POLLIN },
			{ .fd = s->signal_fd, .events = POLLIN },
			{ .fd = s->watch.fd, .events = POLLIN },
			{ .fd = s->program_watch.fd, .events = POLLIN },
			{ .fd = s->builder_fd, .events = POLLIN },
			{ .fd = s->said.fd, .events = POLLIN },
		};
		bool waiting = (s->changed || s->program_changed) && s->builder == 0;
		int n = poll(p, sizeof p / sizeof *p,
			     waiting ? QUIET_MS : outcome_look(&s->outcome)),
		    status;

		if (n < 0 && errno != EINTR)
			return tool_error("poll: %s", strerror(errno));
		if (n == 0 && waiting)
			build_changed(s);
		if (n <= 0)
			continue;
		if (p[0].revents != 0 && !s->restarting)
			return end_like_host(s);
		if (p[0].revents != 0 && begin_anew(s) != STATUS_OK)
			return STATUS_FAILED;
		status = p[1].revents != 0 ? pass_signal(s) : 0;
		if (status != 0)
			return status;
		take_changes(s);
		if (p[5].revents != 0)
			lines_read(&s->said);
		if (p[4].revents != 0 && end_build(s) != STATUS_OK)
			return STATUS_FAILED;
	}
}

static void ignore_output(struct session *s)
{
	const char *name = path_base(s->out);
	size_t n = strlen(name);

	list_add(&s->watch.ignored, copy_text(name));
	if (n > 3 && strcmp(name + n - 3, ".so") == 0)
		list_add(&s->watch.ignored, format("%.*s.h", (int)n - 3, name));
}

static int open_session(struct session *s, const char *package, const char *out)
{
	char cwd[4096], *name;
	int status;

	s->package = realpath(package, NULL);
	if (s->package == NULL)
		return tool_error("%s: %s: name the folder of a Go main package", package,
				  strerror(errno));
	if (getcwd(cwd, sizeof cwd) == NULL)
		return tool_error(".: %s", strerror(errno));
	name = out != NULL ? copy_text(out) : format("%s.so", path_base(s->package));
	s->out = name[0] == '/' ?
			 copy_text(name) :
			 format("%s/%s", cwd, strncmp(name, "./", 2) == 0 ? name + 2 : name);
	free(name);
	s->shown = from_here(s->out);
	s->outcome.guest = s->out;
	s->outcome.shown = s->shown;
	s->stage =
		format("%.*s/.goaudit-%ld", (int)path_folder(s->out), s->out, (long)getpid());
	if (mkdir(s->stage, 0777) != 0)
		return tool_error("%s: %s: choose another folder with -o", s->stage,
				  strerror(errno));
	status = watch_open(&s->watch, s->package);
	if (status == STATUS_OK)
		ignore_output(s);
	return status;
}

static int open_signals(struct session *s)
{
	static const int passed[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
		sigaddset(&set, passed[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return s->signal_fd >= 0 ? STATUS_OK : tool_error("signalfd: %s", strerror(errno));
}

static void close_session(struct session *s)
{
	if (s->builder > 0) {
		kill(s->builder, SIGTERM);
		child_wait(s->builder);
	}
	if (s->stage != NULL)
		remove_tree(s->stage);
	watch_close(&s->watch);
	watch_close(&s->program_watch);
	lines_close(&s->said);
	process_close(&s->outcome.process);
	free(s->package);
	free(s->out);
	free(s->stage);
	free(s->program);
	free(s->program_file);
}

/* A program that is to be built is not there yet, perhaps. */
static int choose_program(struct session *s, const char *folder)
{
	s->ready = folder == NULL;
	if (folder == NULL)
		return host_check(s->t, s->options, s->argv[0], &s->program_file);
	s->program_changed = true;
	s->program = realpath(folder, NULL);
	if (s->program == NULL)
		return tool_error("%s: %s: name the folder of the program's package", folder,
				  strerror(errno));
	s->program_file =
		format("%s%s", strchr(s->argv[0], '/') == NULL ? "./" : "", s->argv[0]);
	return STATUS_OK;
}

int watch_and_run(struct tool *t, struct host_options *o, const struct watch_options *w,
		  char **argv)
{
	struct session s = {
		.t = t,
		.host_fd = -1,
		.builder_fd = -1,
		.watch.fd = -1,
		.program_watch.fd = -1,
		.said.fd = -1,
		.options = o,
		.flags = &w->flags,
		.argv = argv,
		.changed = true,
	};
	int status;

	sigprocmask(SIG_BLOCK, NULL, &s.mask);
	status = choose_program(&s, w->program);
	if (status == STATUS_OK)
		status = open_session(&s, w->package, w->out);
	if (status == STATUS_OK && s.program != NULL)
		status = watch_open(&s.program_watch, s.program);
	if (status == STATUS_OK)
		status = open_signals(&s);
	if (status == STATUS_OK)
		status = loop(&s);
	close_session(&s);
	return status;
}
