/* goaudit-dfly runs a Go program that was built for DragonFly BSD in its own process.
 *
 * The program's image is mapped where it was linked for.  Its system calls come here in
 * one of two ways.  Those that image.c finds when it maps the text are jumps to
 * arch_entry, which costs next to nothing.  The kernel turns all others into SIGSYS (syscall
 * user dispatch: all that do not come from the runner's own text), whose handler goes on at
 * arch_entry, too.  There the program's registers are saved on the thread's own stack,
 * the table (table.c) says which function answers the number, and arch_exit goes back.
 *
 * No libc: the FS register is the program's from its first call on, GS is the thread's
 * structure here, and a signal may come at any time.  Linux's errors are negative numbers
 * until call.c turns them into DragonFly's.
 *
 * Signals.  The kernel's mask of a thread is always the program's.  A signal that comes
 * while the program's own code runs is delivered at once: a frame as DragonFly makes it, on
 * the stack that the program has set.  One that comes while the runner works is kept
 * (thread.pending) and delivered on the way out; a call that waits is interrupted.  So no
 * call needs the mask changed, and nothing is lost between a look and a wait (arch_block).
 *
 * Locks (struct lock, spinning) are held for a few instructions and never across a
 * call that waits or memory of the program's.  None is taken while another is held but by
 * fork, which takes all, in this order: actions, kqueues, threads. */
#ifndef DFLY_H
#define DFLY_H

#include "arch_x86_64.h"
#include "bsd.h"

#include <asm/unistd.h>
#include <errno.h>
#include <stdbool.h>

#define EXIT_REFUSED   126 /* cannot be run so; 127: not found */
#define EXIT_NOT_FOUND 127
#define PAGE           4096ul
#define PATH_ROOM      4096

struct lock {
	uint32_t held;
};

/* One action of the program's on a signal. */
struct action {
	uint64_t handler; /* or BSD_SIG_DFL, BSD_SIG_IGN */
	uint64_t mask;    /* bits of DragonFly's numbers */
	int32_t flags;
};

/* A thread of the program's; the head of a block that holds its two stacks as well. */
struct thread {
	struct thread *self; /* the first six: known to arch_x86_64.S */
	uint64_t user_sp, stack, frame, resume;
	volatile uint32_t deliver; /* a signal is pending that is not masked */
	volatile uint32_t changes; /* of pending */
	volatile bool in_call;     /* a fault of the runner's is the call's EFAULT */
	int tid;
	int alive;           /* the kernel clears it, when the thread's stacks are free */
	struct thread *next; /* dfly.threads, under dfly.thread_lock */
	struct bsd_lwp start;
	struct bsd_stack alt;   /* the program's stack for signals */
	volatile uint64_t mask; /* of signals, by DragonFly's numbers */
	volatile uint64_t pending;
	siginfo_t info[BSD_NSIG]; /* of those pending */
};

/* The root of the runner's state. */
struct dfly {
	const char *program;   /* its name as it was given, for messages */
	char self[PATH_ROOM];  /* this file, to run other programs with */
	char image[PATH_ROOM]; /* the program's file, absolute: kern.proc.pathname */
	bool trace;
	bool by_signal;              /* no call of the text is turned into a jump */
	int fail_settls;             /* the error of set_tls_area; 0: it works */
	uint64_t text_from, text_to; /* the runner's own */
	uint64_t code_from, code_to; /* what the text's calls jump to */
	struct lock action_lock;
	struct action action[BSD_NSIG];
	bool handled[BSD_NSIG]; /* the program has had a handler */
	struct lock thread_lock;
	struct thread *threads;
	struct lock kqueue_lock; /* kqueue.c */
	uint32_t unknown[600];   /* calls by number that were answered with ENOSYS */
};
extern struct dfly dfly;

/* A call under way. */
struct call {
	struct thread *thread;
	struct regs *regs;
	uint64_t a[6];
};

enum {
	CALL_WAITS = 1,    /* may wait, so a signal interrupts it */
	CALL_RESTARTS = 2, /* is made again after a signal, if SA_RESTART says so */
	CALL_ENDS = 4,     /* does not return: shown before it is made */
};

