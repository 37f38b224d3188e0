/* The processor's part that needs no assembler: registers of signals' frames, and the
 * text's syscall instructions. */
#include "dfly.h"

_Static_assert(offsetof(struct thread, self) == T_SELF, "T_SELF");
_Static_assert(offsetof(struct thread, user_sp) == T_USER_SP, "T_USER_SP");
_Static_assert(offsetof(struct thread, stack) == T_STACK, "T_STACK");
_Static_assert(offsetof(struct thread, frame) == T_FRAME, "T_FRAME");
_Static_assert(offsetof(struct thread, resume) == T_RESUME, "T_RESUME");
_Static_assert(offsetof(struct thread, deliver) == T_DELIVER, "T_DELIVER");
_Static_assert(sizeof(struct regs) == R_SIZE, "R_SIZE");
_Static_assert(offsetof(struct regs, rcx) == R_RCX, "R_RCX");
_Static_assert(offsetof(struct regs, rip) == R_RIP, "R_RIP");
_Static_assert(offsetof(struct regs, again) == R_AGAIN, "R_AGAIN");

#define G(r)         uc->uc_mcontext.gregs[REG_##r]
#define SYSCALL_SIZE 2

void arch_enter(ucontext_t *uc)
{
	G(RCX) = G(RIP);
	G(R11) = G(RIP) - SYSCALL_SIZE;
	arch_set_pc(uc, arch_entry);
}

void arch_save(struct bsd_mcontext *m, const ucontext_t *uc, uint64_t address)
{
	m->rdi = (uint64_t)G(RDI);
	m->rsi = (uint64_t)G(RSI);
	m->rdx = (uint64_t)G(RDX);
	m->rcx = (uint64_t)G(RCX);
	m->r8 = (uint64_t)G(R8);
	m->r9 = (uint64_t)G(R9);
	m->rax = (uint64_t)G(RAX);
	m->rbx = (uint64_t)G(RBX);
	m->rbp = (uint64_t)G(RBP);
	m->r10 = (uint64_t)G(R10);
	m->r11 = (uint64_t)G(R11);
	m->r12 = (uint64_t)G(R12);
	m->r13 = (uint64_t)G(R13);
	m->r14 = (uint64_t)G(R14);
	m->r15 = (uint64_t)G(R15);
	m->rip = (uint64_t)G(RIP);
	m->rsp = (uint64_t)G(RSP);
	m->rflags = (uint64_t)G(EFL);
	m->trapno = (uint64_t)G(TRAPNO);
	m->err = (uint64_t)G(ERR);
	m->addr = address;
	m->cs = 0x2b;
	m->ss = 0x23;
	m->len = sizeof *m;
}

void arch_load(struct regs *r, const struct bsd_mcontext *m)
{
	r->rdi = m->rdi;
	r->rsi = m->rsi;
	r->rdx = m->rdx;
	r->rcx = m->rcx;
	r->r8 = m->r8;
	r->r9 = m->r9;
	r->rax = m->rax;
	r->rbx = m->rbx;
	r->rbp = m->rbp;
	r->r10 = m->r10;
	r->r11 = m->r11;
	r->r12 = m->r12;
	r->r13 = m->r13;
	r->r14 = m->r14;
	r->r15 = m->r15;
	r->rip = m->rip;
	r->rsp = m->rsp;
	r->flags = m->rflags;
}

#define DIRECTION 0x400l

void arch_call_handler(ucontext_t *uc, uint64_t handler, uint64_t sp, int number, void *info,
		       void *context)
{
	uint64_t *top = (uint64_t *)sp - 1;

	*top = (uint64_t)arch_sigreturn;
	G(RSP) = (greg_t)top;
	G(RIP) = (greg_t)handler;
	G(RDI) = number;
	G(RSI) = (greg_t)info;
	G(RDX) = (greg_t)context;
	G(EFL) &= ~DIRECTION;
}

/* As in the kernel's struct _fpx_sw_bytes, at the end of the old part of the state. */
#define FXSAVE_SIZE 512
#define SW_AT       464
#define SW_MAGIC    0x46505853u

