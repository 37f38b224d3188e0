/* Processes: fork, execve, exit and wait; limits and priorities; memory. */
#include "dfly.h"
#include "handlers.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* All threads leave with it. */
long do_exit(struct call *c)
{
	call_told_unknown();
	sys1(__NR_exit_group, c->a[0]);
	return 0;
}

/* The child has only this thread, and the second result tells it so. */
long do_fork(struct call *c)
{
	long r;

	lock_take(&dfly.action_lock);
	kqueue_before_fork();
	lock_take(&dfly.thread_lock);
	r = sys5(__NR_clone, SIGCHLD, 0, 0, 0, 0);
	if (r == 0) {
		thread_forget_others(c->thread);
		c->thread->tid = (int)sys0(__NR_gettid);
		c->thread->pending = 0;
		c->thread->deliver = 0;
		memset(dfly.unknown, 0, sizeof dfly.unknown);
	}
	lock_give(&dfly.thread_lock);
	kqueue_after_fork(r == 0);
	lock_give(&dfly.action_lock);
	if (r == 0)
		call_begin_dispatch();
	arch_set_second(c->regs, r == 0);
	return r;
}

/* "#!": the file's interpreter, and its argument if it has one. */
struct script {
	char line[256];
	char *interpreter, *argument;
};

static bool script_read(struct script *s, const char *path)
{
	long fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC, 0), n;
	char *p = s->line + 2;

	if (fd < 0)
		return false;
	n = sys3(__NR_read, fd, s->line, sizeof s->line - 1);
	sys1(__NR_close, fd);
	if (n < 3 || s->line[0] != '#' || s->line[1] != '!')
		return false;
	s->line[n] = '\0';
	s->argument = NULL;
	while (*p == ' ' || *p == '\t')
		p++;
	s->interpreter = p;
	while (*p != ' ' && *p != '\t' && *p != '\n' && *p != '\0')
		p++;
	if (*p == ' ' || *p == '\t') {
		*p++ = '\0';
		while (*p == ' ' || *p == '\t')
			p++;
		s->argument = *p != '\n' && *p != '\0' ? p : NULL;
		while (*p != '\n' && *p != '\0')
			p++;
	}
	*p = '\0';
	return true;
}

/* A program for DragonFly is run by another runner with the same options, under the name
 * that argv[0] says; anything else by the kernel. */
static long execute(const char *path, char *const *head, int n, char *const *argv,
		    char *const *env)
{
	int argc = 0, k = 0;
	char **v, number[2][16];
	size_t size;
	long r;

	while (argv[argc] != NULL)
		argc++;
	size = (size_t)(argc + n + 12) * sizeof *v;
	v = pages_new(size);
	if (v == NULL)
		return -ENOMEM;
	v[k++] = (char *)(uintptr_t) "goaudit-dfly";
	if (dfly.trace)
		v[k++] = (char *)(uintptr_t) "-t";
	if (dfly.by_signal)
		v[k++] = (char *)(uintptr_t) "-s";
	if (dfly.fail_settls > 0) {
		struct line l = { .n = 0 };

		line_number(&l, dfly.fail_settls);
		memcpy(number[0], l.s, l.n);
		number[0][l.n] = '\0';
		v[k++] = (char *)(uintptr_t) "-f";
		v[k++] = number[0];
	}
	v[k++] = (char *)(uintptr_t) "-0";
	v[k++] = n > 0 ? head[0] : argc > 0 ? argv[0] : (char *)(uintptr_t) "";
	v[k++] = (char *)(uintptr_t) "--";
	v[k++] = (char *)(uintptr_t)path;
	for (int i = 1; i < n; i++)
		v[k++] = head[i];
	for (int i = 1; i < argc; i++)
		v[k++] = argv[i];
	r = sys3(__NR_execve, dfly.self, v, env);
	pages_free(v, size);
	return r;
}

