/* Signals: the kernel's handler, the frame that the program's handler sees, and the calls.
 * dfly.h says when a signal is delivered. */
#include "dfly.h"
#include "handlers.h"

/* By DragonFly's number.  The last five are what Linux has no name for: numbers that its
 * programs do not use otherwise stand for them. */
/* clang-format off */
#define SIGNALS(X) \
	X(1, HUP, SIGHUP) X(2, INT, SIGINT) X(3, QUIT, SIGQUIT) X(4, ILL, SIGILL) \
	X(5, TRAP, SIGTRAP) X(6, ABRT, SIGABRT) X(8, FPE, SIGFPE) X(9, KILL, SIGKILL) \
	X(10, BUS, SIGBUS) X(11, SEGV, SIGSEGV) X(12, SYS, SIGSYS) X(13, PIPE, SIGPIPE) \
	X(14, ALRM, SIGALRM) X(15, TERM, SIGTERM) X(16, URG, SIGURG) X(17, STOP, SIGSTOP) \
	X(18, TSTP, SIGTSTP) X(19, CONT, SIGCONT) X(20, CHLD, SIGCHLD) X(21, TTIN, SIGTTIN) \
	X(22, TTOU, SIGTTOU) X(23, IO, SIGIO) X(24, XCPU, SIGXCPU) X(25, XFSZ, SIGXFSZ) \
	X(26, VTALRM, SIGVTALRM) X(27, PROF, SIGPROF) X(28, WINCH, SIGWINCH) \
	X(30, USR1, SIGUSR1) X(31, USR2, SIGUSR2) X(29, INFO, SIGPWR) X(7, EMT, SIGSTKFLT) \
	X(32, THR, 35) X(33, CKPT, 36) X(34, CKPTEXIT, 37)
/* clang-format on */

#define BIT(n) (1ul << ((n)-1))
/* The kernel would end the process where one of these is blocked and happens. */
#define NEVER_BLOCKED \
	(BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGFPE) | BIT(SIGTRAP) | BIT(SIGSYS))
#define LINUX_NSIG 64

int signal_to_linux(int bsd)
{
#define TO_LINUX(n, name, number) [n] = number,
	static const uint8_t to[BSD_NSIG] = { SIGNALS(TO_LINUX) };

	if (bsd == 0)
		return 0;
	return bsd > 0 && bsd < BSD_NSIG ? to[bsd] : -1;
}

int signal_to_bsd(int number)
{
#define TO_BSD(n, name, number) [number] = n,
	static const uint8_t to[LINUX_NSIG + 1] = { SIGNALS(TO_BSD) };

	return number > 0 && number <= LINUX_NSIG ? to[number] : 0;
}

const char *signal_name(int bsd)
{
#define NAME(n, name, number) [n] = "SIG" #name,
	static const char *const names[BSD_NSIG] = { SIGNALS(NAME) };

	return bsd > 0 && bsd < BSD_NSIG ? names[bsd] : "SIG?";
}

int signal_status(int status)
{
	int low = status & 0x7f;

	if (status == 0xffff)
		return 0x7f | BSD_SIGCONT << 8;
	if (low == 0x7f)
		return 0x7f | signal_to_bsd(status >> 8 & 0xff) << 8;
	return low == 0 ? status : (status & ~0x7f) | signal_to_bsd(low);
}

static uint64_t kernel_mask(uint64_t mask)
{
	uint64_t out = 0;

	if (mask == ~0ul)
		return ~NEVER_BLOCKED;
	for (int n = 1; n < BSD_NSIG; n++)
		if (mask & BIT(n) && signal_to_linux(n) > 0)
			out |= BIT(signal_to_linux(n));
	return out & ~NEVER_BLOCKED;
}

static uint64_t bsd_mask(uint64_t mask)
{
	uint64_t out = 0;

	for (int n = 1; n < BSD_NSIG; n++)
		if (signal_to_linux(n) > 0 && mask & BIT(signal_to_linux(n)))
			out |= BIT(n);
	return out;
}

static uint64_t from_set(const struct bsd_sigset *s)
{
	return s->bits[0] | (uint64_t)s->bits[1] << 32;
}

static struct bsd_sigset to_set(uint64_t mask)
{
	return (struct bsd_sigset){ { (uint32_t)mask, (uint32_t)(mask >> 32) } };
}

/* The handler may add to what is pending at any moment. */
static void look(struct thread *t)
{
	uint32_t changes;

	do {
		changes = t->changes;
		t->deliver = (t->pending & ~t->mask) != 0;
	} while (t->changes != changes);
}

void signal_set_mask(struct thread *t, uint64_t mask)
{
	uint64_t m = kernel_mask(mask);

	if (mask == ~0ul)
		mask &= ~(BIT(BSD_SIGKILL) | BIT(BSD_SIGSTOP));
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &m, 0, 8);
	t->mask = mask;
	look(t);
}

