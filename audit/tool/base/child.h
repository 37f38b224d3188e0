/* Child processes. */
#ifndef GOAUDIT_TOOL_BASE_CHILD_H
#define GOAUDIT_TOOL_BASE_CHILD_H

#include <signal.h>
#include <sys/types.h>

struct child {
	char *const *argv;
	const char *dir;      /* where to run it; NULL: here */
	char *const *env;     /* NAME=VALUE to add; NULL: none */
	int out;              /* its stdout and stderr; -1: ours */
	const sigset_t *mask; /* of blocked signals; NULL: ours */
};
/* -1 with errno set; an exec that fails is status 127. */
pid_t child_start(const struct child *c);
/* The exit status; 128 + signal where it died of one. */
int child_wait(pid_t pid);
/* Runs argv and returns its stdout (to be freed); NULL: it failed. */
char *child_output(char *const *argv);

#endif