long do_execve(struct call *c)
{
	const char *path = (const char *)c->a[0];
	char *const *argv = (char *const *)c->a[1];
	char *const *env = (char *const *)c->a[2];
	long allowed = sys2(__NR_access, path, 1 /* X_OK */);
	struct script s;

	if (allowed == 0 && image_is_dragonfly(path))
		return execute(path, NULL, 0, argv, env);
	if (allowed == 0 && script_read(&s, path) && image_is_dragonfly(s.interpreter)) {
		char *head[3];
		int n = 0;

		head[n++] = s.interpreter;
		if (s.argument != NULL)
			head[n++] = s.argument;
		head[n++] = (char *)(uintptr_t)path;
		return execute(s.interpreter, head, n, argv, env);
	}
	return sys3(__NR_execve, path, argv, env);
}

long do_wait4(struct call *c)
{
	int options = (int)c->a[2], status = 0;
	long r = block6(__NR_wait4, (int)c->a[0], &status,
			(options & BSD_WNOHANG ? WNOHANG : 0) |
				(options & BSD_WUNTRACED ? WUNTRACED : 0) |
				(options & BSD_WCONTINUED ? WCONTINUED : 0),
			c->a[3], 0, 0);

	if (r > 0 && c->a[1] != 0)
		*(int *)c->a[1] = signal_status(status);
	return r;
}

/* block6(idtype, id, status, options, usage, info): -> the process */
long do_wait6(struct call *c)
{
	int type = (int)c->a[0], options = (int)c->a[3];
	struct rusage usage;
	siginfo_t si = { 0 };
	long r = block6(__NR_waitid,
			type == BSD_P_PID  ? P_PID :
			type == BSD_P_PGID ? P_PGID :
					     P_ALL,
			c->a[1], &si,
			(options & (BSD_WEXITED | BSD_WTRAPPED) ? WEXITED : 0) |
				(options & BSD_WUNTRACED ? WSTOPPED : 0) |
				(options & BSD_WCONTINUED ? WCONTINUED : 0) |
				(options & BSD_WNOHANG ? WNOHANG : 0) |
				(options & BSD_WNOWAIT ? WNOWAIT : 0),
			&usage, 0);
	int status = 0;

	if (r != 0)
		return r;
	switch (si.si_code) {
	case CLD_EXITED: status = (si.si_status & 0xff) << 8; break;
	case CLD_KILLED: status = si.si_status; break;
	case CLD_DUMPED: status = si.si_status | 0x80; break;
	case CLD_CONTINUED: status = 0xffff; break;
	default: status = 0x7f | si.si_status << 8; break;
	}
	if (si.si_pid != 0 && c->a[2] != 0)
		*(int *)c->a[2] = signal_status(status);
	if (si.si_pid != 0 && c->a[4] != 0)
		memcpy((void *)c->a[4], &usage, sizeof usage);
	return si.si_pid;
}

/* ptrace(request, pid, address, data): what Go's std starts a child with, and lets it go on
 * with; an address of 1 means where it stands. */
long do_ptrace(struct call *c)
{
	static const int8_t to[] = {
		[0] = PTRACE_TRACEME, [7] = PTRACE_CONT, [8] = PTRACE_KILL
	};
	uint64_t request = c->a[0];
	int number = (int)c->a[3];

	if (request != 0 && request != 7 && request != 8)
		return -EINVAL;
	number = number > 0 ? signal_to_linux(number) : 0;
	return sys4(__NR_ptrace, to[request], (int)c->a[1], 0, number > 0 ? number : 0);
}

/* Linux's limit; -1: it has none of that kind. */
static int limit_to_linux(uint64_t which)
{
	static const int8_t to[] = {
		RLIMIT_CPU,    RLIMIT_FSIZE,    RLIMIT_DATA,    RLIMIT_STACK,
		RLIMIT_CORE,   RLIMIT_RSS,      RLIMIT_MEMLOCK, RLIMIT_NPROC,
		RLIMIT_NOFILE, -1 /* SBSIZE */, RLIMIT_AS,      RLIMIT_LOCKS,
	};

	return which < sizeof to ? to[which] : -1;
}

