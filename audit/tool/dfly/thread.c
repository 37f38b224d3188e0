/* Threads of the program's, and the two stacks that each has here: one for its calls, one
 * for the kernel's signals. */
#include "dfly.h"
#include "handlers.h"

#include <asm/prctl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define HEAD_ROOM  (((sizeof(struct thread) + 4095) & ~4095ul))
#define ALT_ROOM   65536ul /* a frame holds the vector registers: 12 KB with AMX */
#define STACK_ROOM 65536ul
#define BLOCK_SIZE (HEAD_ROOM + ALT_ROOM + STACK_ROOM)
#define KEPT       8 /* blocks of threads that are gone */

/* Under thread_lock: a block that the kernel has let go, or NULL.  More than KEPT
 * of them are unmapped. */
static struct thread *take_dead(void)
{
	struct thread **at = &dfly.threads, *found = NULL;
	int kept = 0;

	while (*at != NULL) {
		struct thread *t = *at;

		if (__atomic_load_n(&t->alive, __ATOMIC_ACQUIRE) != 0) {
			at = &t->next;
		} else if (found == NULL) {
			found = t;
			*at = t->next;
		} else if (kept++ < KEPT) {
			at = &t->next;
		} else {
			*at = t->next;
			pages_free(t, BLOCK_SIZE);
		}
	}
	return found;
}

struct thread *thread_new(void)
{
	struct thread *t;

	lock_take(&dfly.thread_lock);
	t = take_dead();
	lock_give(&dfly.thread_lock);
	if (t == NULL)
		t = pages_new(BLOCK_SIZE);
	if (t == NULL)
		return NULL;
	memset(t, 0, sizeof *t);
	t->self = t;
	t->stack = (uint64_t)t + BLOCK_SIZE - 8;
	t->frame = t->stack - sizeof(struct regs);
	t->alt.flags = BSD_SS_DISABLE;
	t->alive = 1;
	lock_take(&dfly.thread_lock);
	t->next = dfly.threads;
	dfly.threads = t;
	lock_give(&dfly.thread_lock);
	return t;
}

void thread_attach(struct thread *t)
{
	stack_t alt = { .ss_sp = (char *)t + HEAD_ROOM, .ss_size = ALT_ROOM };

	sys2(__NR_arch_prctl, ARCH_SET_GS, t);
	sys2(__NR_sigaltstack, &alt, 0);
}

void thread_forget_others(struct thread *t)
{
	struct thread *next;

	for (struct thread *o = dfly.threads; o != NULL; o = next) {
		next = o->next;
		if (o != t)
			pages_free(o, BLOCK_SIZE);
	}
	dfly.threads = t;
	t->next = NULL;
}

static void begin(void *argument)
{
	struct thread *t = argument;

	thread_attach(t);
	t->tid = (int)sys0(__NR_gettid);
	if (t->start.tid1 != NULL)
		*t->start.tid1 = (uint32_t)t->tid;
	call_begin_dispatch();
	signal_set_mask(t, t->mask);
	arch_start(t->start.start, t->start.arg, t->start.stack - 8);
}

#define THREAD_FLAGS                                                                        \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
	 CLONE_CHILD_CLEARTID)

/* Signals are blocked until the new thread has its stacks: it begins with this mask. */
long do_lwp_create(struct call *c)
{
	struct bsd_lwp start = *(struct bsd_lwp *)c->a[0];
	uint64_t mask = c->thread->mask;
	struct thread *t = thread_new();
	long r;

	if (t == NULL)
		return -EAGAIN;
	t->start = start;
	t->mask = mask;
	signal_set_mask(c->thread, ~0ul);
	r = arch_clone(THREAD_FLAGS, (void *)(t->stack & ~15ul), &t->alive, begin, t);
	signal_set_mask(c->thread, mask);
	if (IS_ERROR(r)) {
		__atomic_store_n(&t->alive, 0, __ATOMIC_RELEASE);
		return r == -ENOMEM ? -EAGAIN : r;
	}
	if (start.tid2 != NULL)
		*start.tid2 = (uint32_t)r;
	return 0;
}

long do_lwp_gettid(struct call *c)
{
	if (c->thread->tid == 0)
		c->thread->tid = (int)sys0(__NR_gettid);
	return c->thread->tid;
}

long do_lwp_kill(struct call *c)
{
	int number = signal_to_linux((int)c->a[2]);
	long pid = (int)c->a[0] == -1 ? sys0(__NR_getpid) : (long)(int)c->a[0];

	if (number < 0)
		return -EINVAL;
	return sys3(__NR_tgkill, pid, c->a[1], number);
}

/* extexit(how, status, address): of this thread, or of the process. */
long do_extexit(struct call *c)
{
	if ((c->a[0] & BSD_EXTEXIT_LWP) == 0)
		return do_exit(&(struct call){ c->thread, c->regs, { c->a[1] } });
	signal_set_mask(c->thread, ~0ul);
	signal_resend(c->thread);
	sys1(__NR_exit, 0);
	return 0;
}

long do_set_tls_area(struct call *c)
{
	const struct bsd_tls *tls = (const struct bsd_tls *)c->a[1];

	if (c->a[0] != 0 || c->a[2] < sizeof *tls)
		return -EINVAL;
	if (dfly.fail_settls > 0)
		return BSD_ERROR(dfly.fail_settls);
	return sys2(__NR_arch_prctl, ARCH_SET_FS, tls->base);
}

long do_get_tls_area(struct call *c)
{
	struct bsd_tls *tls = (struct bsd_tls *)c->a[1];

	if (c->a[0] != 0 || c->a[2] < sizeof *tls)
		return -EINVAL;
	tls->size = 0;
	return sys2(__NR_arch_prctl, ARCH_GET_FS, &tls->base);
}

/* The timeout is in microseconds; 0: none.  Go takes what these errors mean from
 * DragonFly's kern_umtx.c. */
long do_umtx_sleep(struct call *c)
{
	int us = (int)c->a[2];
	struct timespec ts = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000l };
	long r;

	if (us < 0)
		return -EINVAL;
	r = block6(__NR_futex, c->a[0], 128 /* FUTEX_WAIT | FUTEX_PRIVATE_FLAG */,
		   (uint32_t)c->a[1], us > 0 ? &ts : NULL, 0, 0);
	if (r == -ETIMEDOUT)
		return BSD_ERROR(BSD_EAGAIN);
	return r == -EAGAIN ? BSD_ERROR(BSD_EBUSY) : r;
}

long do_umtx_wakeup(struct call *c)
{
	int n = (int)c->a[1];
	long r = sys3(__NR_futex, c->a[0], 129 /* FUTEX_WAKE | FUTEX_PRIVATE_FLAG */,
		      n <= 0 ? INT32_MAX : n);

	return r > 0 ? 0 : r;
}
