/* All that the runner knows about the processor: what a call's registers are, and the
 * places in arch_x86_64.S that a signal's handler must recognise.  The offsets are
 * shared with the assembler; arch.c holds them against the structures. */
#ifndef DFLY_ARCH_X86_64_H
#define DFLY_ARCH_X86_64_H

/* struct thread, by way of the GS register */
#define T_SELF    0
#define T_USER_SP 8
#define T_STACK   16
#define T_FRAME   24
#define T_RESUME  32
#define T_DELIVER 40

/* struct regs */
#define R_RAX   0
#define R_RDI   8
#define R_RSI   16
#define R_RDX   24
#define R_R10   32
#define R_R8    40
#define R_R9    48
#define R_RBX   56
#define R_RBP   64
#define R_R12   72
#define R_R13   80
#define R_R14   88
#define R_R15   96
#define R_RCX   104
#define R_R11   112
#define R_RIP   120
#define R_RSP   128
#define R_FLAGS 136
#define R_AGAIN 144
#define R_SIZE  152

#ifndef __ASSEMBLER__
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#define ARCH_MACHINE 62 /* EM_X86_64 */
#define ARCH_NAME    "x86-64"

/* The program's registers at a call, as arch_entry leaves them on the runner's stack
 * and arch_exit takes them from there. */
struct regs {
	uint64_t rax; /* the call's number; its first result */
	uint64_t rdi, rsi, rdx, r10, r8, r9;
	uint64_t rbx, rbp, r12, r13, r14, r15, rcx, r11;
	uint64_t rip, rsp, flags;
	uint64_t again; /* where the program makes this call once more */
};

/* Where a call comes in, its registers as the syscall instruction leaves them but for
 * R11, which says where to make the call again. */
extern char arch_entry[];
/* Back to the program; may be begun again until arch_exit_end. */
extern char arch_exit[], arch_exit_end[];
/* This undefined instruction hands the program's registers to the signal's handler. */
extern char arch_trap[];
/* Ends the call under way with EFAULT. */
extern char arch_fault[];
/* From arch_block_from to arch_block_at the call has not begun. */
extern char arch_block_from[], arch_block_at[], arch_block_again[];
/* A fault in here makes arch_peek return -1. */
extern char arch_peek_from[], arch_peek_to[], arch_peek_failed[];
/* The program's handler of a signal returns to here. */
extern char arch_sigreturn[];
extern char arch_restorer[];

/* A call that may wait: -EINTR where a signal is to be delivered first. */
long arch_block(long number, long a, long b, long c, long d, long e, long f);
/* Copies from the program's memory; -1 where there is none. */
long arch_peek(void *to, const void *from, size_t n);
/* A thread that runs start(argument) on the stack that ends at stack. */
long arch_clone(long flags, void *stack, int *cleared, void (*start)(void *), void *argument);
/* Goes to the program for the first time. */
void arch_start(uint64_t pc, uint64_t argument, uint64_t sp) __attribute__((noreturn));
/* The floating-point state out of a signal's frame. */
void arch_restore_fp(const void *state, uint64_t features);

struct thread;
static inline struct thread *arch_self(void)
{
	struct thread *t;

	__asm__("movq %%gs:0, %0" : "=r"(t));
	return t;
}

static inline long arch_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#define CARRY 1ul

/* DragonFly says by the carry flag whether the result is an error. */
static inline void arch_set_result(struct regs *r, long value, int failed)
{
	r->rax = (uint64_t)value;
	r->flags = failed ? r->flags | CARRY : r->flags & ~CARRY;
}

static inline uint64_t arch_number(const struct regs *r)
{
	return r->rax;
}
static inline void arch_set_second(struct regs *r, uint64_t v)
{
	r->rdx = v;
}
/* The call is made again with the registers that it was made with. */
static inline void arch_restart(struct regs *r)
{
	r->rip = r->again;
}

/* The n-th argument: six in registers, the others above the return address. */
static inline uint64_t arch_argument(const struct regs *r, unsigned n)
{
	switch (n) {
	case 0: return r->rdi;
	case 1: return r->rsi;
	case 2: return r->rdx;
	case 3: return r->r10;
	case 4: return r->r8;
	case 5: return r->r9;
	default: return ((const uint64_t *)r->rsp)[n - 5];
	}
}

/* The machine's part of DragonFly's ucontext: mcontext. */
struct bsd_mcontext {
	uint64_t onstack;
	uint64_t rdi, rsi, rdx, rcx, r8, r9, rax, rbx, rbp, r10, r11, r12, r13, r14, r15;
	uint64_t xflags, trapno, addr, mflags, err, rip, cs, rflags, rsp, ss;
	uint32_t len, fpformat, ownedfp, reserved, unused[8];
	int32_t fpregs[256];
};

/* What a signal's handler sees of the interrupted program. */
static inline uint64_t arch_pc(const ucontext_t *uc)
{
	return (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
}
static inline uint64_t arch_sp(const ucontext_t *uc)
{
	return (uint64_t)uc->uc_mcontext.gregs[REG_RSP];
}
static inline uint64_t arch_result(const ucontext_t *uc)
{
	return (uint64_t)uc->uc_mcontext.gregs[REG_RAX];
}
static inline void arch_set_pc(ucontext_t *uc, const void *pc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)pc;
}
static inline void arch_set_sp(ucontext_t *uc, uint64_t sp)
{
	uc->uc_mcontext.gregs[REG_RSP] = (greg_t)sp;
}

/* A call that the kernel has turned into SIGSYS goes in by arch_entry. */
void arch_enter(ucontext_t *uc);
void arch_save(struct bsd_mcontext *m, const ucontext_t *uc, uint64_t address);
void arch_load(struct regs *r, const struct bsd_mcontext *m);
/* Calls handler(number, info, context), which returns to arch_sigreturn. */
void arch_call_handler(ucontext_t *uc, uint64_t handler, uint64_t sp, int number, void *info,
		       void *context);
/* Size and features of the floating-point state in a signal's frame. */
size_t arch_fp_size(const ucontext_t *uc, uint64_t *features);

/* The image's syscall instructions that can be turned into jumps to code of ours, which
 * costs no signal: writes that code at `code', where it will run at `code_at'; -> bytes
 * used.  text is a writable copy, which runs at text_at. */
size_t arch_patch(uint8_t *text, size_t size, uint64_t text_at, uint8_t *code, size_t room,
		  uint64_t code_at);
/* The number of a call that says that it is a program for DragonFly: set_tls_area. */
int arch_calls(const uint8_t *text, size_t size, unsigned number);
#endif
#endif