long do_getrlimit(struct call *c)
{
	struct bsd_rlimit *to = (struct bsd_rlimit *)c->a[1];
	int which = limit_to_linux(c->a[0]);
	struct rlimit l;
	long r = which < 0 ? -EINVAL : sys2(__NR_getrlimit, which, &l);

	if (r == 0)
		*to = (struct bsd_rlimit){
			l.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)l.rlim_cur,
			l.rlim_max > INT64_MAX ? INT64_MAX : (int64_t)l.rlim_max,
		};
	return r;
}

long do_setrlimit(struct call *c)
{
	struct bsd_rlimit from = *(const struct bsd_rlimit *)c->a[1];
	int which = limit_to_linux(c->a[0]);
	struct rlimit l = {
		from.cur == INT64_MAX ? RLIM_INFINITY : (rlim_t)from.cur,
		from.max == INT64_MAX ? RLIM_INFINITY : (rlim_t)from.max,
	};

	return which < 0 ? -EINVAL : sys2(__NR_setrlimit, which, &l);
}

/* The kernel gives 20 - priority. */
long do_getpriority(struct call *c)
{
	long r = sys2(__NR_getpriority, c->a[0], c->a[1]);

	return r < 0 ? r : 20 - r;
}

long do_getdtablesize(struct call *c)
{
	struct rlimit l;
	long r = sys2(__NR_getrlimit, RLIMIT_NOFILE, &l);

	(void)c;
	return r != 0 ? r : l.rlim_cur > INT32_MAX ? INT32_MAX : (long)l.rlim_cur;
}

long do_issetugid(struct call *c)
{
	(void)c;
	return 0;
}

long do_setegid(struct call *c)
{
	return sys3(__NR_setresgid, -1, c->a[0], -1);
}
long do_seteuid(struct call *c)
{
	return sys3(__NR_setresuid, -1, c->a[0], -1);
}

static int map_flags(int flags)
{
	int out = 0;

	if (flags & BSD_MAP_SHARED)
		out |= MAP_SHARED;
	if (flags & BSD_MAP_PRIVATE || !(flags & BSD_MAP_SHARED))
		out |= flags & BSD_MAP_SHARED ? 0 : MAP_PRIVATE;
	if (flags & BSD_MAP_ANON)
		out |= MAP_ANONYMOUS;
	if (flags & BSD_MAP_FIXED)
		out |= MAP_FIXED;
	if (flags & BSD_MAP_TRYFIXED)
		out |= MAP_FIXED_NOREPLACE;
	/* DragonFly reserves no swap for memory that is only mapped. */
	return out | (out & MAP_SHARED ? 0 : MAP_NORESERVE);
}

/* mmap(addr, len, prot, flags, fd, pad, offset) */
long do_mmap(struct call *c)
{
	uint64_t offset = arch_argument(c->regs, 6);

	return sys6(__NR_mmap, c->a[0], c->a[1], c->a[2], map_flags((int)c->a[3]), (int)c->a[4],
		    offset);
}

/* Advice that changes no content on DragonFly changes none here: MADV_DONTNEED there means
 * that the pages are not used soon. */
long do_madvise(struct call *c)
{
	switch ((int)c->a[2]) {
	case BSD_MADV_DONTNEED:
		sys3(__NR_madvise, c->a[0], c->a[1], 20 /* MADV_COLD */);
		return 0;
	case BSD_MADV_FREE: sys3(__NR_madvise, c->a[0], c->a[1], MADV_FREE); return 0;
	default:
		return (int)c->a[2] <= BSD_MADV_WILLNEED ?
			       sys3(__NR_madvise, c->a[0], c->a[1], c->a[2]) :
			       0;
	}
}
