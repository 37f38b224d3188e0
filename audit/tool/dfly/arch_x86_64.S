/* Where a program's system calls come in and go out, without a signal: the program's
 * registers are saved on the thread's own stack, and nothing of the program's is touched.
 * GS is the thread: Go for DragonFly uses FS only. */
#include "arch_x86_64.h"

	.text

/* RCX: where to go on; R11: where to make the call again. */
	.globl arch_entry
	.hidden arch_entry
arch_entry:
	movq %rsp, %gs:T_USER_SP
	movq %gs:T_STACK, %rsp
	pushq %r11			/* R_AGAIN */
	pushfq
	pushq %gs:T_USER_SP
	pushq %rcx			/* R_RIP */
	pushq %r11
	pushq %rcx
	pushq %r15
	pushq %r14
	pushq %r13
	pushq %r12
	pushq %rbp
	pushq %rbx
	pushq %r9
	pushq %r8
	pushq %r10
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rax
	cld
	movq %rsp, %rdi
	xorl %ebp, %ebp
	call dfly_call
	jmp arch_exit

	.globl arch_fault
	.hidden arch_fault
arch_fault:
	movq %gs:T_FRAME, %rsp
	movq %rsp, %rdi
	xorl %ebp, %ebp
	cld
	call dfly_call_failed

/* Nothing below this may change the frame: a signal's handler that comes in between sets
 * the stack pointer back to it and the program counter to here. */
	.globl arch_exit
	.hidden arch_exit
arch_exit:
	movq R_RIP(%rsp), %rcx
	movq %rcx, %gs:T_RESUME
	movq R_RDI(%rsp), %rdi
	movq R_RSI(%rsp), %rsi
	movq R_RDX(%rsp), %rdx
	movq R_R10(%rsp), %r10
	movq R_R8(%rsp), %r8
	movq R_R9(%rsp), %r9
	movq R_RBX(%rsp), %rbx
	movq R_RBP(%rsp), %rbp
	movq R_R12(%rsp), %r12
	movq R_R13(%rsp), %r13
	movq R_R14(%rsp), %r14
	movq R_R15(%rsp), %r15
	movq R_RCX(%rsp), %rcx
	movq R_R11(%rsp), %r11
	movq R_RAX(%rsp), %rax
	cmpl $0, %gs:T_DELIVER
	jne 1f
	pushq R_FLAGS(%rsp)
	popfq
	movq R_RSP(%rsp), %rsp
	jmpq *%gs:T_RESUME
1:	pushq R_FLAGS(%rsp)
	popfq
	movq R_RSP(%rsp), %rsp
	.globl arch_exit_end
	.hidden arch_exit_end
arch_exit_end:
	.globl arch_trap
	.hidden arch_trap
arch_trap:
	ud2

/* long arch_block(number, a, b, c, d, e, f) */
	.globl arch_block
	.hidden arch_block
arch_block:
	movq %rdi, %rax
	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	movq %r8, %r10
	movq %r9, %r8
	movq 8(%rsp), %r9
	.globl arch_block_from
	.hidden arch_block_from
arch_block_from:
	cmpl $0, %gs:T_DELIVER
	jne arch_block_again
	.globl arch_block_at
	.hidden arch_block_at
arch_block_at:
	syscall
	ret
	.globl arch_block_again
	.hidden arch_block_again
arch_block_again:
	movq $-4, %rax			/* -EINTR */
	ret

/* long arch_peek(to, from, n) */
	.globl arch_peek
	.hidden arch_peek
arch_peek:
	movq %rdx, %rcx
	.globl arch_peek_from
	.hidden arch_peek_from
arch_peek_from:
	rep movsb
	.globl arch_peek_to
	.hidden arch_peek_to
arch_peek_to:
	xorl %eax, %eax
	ret
	.globl arch_peek_failed
	.hidden arch_peek_failed
arch_peek_failed:
	movq $-1, %rax
	ret

/* sigreturn(context) by the way that all calls take; the context lies at the stack
 * pointer, now that the handler has returned. */
	.globl arch_sigreturn
	.hidden arch_sigreturn
arch_sigreturn:
	movq %rsp, %rdi
	movl $344, %eax
	leaq arch_sigreturn(%rip), %rcx
	movq %rcx, %r11
	jmp arch_entry

	.globl arch_restorer
	.hidden arch_restorer
arch_restorer:
	movl $15, %eax			/* rt_sigreturn */
	syscall

/* long arch_clone(flags, stack, cleared, start, argument) */
	.globl arch_clone
	.hidden arch_clone
arch_clone:
	subq $16, %rsi
	movq %rcx, (%rsi)
	movq %r8, 8(%rsi)
	movq %rdx, %r10			/* where the kernel clears the thread's number */
	xorl %edx, %edx
	xorl %r8d, %r8d
	movl $56, %eax			/* clone */
	syscall
	testq %rax, %rax
	jz 1f
	ret
1:	popq %rax
	popq %rdi
	xorl %ebp, %ebp
	call *%rax
	ud2

/* arch_start(pc, argument, sp) */
	.globl arch_start
	.hidden arch_start
arch_start:
	movq %rdi, %rax
	movq %rsi, %rdi
	movq %rdx, %rsp
	xorl %ebp, %ebp
	jmpq *%rax

/* arch_restore_fp(state, features); features of 0: no xsave */
	.globl arch_restore_fp
	.hidden arch_restore_fp
arch_restore_fp:
	testq %rsi, %rsi
	jz 1f
	movq %rsi, %rax
	movq %rsi, %rdx
	shrq $32, %rdx
	xrstor64 (%rdi)
	ret
1:	fxrstor64 (%rdi)
	ret

/* The kernel starts the runner here: its relocations first, as nobody else does them. */
	.globl _start
_start:
	xorl %ebp, %ebp
	movq %rsp, %rdi
	leaq _DYNAMIC(%rip), %rsi
	leaq __ehdr_start(%rip), %rdx
	andq $-16, %rsp
	call dfly_start
	ud2
	.hidden _DYNAMIC
	.hidden __ehdr_start

	.section .note.GNU-stack, "", @progbits