size_t arch_fp_size(const ucontext_t *uc, uint64_t *features)
{
	const uint8_t *state = (const uint8_t *)uc->uc_mcontext.fpregs;
	struct {
		uint32_t magic, extended;
		uint64_t features;
		uint32_t size;
	} sw;

	memcpy(&sw, state + SW_AT, sizeof sw);
	if (sw.magic != SW_MAGIC) {
		*features = 0;
		return FXSAVE_SIZE;
	}
	*features = sw.features;
	return sw.extended;
}

/* The five-byte instruction that stands before a syscall instruction in what Go's
 * assembler makes for DragonFly (runtime/sys_dragonfly_amd64.s, syscall/asm*_amd64.s): a
 * constant into EAX or RAX, or a load, store or address by way of RSP.  None of them
 * depends on where it stands.  0: another. */
static size_t before(const uint8_t *syscall)
{
	const uint8_t *p = syscall - 5;

	if (p[0] == 0xb8) /* mov $n, %eax */
		return p[3] == 0 && p[4] == 0 ? 5 : 0;
	if (syscall[-7] == 0x48 && p[0] == 0xc0 && syscall[-6] == 0xc7)
		return 7; /* mov $n, %rax */
	if ((p[0] & 0xfb) == 0x48 && (p[1] == 0x8b || p[1] == 0x8d || p[1] == 0x89) &&
	    (p[2] & 0xc7) == 0x44 && p[3] == 0x24) /* mov, lea N(%rsp) */
		return 5;
	return 0;
}

static uint8_t *put(uint8_t *p, const void *bytes, size_t n)
{
	memcpy(p, bytes, n);
	return p + n;
}

/* OPCODE and a distance of 32 bits; p runs at `at'. */
static uint8_t *put_relative(uint8_t *p, uint64_t at, const char *opcode, size_t n,
			     uint64_t target)
{
	int32_t distance = (int32_t)(target - (at + n + 4));

	p = put(p, opcode, n);
	return put(p, &distance, 4);
}

#define STUB_ROOM 64
#define HEAD_SIZE 14 /* jmp *0(%rip); the address of arch_entry */

size_t arch_patch(uint8_t *text, size_t size, uint64_t text_at, uint8_t *code, size_t room,
		  uint64_t code_at)
{
	uint64_t entry = (uint64_t)arch_entry;
	uint8_t *p = put(code, "\xff\x25\0\0\0\0", 6);

	p = put(p, &entry, 8);
	for (size_t i = 8; i + SYSCALL_SIZE <= size; i++) {
		size_t n;

		if (text[i] != 0x0f || text[i + 1] != 0x05 || (n = before(text + i)) == 0)
			continue;
		if ((size_t)(p - code) + STUB_ROOM > room)
			break;
		uint64_t site = text_at + i - n, stub = code_at + (uint64_t)(p - code);
		uint64_t next = text_at + i + SYSCALL_SIZE;

		/* The instruction itself, RCX: where to go on, R11: where to begin again. */
		p = put(p, text + i - n, n);
		p = put_relative(p, code_at + (uint64_t)(p - code), "\x48\x8d\x0d", 3, next);
		p = put_relative(p, code_at + (uint64_t)(p - code), "\x4c\x8d\x1d", 3, site);
		p = put_relative(p, code_at + (uint64_t)(p - code), "\xe9", 1, code_at);
		memset(text + i - n, 0xcc, n + SYSCALL_SIZE);
		put_relative(text + i - n, site, "\xe9", 1, stub);
	}
	return (size_t)(p - code);
}

int arch_calls(const uint8_t *text, size_t size, unsigned number)
{
	for (size_t i = 8; i + SYSCALL_SIZE <= size; i++) {
		uint32_t n;

		if (text[i] != 0x0f || text[i + 1] != 0x05)
			continue;
		memcpy(&n, text + i - 4, 4);
		if (n == number && (text[i - 5] == 0xb8 || text[i - 5] == 0xc0))
			return 1;
	}
	return 0;
}
