/* Memory, text, files and child processes for the goaudit command. */
#include "tool/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int
tool_error(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("goaudit: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return STATUS_FAILED;
}

static void
no_memory(void)
{
	tool_error("out of memory");
	exit(STATUS_FAILED);
}

void *
allocate(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL)
		no_memory();
	return p;
}

char *
copy_text(const char *s)
{
	char *p = strdup(s);

	if (p == NULL)
		no_memory();
	return p;
}

char *
format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		no_memory();
	va_end(ap);
	return s;
}

void
list_add(struct list *l, char *item)
{
	l->item = realloc(l->item, (l->n + 2) * sizeof *l->item);
	if (l->item == NULL)
		no_memory();
	l->item[l->n++] = item;
	l->item[l->n] = NULL;
}

void
list_free(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->item[i]);
	free(l->item);
	*l = (struct list){ 0 };
}

void
text_add(struct text *t, const void *bytes, size_t n)
{
	if (t->room - t->n <= n) {
		t->room = (t->n + n + 1) * 2;
		t->s = realloc(t->s, t->room);
		if (t->s == NULL)
			no_memory();
	}
	memcpy(t->s + t->n, bytes, n);
	t->n += n;
	t->s[t->n] = '\0';
}

void
text_puts(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void
text_json(struct text *t, const char *s)
{
	text_puts(t, "\"");
	for (; *s != '\0'; s++) {
		char esc[8];

		if (*s == '"' || *s == '\\')
			snprintf(esc, sizeof esc, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			snprintf(esc, sizeof esc, "\\u%04x", (unsigned)*s);
		else
			snprintf(esc, sizeof esc, "%c", *s);
		text_puts(t, esc);
	}
	text_puts(t, "\"");
}

/* How many bytes of s make one printable character of UTF-8; 0: none. */
static size_t
printable(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 :
		   s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	if (n == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, C1 controls, beyond the last */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
	    (s[0] == 0xc2 && s[1] < 0xa0) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return n;
}

char *
make_printable(char *text)
{
	for (unsigned char *s = (unsigned char *)text; *s != '\0';) {
		size_t n = printable(s);

		if (n == 0)
			*s = '?';
		s += n > 0 ? n : 1;
	}
	return text;
}

bool
file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static int
close_with(int fd, int result)
{
	int e = errno;

	close(fd);
	errno = e;
	return result;
}

int
read_file(const char *path, char **bytes, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t n = 0;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0)
		return close_with(fd, -1);
	*bytes = allocate((size_t)st.st_size + 1);
	while (n < (size_t)st.st_size) {
		ssize_t r = read(fd, *bytes + n, (size_t)st.st_size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			free(*bytes);
			return close_with(fd, -1);
		}
		if (r == 0)
			break;		/* it became shorter */
		n += (size_t)r;
	}
	*len = n;
	return close_with(fd, 0);
}

int
write_file(const char *path, const char *bytes, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return -1;
	while (len > 0) {
		ssize_t w = write(fd, bytes, len);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return close_with(fd, -1);
		bytes += w;
		len -= (size_t)w;
	}
	return close(fd);
}

static int
copy_bytes(int in, int out)
{
	char buf[65536];
	ssize_t n;

	/* In the kernel, which shares the blocks where it can ... */
	while ((n = copy_file_range(in, NULL, out, NULL, 1u << 30, 0)) > 0)
		;
	if (n == 0)
		return 0;
	/* ... and by hand between file systems that cannot. */
	while ((n = read(in, buf, sizeof buf)) > 0)
		if (write(out, buf, (size_t)n) != n)
			return -1;
	return n < 0 ? -1 : 0;
}

int
copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out, r;

	if (in < 0)
		return -1;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (out < 0)
		return close_with(in, -1);
	r = copy_bytes(in, out);
	close_with(in, 0);
	return r != 0 ? close_with(out, -1) : close(out);
}

int
make_dirs(const char *path)
{
	char *p = copy_text(path);
	int r = 0;

	for (char *s = p + 1; r == 0; s++) {
		if (*s != '/' && *s != '\0')
			continue;
		char c = *s;

		*s = '\0';
		if (mkdir(p, 0777) != 0 && errno != EEXIST)
			r = -1;
		*s = c;
		if (c == '\0')
			break;
	}
	free(p);
	return r;
}

int
remove_tree(const char *path)
{
	char *const roots[] = { (char *)(uintptr_t)path, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int r = 0;

	if (fts == NULL)
		return -1;
	while ((e = fts_read(fts)) != NULL) {
		if (e->fts_info == FTS_D)
			continue;
		if (remove(e->fts_accpath) != 0 && errno != ENOENT)
			r = -1;
	}
	fts_close(fts);
	return r;
}

#define MARK ".goaudit"

int
mark_folder(const char *path)
{
	static const char text[] = "made by goaudit, and removed by it\n";
	char *mark = format("%s/" MARK, path);
	int r = write_file(mark, text, sizeof text - 1, 0666);

	free(mark);
	return r;
}

bool
is_marked(const char *path)
{
	char *mark = format("%s/" MARK, path);
	struct stat st;
	bool marked = lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && lstat(mark, &st) == 0 &&
		      S_ISREG(st.st_mode);

	free(mark);
	return marked;
}

int
replace_symlink(const char *target, const char *path)
{
	char *tmp = format("%s.%ld", path, (long)getpid());
	int r;

	unlink(tmp);
	r = symlink(target, tmp);
	if (r == 0)
		r = rename(tmp, path);
	if (r != 0)
		unlink(tmp);
	free(tmp);
	return r;
}

static void
child_run(const struct child *c)
{
	/* A build must not outlive the command it was started for. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGINT, SIG_DFL);
	if (c->mask != NULL)
		sigprocmask(SIG_SETMASK, c->mask, NULL);
	if (c->out >= 0 && (dup2(c->out, 1) < 0 || dup2(c->out, 2) < 0))
		_exit(127);
	if (c->dir != NULL && chdir(c->dir) != 0)
		_exit(127);
	for (char *const *e = c->env; e != NULL && *e != NULL; e++)
		putenv(*e);
	execvp(c->argv[0], c->argv);
	_exit(127);
}

pid_t
child_start(const struct child *c)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child_run(c);
	return pid;
}

int
child_wait(pid_t pid)
{
	int st;

	while (waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

char *
child_output(char *const *argv)
{
	struct text out = { 0 };
	char buf[4096];
	int fd[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) != 0)
		return NULL;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(fd[1], 1);
		child_run(&(struct child){ .argv = argv, .out = -1 });
	}
	close(fd[1]);
	text_add(&out, "", 0);
	while ((n = read(fd[0], buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			text_add(&out, buf, (size_t)n);
	close(fd[0]);
	if (pid < 0 || child_wait(pid) != 0) {
		free(out.s);
		return NULL;
	}
	return out.s;
}