/* What answers a number. */
struct entry {
	const char *name;
	/* A result, a Linux error as a negative number, or one of the next two. */
	long (*run)(struct call *c);
	short linux_number; /* with the same arguments, where run is NULL */
	short flags;
	const char *format; /* a letter for each argument: see trace.c */
};
#define ENTRIES 600
extern const struct entry table[ENTRIES];

#define NO_RESULT       INT64_MIN             /* the registers are set already */
#define BSD_ERROR(e)    (-(long)(8192 + (e))) /* an error of DragonFly's own */
#define IS_BSD_ERROR(r) ((r) <= -8192 && (r) > -8192 - 256)
#define IS_ERROR(r)     ((r) < 0 && (r) > -4096)

/* ---- call.c ---- */
void call_begin_dispatch(void); /* for this thread; ends the process where it fails */
void call_told_unknown(void);   /* prints the calls that were not known */

/* ---- start.c ---- */
void put_error(const char *subject, const char *reason, const char *cure);

/* ---- image.c: what is mapped, and what refuses it ---- */
struct image {
	uint64_t entry, from, to;
};
/* Maps it; NULL, or why it cannot be run: status says the exit status. */
const char *image_map(const char *path, struct image *image, int *status);
/* For execve: whether the file is a program for DragonFly. */
bool image_is_dragonfly(const char *path);
/* The function that pc lies in, from the file's symbols, as NAME+0xOFFSET. */
bool image_symbol(uint64_t pc, char *out, size_t room);

/* ---- thread.c ---- */
struct thread *thread_new(void);
void thread_attach(struct thread *t);        /* the calling thread becomes t */
void thread_forget_others(struct thread *t); /* in a forked child */

/* ---- signal.c ---- */
void signal_begin(struct thread *t);
void signal_set_mask(struct thread *t, uint64_t mask); /* the kernel's, too */
void signal_resend(struct thread *t);                  /* what is pending goes to the process */
bool signal_restarts(struct thread *t); /* no pending handler wants the call to fail */
int signal_to_linux(int bsd);           /* 0: none */
int signal_to_bsd(int linux_number);
const char *signal_name(int bsd);
struct siginfo_status;
int signal_status(int linux_status); /* of wait4 */

/* ---- errno.c ---- */
int errno_to_bsd(int linux_error);
const char *errno_name(int bsd);

/* ---- trace.c ---- */
void trace_call(const struct call *c, unsigned number, const struct entry *e);
void trace_result(const struct call *c, unsigned number, const struct entry *e, long result,
		  int error);
void trace_signal(struct thread *t, int number, const siginfo_t *info);

/* ---- file.c, descriptor.c ---- */
int file_at(uint64_t fd); /* AT_FDCWD is another number */
int file_open_flags(int flags);
void kqueue_closed(int fd); /* a descriptor is gone: so are its events */
void kqueue_before_fork(void);
void kqueue_after_fork(bool child);

/* ---- route.c ---- */
/* net.route's list of interfaces or routes: bytes, or what they would be where out is NULL. */
long route_list(uint8_t *out, size_t room, int family, int op, int argument);

/* ---- lib.c ---- */
void lock_take(struct lock *l);
void lock_give(struct lock *l);
size_t text_len(const char *s);
bool text_is(const char *a, const char *b);
const char *text_last_part(const char *path);

/* A line that is written by one call; what does not fit is left out. */
struct line {
	char s[1200];
	size_t n;
};
void line_text(struct line *l, const char *s);
void line_bytes(struct line *l, const char *s, size_t n);
void line_number(struct line *l, long v);
void line_hex(struct line *l, uint64_t v);
void line_octal(struct line *l, uint64_t v);
void line_put(struct line *l); /* adds a newline, writes it to standard error */

/* Pages of memory; NULL: there is none. */
void *pages_new(size_t size);
void pages_free(void *p, size_t size);

#define sys0(n)             arch_syscall(n, 0, 0, 0, 0, 0, 0)
#define sys1(n, a)          arch_syscall(n, (long)(a), 0, 0, 0, 0, 0)
#define sys2(n, a, b)       arch_syscall(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define sys3(n, a, b, c)    arch_syscall(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define sys4(n, a, b, c, d) arch_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define sys5(n, a, b, c, d, e) \
	arch_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define sys6(n, a, b, c, d, e, f) \
	arch_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* The same for calls that may wait. */
#define block3(n, a, b, c) arch_block(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define block6(n, a, b, c, d, e, f) \
	arch_block(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
