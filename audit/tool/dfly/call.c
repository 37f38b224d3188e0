/* A system call of the program's, from its registers to its result. */
#include "dfly.h"

#include <sys/prctl.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON           1
#endif

void call_begin_dispatch(void)
{
	long r = sys5(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON,
		      dfly.text_from, dfly.text_to - dfly.text_from, 0);

	if (r == 0)
		return;
	if (r == -EINVAL)
		put_error("syscall user dispatch", "this kernel has none",
			  "use Linux 5.11 or later");
	else
		put_error(
			"syscall user dispatch", errno_name(errno_to_bsd((int)-r)),
			"let the sandbox (seccomp) allow prctl(PR_SET_SYSCALL_USER_DISPATCH)");
	sys1(__NR_exit_group, EXIT_REFUSED);
}

static long make(struct call *c, unsigned number, const struct entry *e)
{
	const uint64_t *a = c->a;

	if (e->run != NULL)
		return e->run(c);
	if (e->flags & CALL_WAITS)
		return block6(e->linux_number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (e->linux_number >= 0 && e->name != NULL && e->format != NULL)
		return sys6(e->linux_number, a[0], a[1], a[2], a[3], a[4], a[5]);
	__atomic_fetch_add(&dfly.unknown[number], 1, __ATOMIC_RELAXED);
	return -ENOSYS;
}

static void finish(struct call *c, unsigned number, const struct entry *e, long result)
{
	int error = 0;

	c->thread->in_call = false;
	if (result == NO_RESULT)
		return;
	if (result == -EINTR && e->flags & CALL_RESTARTS && signal_restarts(c->thread)) {
		arch_restart(c->regs);
		return;
	}
	if (IS_BSD_ERROR(result))
		error = (int)(-result - 8192);
	else if (IS_ERROR(result))
		error = errno_to_bsd((int)-result);
	arch_set_result(c->regs, error != 0 ? error : result, error != 0);
	if (dfly.trace)
		trace_result(c, number, e, result, error);
}

/* The number of the call; the last entry stands for all that cannot be. */
static unsigned number_of(const struct regs *r)
{
	uint64_t n = arch_number(r);

	return n < ENTRIES - 1 ? (unsigned)n : ENTRIES - 1;
}

static void arguments(struct call *c, struct regs *r)
{
	c->thread = arch_self();
	c->regs = r;
	for (unsigned i = 0; i < 6; i++)
		c->a[i] = arch_argument(r, i);
}

void dfly_call(struct regs *r);
void dfly_call_failed(struct regs *r);

void dfly_call(struct regs *r)
{
	unsigned number = number_of(r);
	const struct entry *e = &table[number];
	struct call c;

	arguments(&c, r);
	if (dfly.trace && e->flags & CALL_ENDS)
		trace_call(&c, number, e);
	c.thread->in_call = true;
	finish(&c, number, e, make(&c, number, e));
}

/* The call under way has touched memory that is not there. */
void dfly_call_failed(struct regs *r)
{
	unsigned number = number_of(r);
	struct call c;

	arguments(&c, r);
	finish(&c, number, &table[number], -EFAULT);
}

void call_told_unknown(void)
{
	struct line l = { .n = 0 };
	bool any = false;

	for (unsigned n = 0; n < ENTRIES; n++) {
		if (dfly.unknown[n] == 0)
			continue;
		if (!any) {
			line_text(&l, "goaudit: ");
			line_text(&l, text_last_part(dfly.program));
			line_text(&l,
				  ": system calls that goaudit dfly does not know, answered "
				  "with ENOSYS:");
		}
		line_text(&l, any ? ", " : " ");
		any = true;
		line_text(&l, table[n].name != NULL ? table[n].name : "number");
		line_text(&l, " ");
		line_number(&l, n);
		line_text(&l, " (");
		line_number(&l, dfly.unknown[n]);
		line_text(&l, " times)");
	}
	if (any)
		line_put(&l);
}
