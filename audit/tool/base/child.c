#include "tool/base/child.h"
#include "tool/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void child_run(const struct child *c)
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

pid_t child_start(const struct child *c)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child_run(c);
	return pid;
}

int child_wait(pid_t pid)
{
	int st;

	while (waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

char *child_output(char *const *argv)
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