void signal_resend(struct thread *t)
{
	for (int n = 1; n < BSD_NSIG; n++)
		if (t->pending & BIT(n))
			sys2(__NR_kill, sys0(__NR_getpid), signal_to_linux(n));
}

bool signal_restarts(struct thread *t)
{
	uint64_t set = t->pending & ~t->mask;

	for (int n = 1; n < BSD_NSIG; n++)
		if (set & BIT(n) && dfly.action[n].handler > BSD_SIG_IGN &&
		    !(dfly.action[n].flags & BSD_SA_RESTART))
			return false;
	return true;
}

/* ---- the kernel's handler ---- */

struct kernel_action {
	void (*handler)(int, siginfo_t *, void *);
	uint64_t flags;
	void *restorer;
	uint64_t mask;
};
#define SA_RESTORER_FLAG 0x04000000ul

static long set_kernel_action(int number, void (*handler)(int, siginfo_t *, void *),
			      uint64_t flags)
{
	struct kernel_action a = {
		.handler = handler,
		.flags = flags | SA_RESTORER_FLAG,
		.restorer = arch_restorer,
		.mask = ~NEVER_BLOCKED | BIT(SIGSYS),
	};

	return sys4(__NR_rt_sigaction, number, &a, 0, 8);
}

static void set_default(int number)
{
	set_kernel_action(number, (void (*)(int, siginfo_t *, void *))0, 0);
}

static bool is_runner(uint64_t pc)
{
	return (pc >= dfly.text_from && pc < dfly.text_to) ||
	       (pc >= dfly.code_from && pc < dfly.code_to);
}

static bool is_fault(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE ||
	       number == SIGTRAP;
}

static bool between(uint64_t pc, const char *from, const char *to)
{
	return pc >= (uint64_t)from && pc < (uint64_t)to;
}

static void fill_info(struct bsd_siginfo *to, int n, const siginfo_t *si)
{
	*to = (struct bsd_siginfo){ .signo = n, .error = si->si_errno, .code = si->si_code };
	if (si->si_code == SI_QUEUE || si->si_code == SI_TIMER)
		to->value = (uint64_t)si->si_value.sival_ptr;
	else if (si->si_code <= 0)
		to->code = 0; /* SI_USER */
	if (is_fault(signal_to_linux(n)) && si->si_code > 0) {
		to->addr = (uint64_t)si->si_addr;
		if (n == BSD_SIGFPE && si->si_code <= 2) /* INTDIV and INTOVF change places */
			to->code = 3 - si->si_code;
		return;
	}
	to->pid = si->si_pid;
	to->uid = si->si_uid;
	if (n == BSD_SIGCHLD)
		to->status = si->si_code == CLD_EXITED ? si->si_status :
							 signal_to_bsd(si->si_status);
}

/* On the stack of the program's handler, from below: where it returns to, the context,
 * the information, and the floating-point state, which is the interrupted program's. */
struct frame {
	struct bsd_ucontext uc;
	struct bsd_siginfo info;
	uint64_t fp, features;
};

static bool on_alt(const struct thread *t, uint64_t sp)
{
	return sp - t->alt.sp < t->alt.size && !(t->alt.flags & BSD_SS_DISABLE);
}

/* Makes the interrupted program call its handler of n. */
static void call_handler(struct thread *t, ucontext_t *uc, int n, const struct action *a)
{
	uint64_t sp = arch_sp(uc), features;
	size_t fp = arch_fp_size(uc, &features);
	bool alt = a->flags & BSD_SA_ONSTACK && !(t->alt.flags & BSD_SS_DISABLE);
	struct frame *f;

	sp = alt && !on_alt(t, sp) ? t->alt.sp + t->alt.size : sp - 128;
	sp = (sp - fp) & ~63ul;
	f = (struct frame *)((sp - sizeof *f) & ~15ul);
	memcpy((void *)sp, uc->uc_mcontext.fpregs, fp);
	memset(f, 0, sizeof *f);
	f->uc.mask = to_set(t->mask);
	f->uc.stack = t->alt;
	f->fp = sp;
	f->features = features;
	fill_info(&f->info, n, &t->info[n]);
	arch_save(&f->uc.m, uc, f->info.addr);
	t->mask |= a->mask | (a->flags & BSD_SA_NODEFER ? 0 : BIT(n));
	*(uint64_t *)&uc->uc_sigmask = kernel_mask(t->mask);
	arch_call_handler(uc, a->handler, (uint64_t)f, n, &f->info, &f->uc);
}

