/* The goaudit command: what its subcommands share.
 *
 * A subcommand is one file, cmd_NAME.c, with one function, and one row in the
 * table in main.c.  Functions return 0 or an exit status; whoever detects a
 * fault prints it (tool_error) and the status travels up.  Running out of
 * memory ends the program where it happens. */
#ifndef GOAUDIT_TOOL_H
#define GOAUDIT_TOOL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#ifndef GOAUDIT_VERSION
#define GOAUDIT_VERSION "0.1"
#endif

enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
};

/* The root of the program's state. */
struct tool {
	char *exe;		/* this executable, absolute */
	char *cache;		/* the cache folder, absolute; it exists */
	char *module;		/* libgoaudit.so, absolute; NULL if not there */
	char *overlay;		/* folder with the overlay's packages; NULL if none */
	char *linker;		/* folder with the linker's edits; NULL if none */
	const char *go;		/* the go command, $GO or "go" */
	bool tty;		/* stderr is a terminal: show progress */
};

struct command {
	const char *name;
	const char *summary;	/* one line for --help; NULL: not listed */
	/* argv[0] is "goaudit NAME", for messages. */
	int (*run)(struct tool *t, int argc, char **argv);
};

int cmd_runtime(struct tool *t, int argc, char **argv);
int cmd_build(struct tool *t, int argc, char **argv);
int cmd_inspect(struct tool *t, int argc, char **argv);
int cmd_status(struct tool *t, int argc, char **argv);
int cmd_run(struct tool *t, int argc, char **argv);
int cmd_watch(struct tool *t, int argc, char **argv);
int cmd_toolexec(struct tool *t, int argc, char **argv);

/* Fills in t->cache, creating the folder; needed by whoever stores things. */
int tool_open_cache(struct tool *t);

/* Prints "goaudit: subject: reason: what to do", returns STATUS_FAILED. */
int tool_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- util.c ---- */

char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc));
void *allocate(size_t size) __attribute__((malloc));
char *copy_text(const char *s) __attribute__((malloc));

/* A growing list of strings, NULL-terminated; the strings belong to it. */
struct list {
	char **item;
	size_t n;
};
void list_add(struct list *l, char *item);
void list_free(struct list *l);

/* A growing text. */
struct text {
	char *s;
	size_t n, room;
};
void text_add(struct text *t, const void *bytes, size_t n);
void text_puts(struct text *t, const char *s);
void text_json(struct text *t, const char *s);	/* as a quoted JSON string */

/* Puts a question mark for each byte that is no printable character of UTF-8: a
 * name out of a file or another process must not drive the terminal. */
char *make_printable(char *text);

/* Files.  All return 0, or -1 with errno set. */
int read_file(const char *path, char **bytes, size_t *len);	/* NUL added */
int write_file(const char *path, const char *bytes, size_t len, mode_t mode);
int copy_file(const char *from, const char *to);
int make_dirs(const char *path);
int remove_tree(const char *path);
/* Marks a folder of the cache that goaudit has made: what has no mark, and is no runtime
 * library, is somebody else's, and never removed. */
int mark_folder(const char *path);
bool is_marked(const char *path);
int replace_symlink(const char *target, const char *path);	/* atomically */
bool file_exists(const char *path);

/* A child process. */
struct child {
	char *const *argv;
	const char *dir;	/* where to run it; NULL: here */
	char *const *env;	/* NAME=VALUE to add; NULL: none */
	int out;		/* its stdout and stderr; -1: ours */
	const sigset_t *mask;	/* of blocked signals; NULL: ours */
};
/* -1 with errno set; an exec that fails is status 127. */
pid_t child_start(const struct child *c);
/* The exit status; 128 + signal where it died of one. */
int child_wait(pid_t pid);
/* Runs argv and returns its stdout (to be freed); NULL: it failed. */
char *child_output(char *const *argv);

#endif
