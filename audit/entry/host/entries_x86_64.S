/* libgoaudit-entries.so: what the entries of guests' functions (entry_x86_64.S) share.
 *
 * Loaded into the host's namespace, so that debuggers and unwinders know it. */

#include <asm/errno.h>
#include <asm/unistd.h>

#include "../../core/layout.h"

#define PAGE 4096

#define XSAVE_HEADER 512
#define XSAVE_VECTORS 0xe6	/* SSE, AVX, and the three parts of AVX-512 */

/* The vector registers to the stack, whose pointer is lost, and back.  rax, rdx. */
	.macro SAVE_VECTORS
	subq	goaudit_entry_saved(%rip), %rsp
	andq	$-64, %rsp
	xorl	%eax, %eax
	.irp	at, 0, 8, 16, 24, 32, 40, 48, 56
	movq	%rax, XSAVE_HEADER + \at(%rsp)
	.endr
	movl	$XSAVE_VECTORS, %eax
	xorl	%edx, %edx
	xsave64	(%rsp)
	.endm

	.macro RESTORE_VECTORS
	movl	$XSAVE_VECTORS, %eax
	xorl	%edx, %edx
	xrstor64 (%rsp)
	.endm

	.section .tbss, "awT", @nobits
	.p2align 3
	.type	thread_block, @object
thread_block:			/* struct entry_thread * */
	.zero	8
	.size	thread_block, 8

/* Set once, before the first entry is made. */
	.bss
	.globl	goaudit_entry_enlister
	.type	goaudit_entry_enlister, @object
	.p2align 3
goaudit_entry_enlister:		/* struct entry_thread *(*)(void) */
	.zero	8
	.size	goaudit_entry_enlister, 8
	.globl	goaudit_entry_in_vain
	.type	goaudit_entry_in_vain, @object
goaudit_entry_in_vain:		/* void (*)(uintptr_t entry, int lacking) */
	.zero	8
	.size	goaudit_entry_in_vain, 8
	.globl	goaudit_entry_saved
	.type	goaudit_entry_saved, @object
goaudit_entry_saved:		/* bytes that XSAVE may write */
	.zero	8
	.size	goaudit_entry_saved, 8

	.globl	goaudit_entry_frame
	.type	goaudit_entry_frame, @object
goaudit_entry_frame:		/* uint64_t (*)(uintptr_t back) */
	.zero	8
	.size	goaudit_entry_frame, 8
	.globl	goaudit_entry_room
	.type	goaudit_entry_room, @object
goaudit_entry_room:		/* uint64_t (*)(uint64_t words, uintptr_t back) */
	.zero	8
	.size	goaudit_entry_room, 8
	.globl	goaudit_entry_frames
	.type	goaudit_entry_frames, @object
goaudit_entry_frames:		/* of callers (wide.h) */
	.zero	8 * WIDE_FRAMES
	.size	goaudit_entry_frames, 8 * WIDE_FRAMES

/* In a section of this name gdb's `step` goes through code without lines, as through
 * a procedure linkage table, and stops in the guest's function (objfiles.h,
 * in_plt_section).  So this file is assembled without debug information. */
	.section .plt, "ax", @progbits

/* int goaudit_entry_block(void): where thread_block is, from the thread pointer. */
	.globl	goaudit_entry_block
	.type	goaudit_entry_block, @function
	.p2align 4
goaudit_entry_block:
	.cfi_startproc
	endbr64
	movq	thread_block@gottpoff(%rip), %rax
	ret
	.cfi_endproc
	.size	goaudit_entry_block, . - goaudit_entry_block

/* The thread's first call of a guest: an entry, r11, jumps here, and is begun again.  The
 * C function may change any register. */
	.globl	goaudit_entry_enlist
	.type	goaudit_entry_enlist, @function
	.p2align 4