/* Delivers what is pending to the interrupted program. */
static void deliver(struct thread *t, ucontext_t *uc)
{
	uint64_t set;

	while ((set = t->pending & ~t->mask) != 0) {
		int n = __builtin_ctzl(set) + 1;
		struct action a;

		t->pending &= ~BIT(n);
		lock_take(&dfly.action_lock);
		a = dfly.action[n];
		if (a.flags & BSD_SA_RESETHAND && a.handler > BSD_SIG_IGN)
			dfly.action[n].handler = BSD_SIG_DFL;
		lock_give(&dfly.action_lock);
		if (dfly.trace)
			trace_signal(t, n, &t->info[n]);
		if (a.handler > BSD_SIG_IGN) {
			call_handler(t, uc, n, &a);
		} else if (a.handler == BSD_SIG_DFL) {
			/* Its handler went away in between: the kernel's default. */
			set_default(signal_to_linux(n));
			sys3(__NR_tgkill, sys0(__NR_getpid), sys0(__NR_gettid),
			     signal_to_linux(n));
		}
	}
	look(t);
}

static void add(struct thread *t, int n, const siginfo_t *si)
{
	if (n == 0 || t->pending & BIT(n))
		return;
	t->info[n] = *si;
	t->pending |= BIT(n);
	t->changes++;
	look(t);
}

/* The program's own code has done it, and has no handler for it. */
static void tell_fault(const ucontext_t *uc, int n, const siginfo_t *si)
{
	struct line l = { .n = 0 };
	char name[200];

	line_text(&l, "goaudit: ");
	line_text(&l, text_last_part(dfly.program));
	line_text(&l, ": ");
	line_text(&l, signal_name(n));
	if (image_symbol(arch_pc(uc), name, sizeof name)) {
		line_text(&l, " in ");
		line_text(&l, name);
	}
	line_text(&l, " at ");
	line_hex(&l, arch_pc(uc));
	line_text(&l, ", address ");
	line_hex(&l, (uint64_t)si->si_addr);
	line_text(&l, ", rax ");
	line_hex(&l, arch_result(uc));
	line_text(&l, ": before the program has a handler");
	line_put(&l);
}

static void fault(struct thread *t, int number, siginfo_t *si, ucontext_t *uc)
{
	int n = signal_to_bsd(number);
	uint64_t pc = arch_pc(uc);

	if (between(pc, arch_peek_from, arch_peek_to)) {
		arch_set_pc(uc, arch_peek_failed);
	} else if (is_runner(pc) && t->in_call) {
		arch_set_pc(uc, arch_fault);
	} else if (is_runner(pc)) {
		put_error(dfly.program, "a fault in goaudit-dfly itself", "report it");
		set_default(number);
	} else if (dfly.action[n].handler > BSD_SIG_IGN) {
		t->mask &= ~BIT(n);
		t->pending &= ~BIT(n);
		add(t, n, si);
		deliver(t, uc);
	} else {
		if (!dfly.handled[n])
			tell_fault(uc, n, si);
		set_default(number); /* and the instruction does it again */
	}
}

static void handle(int number, siginfo_t *si, void *context)
{
	struct thread *t = arch_self();
	ucontext_t *uc = context;
	uint64_t pc = arch_pc(uc);

	/* arch_exit has found a signal pending: these are the program's registers. */
	if (pc == (uint64_t)arch_trap) {
		arch_set_pc(uc, (void *)t->resume);
		if (number != SIGILL || si->si_code <= 0)
			add(t, signal_to_bsd(number), si);
		deliver(t, uc);
		return;
	}
	if (is_fault(number) && si->si_code > 0) {
		fault(t, number, si, uc);
		return;
	}
	add(t, signal_to_bsd(number), si);
	if (!is_runner(pc)) {
		deliver(t, uc);
	} else if (t->deliver && between(pc, arch_exit, arch_exit_end)) {
		arch_set_pc(uc, arch_exit);
		arch_set_sp(uc, t->frame);
	} else if (t->deliver && between(pc, arch_block_from, arch_block_at + 1)) {
		arch_set_pc(uc, arch_block_again);
	}
}

#define SYS_USER_DISPATCH_CODE 2

static void handle_sys(int number, siginfo_t *si, void *context)
{
	if (si->si_code == SYS_USER_DISPATCH_CODE)
		arch_enter(context);
	else
		handle(number, si, context);
}

void signal_begin(struct thread *t)
{
	static const uint8_t faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	uint64_t mask = 0;

	for (int n = 1; n < BSD_NSIG; n++) {
		struct kernel_action a = { .handler = 0 };
		int number = signal_to_linux(n);

		/* What the parent ignores is ignored. */
		if (number > 0 && !sys4(__NR_rt_sigaction, number, 0, &a, 8) &&
		    (uint64_t)a.handler == BSD_SIG_IGN)
			dfly.action[n].handler = BSD_SIG_IGN;
	}
	sys4(__NR_rt_sigprocmask, SIG_BLOCK, 0, &mask, 8);
	for (size_t i = 0; i < sizeof faults; i++)
		set_kernel_action(faults[i], handle, SA_SIGINFO | SA_ONSTACK);
	set_kernel_action(SIGSYS, handle_sys, SA_SIGINFO | SA_ONSTACK);
	signal_set_mask(t, bsd_mask(mask));
}

