/* libgoaudit-entries.so: the addresses that dlsym gives for a guest's functions.
 *
 * Loaded into the host's namespace, so that debuggers and unwinders know it.
 * An entry calls the function that its guest's table names, with the
 * registers and the first STACK_WORDS words of stack arguments that its caller
 * passed.  Meanwhile the generation's column in the calling thread's block
 * (gate.h) counts one call more.
 *
 * The count needs no locked instruction, as only this thread writes it.  Who
 * replaces a table lets all threads pass a barrier (membarrier(2)) before it
 * reads the counts; so either it sees this call counted, or the comparison below
 * sees the new table, and the call starts again.  A table may have been used again
 * for another generation since its address was read, so its column is compared too.
 *
 * Not touched: rax (the number of vector registers of a variadic call), all
 * argument registers, all results.  r10 and r11 are scratch at a call (psABI
 * 3.2.3). */

#define ENTRIES 4096		/* GATE_ENTRIES */
#define STACK_WORDS 16		/* GATE_STACK_WORDS */

#define ENTRY_TABLE 0		/* struct gate_entry */
#define ENTRY_OFFSET 8
#define TABLE_COLUMN 0		/* struct gate_table */
#define TABLE_TARGETS 24

#define XSAVE_HEADER 512
#define XSAVE_VECTORS 0xe6	/* SSE, AVX, and the three parts of AVX-512 */

	.section .tbss, "awT", @nobits
	.p2align 3
	.type	thread_block, @object
thread_block:
	.zero	8
	.size	thread_block, 8

	.bss
	.globl	goaudit_entry_slots
	.type	goaudit_entry_slots, @object
	.p2align 6
goaudit_entry_slots:		/* struct gate_entry [ENTRIES] */
	.zero	ENTRIES * 16
	.size	goaudit_entry_slots, . - goaudit_entry_slots

/* Set once, before the first entry is given out. */
	.globl	goaudit_entry_enlist
	.type	goaudit_entry_enlist, @object
goaudit_entry_enlist:		/* struct gate_thread *(*)(void) */
	.zero	8
	.size	goaudit_entry_enlist, 8
	.globl	goaudit_entry_xsave_size
	.type	goaudit_entry_xsave_size, @object
goaudit_entry_xsave_size:	/* bytes that XSAVE may write */
	.zero	8
	.size	goaudit_entry_xsave_size, 8

/* In a section of this name gdb's `step` goes through code without lines, as through
 * a procedure linkage table, and stops in the guest's function (objfiles.h,
 * in_plt_section).  So this file is assembled without debug information. */
	.section .plt, "ax", @progbits
	.globl	goaudit_entry
	.type	goaudit_entry, @function
	.p2align 5
goaudit_entry:			/* r11: the struct gate_entry */
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	pushq	%rbx
	.cfi_offset %rbx, -24
	pushq	%r12
	.cfi_offset %r12, -32
	pushq	%r13
	.cfi_offset %r13, -40
	subq	$(STACK_WORDS * 8 + 8), %rsp
	movq	ENTRY_TABLE(%r11), %r12
1:	movq	thread_block@gottpoff(%rip), %r10
	movq	%fs:(%r10), %r10
	testq	%r10, %r10
	jz	enlist
2:	movq	(%r12), %rbx
	movq	TABLE_COLUMN(%rbx), %r13
	addq	%r13, %r10
	incl	(%r10)
	cmpq	%rbx, (%r12)
	jne	3f
	cmpq	%r13, TABLE_COLUMN(%rbx)
	jne	3f
	movq	ENTRY_OFFSET(%r11), %r11
	movq	TABLE_TARGETS(%rbx, %r11), %r11
	movq	%r10, %rbx
	.irp	at, 0, 16, 32, 48, 64, 80, 96, 112
	movups	16 + \at(%rbp), %xmm15
	movups	%xmm15, \at(%rsp)
	.endr
	call	*%r11
	decl	(%rbx)
	movq	-8(%rbp), %rbx
	movq	-16(%rbp), %r12
	movq	-24(%rbp), %r13
	leave
	.cfi_remember_state
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	.cfi_restore %rbx
	.cfi_restore %r12
	.cfi_restore %r13
	ret
	.cfi_restore_state
3:	decl	(%r10)
	jmp	1b

/* The thread's first call.  The C function may change any register. */
enlist:	pushq	%rax
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%r8
	pushq	%r9
	pushq	%r11
	movq	%rsp, %rbx
	subq	goaudit_entry_xsave_size(%rip), %rsp
	andq	$-64, %rsp
	xorl	%eax, %eax
	.irp	at, 0, 8, 16, 24, 32, 40, 48, 56
	movq	%rax, XSAVE_HEADER + \at(%rsp)
	.endr
	movl	$XSAVE_VECTORS, %eax
	xorl	%edx, %edx
	xsave64	(%rsp)
	call	*goaudit_entry_enlist(%rip)
	movq	%rax, %r10
	movl	$XSAVE_VECTORS, %eax
	xorl	%edx, %edx
	xrstor64 (%rsp)
	movq	thread_block@gottpoff(%rip), %rdx
	movq	%r10, %fs:(%rdx)
	movq	%rbx, %rsp
	popq	%r11
	popq	%r9
	popq	%r8
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	popq	%rax
	jmp	2b
	.cfi_endproc
	.size	goaudit_entry, . - goaudit_entry

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
	call	*goaudit_entry_enlist(%rip)
	movq	%rax, %fs:(%rbx)
1:	popq	%rbx
	.cfi_def_cfa_offset 8
	.cfi_restore %rbx
	ret
	.cfi_endproc
	.size	goaudit_entry_prepare, . - goaudit_entry_prepare

/* What the entries of a generation that is gone call. */
	.globl	goaudit_called_after_unload
	.type	goaudit_called_after_unload, @function
goaudit_called_after_unload:
	.cfi_startproc
	endbr64
	ud2
	.cfi_endproc
	.size	goaudit_called_after_unload, . - goaudit_called_after_unload

	.globl	goaudit_entries
	.type	goaudit_entries, @function
	.p2align 4
goaudit_entries:
	.cfi_startproc
	.set	n, 0
	.rept	ENTRIES
	.p2align 4
	endbr64
	leaq	goaudit_entry_slots + n * 16(%rip), %r11
	jmp	goaudit_entry
	.set	n, n + 1
	.endr
	.cfi_endproc
	.size	goaudit_entries, . - goaudit_entries

	.section .note.GNU-stack, "", @progbits