goaudit_entry_enlist:
	.cfi_startproc
	endbr64
	pushq	%rbx
	.cfi_def_cfa_offset 16
	.cfi_offset %rbx, -16
	pushq	%rax
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%r8
	pushq	%r9
	pushq	%r11
	movq	%rsp, %rbx
	.cfi_def_cfa %rbx, 80
	SAVE_VECTORS
	call	*goaudit_entry_enlister(%rip)
	movq	%rax, %r10
	RESTORE_VECTORS
	movq	thread_block@gottpoff(%rip), %rdx
	movq	%r10, %fs:(%rdx)
	movq	%rbx, %rsp
	.cfi_def_cfa %rsp, 80
	popq	%r11
	popq	%r9
	popq	%r8
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	popq	%rax
	popq	%rbx
	.cfi_def_cfa_offset 8
	.cfi_restore %rbx
	jmp	*%r11
	.cfi_endproc
	.size	goaudit_entry_enlist, . - goaudit_entry_enlist

/* Copies the stack arguments of an entry that calls it where some of them are in another
 * page than the return address, if that page can be read at all: the kernel looks at a
 * signal set before it looks at a bad first argument.  Keeps all registers but
 * r10. */
	.globl	goaudit_entry_copy
	.type	goaudit_entry_copy, @function
	.p2align 4
goaudit_entry_copy:
	.cfi_startproc
	endbr64
	.irp	register, rax, rdi, rsi, rdx, rcx, r11
	pushq	%\register
	.cfi_adjust_cfa_offset 8
	.endr
	.set	to, 56			/* the entry's rsp */
	.set	from, to + 8 * STACK_WORDS + 16
	leaq	from + 8 * STACK_WORDS - 1(%rsp), %rsi
	andq	$-PAGE, %rsi		/* the other page */
	movl	$__NR_rt_sigprocmask, %eax
	movq	$-1, %rdi
	xorl	%edx, %edx
	movl	$8, %r10d
	syscall
	leaq	from(%rsp), %rcx
	leaq	8 * STACK_WORDS(%rcx), %rdx
	cmpq	$-EFAULT, %rax
	cmoveq	%rsi, %rdx		/* the end of what can be read */
	leaq	to(%rsp), %rdi
1:	cmpq	%rdx, %rcx
	jae	2f
	movq	(%rcx), %r10
	movq	%r10, (%rdi)
	addq	$8, %rcx
	addq	$8, %rdi
	jmp	1b
2:
	.irp	register, r11, rcx, rdx, rsi, rdi, rax
	popq	%\register
	.cfi_adjust_cfa_offset -8
	.endr
	ret
	.cfi_endproc
	.size	goaudit_entry_copy, . - goaudit_entry_copy

/* Asks a C function with rcx and the return address; the answer is in rax.  rcx and r11 are
 * lost. */
	.macro ASK function
	.irp	register, rdi, rsi, rdx, r8, r9	/* -64 */
	pushq	%\register
	.endr
	movq	%rcx, %rdi
	movq	caller - 8(%rbp), %rsi
	SAVE_VECTORS
	call	*\function(%rip)
	movq	%rax, %r10
	RESTORE_VECTORS
	leaq	-64(%rbp), %rsp
	.irp	register, r9, r8, rdx, rsi, rdi
	popq	%\register
	.endr
	movq	%r10, %rax
	.endm

/* What the entry of a function with more arguments calls instead; r11 is its table.  The
 * function's place there is in the entry's call, before the return address.  A frame of its
 * own, with a frame pointer, since it is of any size; it is filled from above, so that a
 * stack's guard page is met.  The arguments keep their alignment. */
	.set	entered, 8 * STACK_WORDS + 16	/* the entry's frame and return address */
	.set	caller, 16 + entered		/* the arguments, from our frame pointer */

	.globl	goaudit_entry_wide
	.type	goaudit_entry_wide, @function
	.p2align 4
goaudit_entry_wide:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	movq	8(%rbp), %r10
	movslq	-4(%r10), %r10
	addq	%r10, %r10
	addq	WIDE_TABLE(%r11), %r10
	pushq	-2 * WIDE_TARGETS(%r10)		/* -8: the function */
	pushq	%rax				/* -16 */
	pushq	%rcx				/* -24 */
	movq	-2 * WIDE_TARGETS + 8(%r10), %rcx
	testq	%rcx, %rcx
	jz	4f
1:	leaq	caller(%rbp), %r11		/* rcx words; it may be that not all are there */
	leaq	-1(%r11, %rcx, 8), %rax
	leaq	-8(%r11), %r10
	xorq	%r10, %rax
	testq	$-PAGE, %rax
	jnz	8f