/* ---- the calls ---- */

static uint64_t kernel_flags(int flags)
{
	return SA_SIGINFO | SA_ONSTACK | (flags & BSD_SA_NOCLDSTOP ? SA_NOCLDSTOP : 0) |
	       (flags & BSD_SA_NOCLDWAIT ? SA_NOCLDWAIT : 0);
}

long do_sigaction(struct call *c)
{
	const struct bsd_sigaction *new = (const struct bsd_sigaction *)c->a[1];
	struct bsd_sigaction *old = (struct bsd_sigaction *)c->a[2], was, now = { 0 };
	unsigned n = (unsigned)c->a[0];
	int number = signal_to_linux((int)n);
	struct action *a = &dfly.action[n < BSD_NSIG ? n : 0];

	if (n == 0 || n >= BSD_NSIG || (new != NULL && (n == BSD_SIGKILL || n == BSD_SIGSTOP)))
		return -EINVAL;
	if (new != NULL)
		now = *new;
	lock_take(&dfly.action_lock);
	was = (struct bsd_sigaction){ a->handler, a->flags, to_set(a->mask) };
	if (new != NULL) {
		*a = (struct action){ now.handler, from_set(&now.mask), now.flags };
		dfly.handled[n] |= now.handler > BSD_SIG_IGN;
	}
	lock_give(&dfly.action_lock);
	if (old != NULL)
		*old = was;
	/* SIGSYS and faults come here whatever the program wants. */
	if (new == NULL || number <= 0 || BIT(number) & NEVER_BLOCKED)
		return 0;
	if (now.handler > BSD_SIG_IGN)
		return set_kernel_action(number, handle, kernel_flags(now.flags));
	return set_kernel_action(number, (void (*)(int, siginfo_t *, void *))now.handler,
				 kernel_flags(now.flags) & ~(uint64_t)SA_SIGINFO);
}

long do_sigprocmask(struct call *c)
{
	const struct bsd_sigset *new = (const struct bsd_sigset *)c->a[1];
	struct bsd_sigset *old = (struct bsd_sigset *)c->a[2];
	uint64_t was = c->thread->mask, m = new != NULL ? from_set(new) : 0;

	if (new != NULL) {
		switch ((int)c->a[0]) {
		case BSD_SIG_BLOCK: m |= was; break;
		case BSD_SIG_UNBLOCK: m = was & ~m; break;
		case BSD_SIG_SETMASK: break;
		default: return -EINVAL;
		}
	}
	if (old != NULL)
		*old = to_set(was);
	if (new != NULL)
		signal_set_mask(c->thread, m & (BIT(BSD_NSIG) - 1) &
						   ~(BIT(BSD_SIGKILL) | BIT(BSD_SIGSTOP)));
	return 0;
}

long do_sigpending(struct call *c)
{
	uint64_t kernel = 0;

	sys2(__NR_rt_sigpending, &kernel, 8);
	*(struct bsd_sigset *)c->a[0] =
		to_set(bsd_mask(kernel) | (c->thread->pending & c->thread->mask));
	return 0;
}

long do_sigaltstack(struct call *c)
{
	const struct bsd_stack *new = (const struct bsd_stack *)c->a[0];
	struct bsd_stack *old = (struct bsd_stack *)c->a[1], was = c->thread->alt;
	bool on = on_alt(c->thread, c->regs->rsp);

	if (new != NULL) {
		struct bsd_stack now = *new;

		if (on)
			return -EPERM;
		if (now.flags & ~BSD_SS_DISABLE)
			return -EINVAL;
		c->thread->alt = now;
	}
	if (old != NULL) {
		*old = was;
		old->flags |= on ? BSD_SS_ONSTACK : 0;
	}
	return 0;
}

/* The handler has returned: all registers are the interrupted program's again. */
long do_sigreturn(struct call *c)
{
	const struct frame *f = (const struct frame *)c->a[0];

	arch_load(c->regs, &f->uc.m);
	arch_restore_fp((const void *)f->fp, f->features);
	signal_set_mask(c->thread, from_set(&f->uc.mask));
	return NO_RESULT;
}

long do_kill(struct call *c)
{
	int number = signal_to_linux((int)c->a[1]);

	return number < 0 ? -EINVAL : sys2(__NR_kill, (int)c->a[0], number);
}