.Lwide_copy:
2:	leaq	(, %rcx, 8), %rax
	negq	%rax
	addq	%rsp, %rax
	subq	%r11, %rax
	andq	$-64, %rax
	addq	%r11, %rax
	movq	%rax, %rsp
3:	subq	$1, %rcx
	jb	7f
	movq	(%r11, %rcx, 8), %r10
	movq	%r10, (%rsp, %rcx, 8)
	jmp	3b
7:	movq	-24(%rbp), %rcx
	movq	-16(%rbp), %rax
	call	*-8(%rbp)
	leave
	.cfi_remember_state
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	ret
	.cfi_restore_state
4:	movq	caller - 8(%rbp), %rcx		/* where it is called from */
	movl	%ecx, %r10d
	andl	$WIDE_FRAMES - 1, %r10d
	leaq	goaudit_entry_frames(%rip), %rax
	movq	(%rax, %r10, 8), %rax
	shrq	$WIDE_FRAMES_BITS, %rcx
	movq	%rax, %r10
	shrq	$WIDE_SHIFT, %r10
	cmpq	%rcx, %r10
	jne	9f
5:	leaq	caller(%rbp), %r11
	movl	%eax, %ecx
	andl	$WIDE_FROM_FRAME - 1, %ecx
	testl	$WIDE_FROM_FRAME, %eax
	jz	6f
	leaq	(, %rcx, 8), %rcx
	addq	(%rbp), %rcx
	subq	%r11, %rcx
	sarq	$3, %rcx
6:	cmpq	$WIDE_PLAIN, %rcx
	jg	10f
	testq	%rcx, %rcx
	jg	2b
	movl	$WIDE_PLAIN, %ecx
	jmp	1b
8:	.irp	register, rdi, rsi, rdx, r8	/* up to the first page that cannot be read */
	pushq	%\register
	.endr
	leaq	(%r11, %rcx, 8), %r8
	movq	%r10, %rsi
1:	orq	$PAGE - 1, %rsi
	incq	%rsi
	cmpq	%r8, %rsi
	jae	2f
	movl	$__NR_rt_sigprocmask, %eax	/* as goaudit_entry_copy does */
	movq	$-1, %rdi
	xorl	%edx, %edx
	movl	$8, %r10d
	syscall
	cmpq	$-EFAULT, %rax
	jne	1b
	movq	%rsi, %r8
2:	leaq	caller(%rbp), %r11
	movq	%r8, %rcx
	subq	%r11, %rcx
	sarq	$3, %rcx
	.irp	register, r8, rdx, rsi, rdi
	popq	%\register
	.endr
	jmp	.Lwide_copy
9:	ASK	goaudit_entry_frame
	jmp	5b
10:	ASK	goaudit_entry_room
	movq	%rax, %rcx
	leaq	caller(%rbp), %r11
	jmp	.Lwide_copy
	.cfi_endproc
	.size	goaudit_entry_wide, . - goaudit_entry_wide

/* void goaudit_entry_prepare(void): has the calling thread enlisted, so that a
 * debugger's `step` into its first call does not stop there. */
	.globl	goaudit_entry_prepare
	.type	goaudit_entry_prepare, @function
goaudit_entry_prepare:
	.cfi_startproc
	endbr64
	pushq	%rbx
	.cfi_def_cfa_offset 16
	.cfi_offset %rbx, -16
	movq	thread_block@gottpoff(%rip), %rbx
	cmpq	$0, %fs:(%rbx)
	jne	1f
	call	*goaudit_entry_enlister(%rip)
	movq	%rax, %fs:(%rbx)
1:	popq	%rbx
	.cfi_def_cfa_offset 8
	.cfi_restore %rbx
	ret
	.cfi_endproc
	.size	goaudit_entry_prepare, . - goaudit_entry_prepare

/* What entries call that lead nowhere: it is logged, and the process is stopped by
 * a signal in a function that says why. */
	.macro IN_VAIN name, lacking
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	endbr64
	movq	(%rsp), %rdi
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	movl	$\lacking, %esi
	call	*goaudit_entry_in_vain(%rip)
	ud2
	.cfi_endproc
	.size	\name, . - \name
	.endm

	IN_VAIN	goaudit_called_after_unload, 0
	IN_VAIN	goaudit_called_lacking_function, 1

	.section .note.GNU-stack, "", @progbits
