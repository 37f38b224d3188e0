/* The entries that the host's calls of dlopen and its kin are pointed at.
 *
 * Each one asks a C function whether the call is ours.  If it is not, the real
 * function is reached by a jump with the registers and the stack as they were,
 * so that ld.so sees the true caller and with it the right namespace, RUNPATH
 * and $ORIGIN (dl-open.c, dl_open_worker_begin looks the return address up).
 *
 * The C function gets the call's first four arguments and, as the fifth, the
 * return address; it returns struct decision in rax:rdx. */
	.text

	.macro ENTRY_POINT name, decide, slot
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	endbr64
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movq	40(%rsp), %r8		/* the caller's return address */
	call	\decide
	movq	%rdx, %r9
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	testq	%rax, %rax
	jz	1f
	movq	%r9, %rax
	ret
1:	jmp	*\slot(%rip)
	.cfi_endproc
	.size	\name, . - \name
	.endm

	ENTRY_POINT entry_dlopen,  decide_dlopen,  intercept_real_dlopen
	ENTRY_POINT entry_dlmopen, decide_dlmopen, intercept_real_dlmopen
	ENTRY_POINT entry_dlclose, decide_dlclose, intercept_real_dlclose
	ENTRY_POINT entry_dlsym,   decide_dlsym,   intercept_real_dlsym
	ENTRY_POINT entry_dlvsym,  decide_dlvsym,  intercept_real_dlvsym

/* void *arch_call_as(void *fn, const void *a, uint64_t b, uint64_t c, const void *ret_insn)
 *
 * Calls fn(a, b, c) in such a way that its return address lies in another
 * object: fn returns to ret_insn, a `ret` instruction there, which returns here. */
	.globl	arch_call_as
	.hidden	arch_call_as
	.type	arch_call_as, @function
	.p2align 4
arch_call_as:
	.cfi_startproc
	endbr64
	subq	$16, %rsp		/* two more words follow: fn finds the stack aligned */
	.cfi_adjust_cfa_offset 16
	leaq	1f(%rip), %rax
	pushq	%rax
	.cfi_adjust_cfa_offset 8
	pushq	%r8
	.cfi_adjust_cfa_offset 8
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	jmp	*%rax
	.cfi_adjust_cfa_offset -16
1:	addq	$16, %rsp
	.cfi_adjust_cfa_offset -16
	ret
	.cfi_endproc
	.size	arch_call_as, . - arch_call_as

/* What the entry of a guest's function is made from (arch_write_entry, gate.h).
 *
 * It adds one to the count of calls that have begun, of the generation's column
 * in the thread's block, and compares: who replaces a table lets all threads pass a
 * barrier (membarrier(2)) before it reads the counts, so either it sees this call
 * counted, or the comparison sees the new table, and the call starts again.  A table
 * keeps its column as long as it exists, so it does no harm if it has been given up and
 * used again meanwhile.  Nothing here needs a locked instruction: only this thread
 * writes to its block.
 *
 * The caller's first STACK_WORDS words of stack arguments are passed on.  Where they
 * reach into another page, that one may be none of the stack's (a coroutine's first
 * frame is at its very top), and goaudit_entry_copy copies what there is.  rax (the
 * number of vector registers of a variadic call), all argument registers and all results
 * stay; r10, r11 and xmm15 are scratch at a call (psABI 3.2.3). */
#define STACK_WORDS 16		/* GATE_STACK_WORDS; a power of 2 */
#define PAGE 4096

	.section .rodata
	.globl	arch_entry_code
	.hidden	arch_entry_code
	.p2align 4
arch_entry_code:
	endbr64
1:	movq	%fs:0, %r10		/* the block: its offset from the thread pointer */
.Lentry_block:	testq	%r10, %r10
	jz	3f
	movq	0(%rip), %r11		/* the cell's table: its distance */
.Lentry_table:	addq	(%r11), %r10
	incl	(%r10)
	cmpq	0(%rip), %r11		/* the same */
.Lentry_check:	jne	2f
	pushq	%r10
.Lentry_pushed:	addq	$-8 * STACK_WORDS, %rsp
.Lentry_lowered:
	leaq	8 * STACK_WORDS + 16 + 8 * STACK_WORDS - 1(%rsp), %r10
	testl	$PAGE - 8 * STACK_WORDS, %r10d	/* the first 128 bytes of a page? */
	jz	4f
	.set	at, 0
	.rept	STACK_WORDS / 2
	movups	8 * STACK_WORDS + 16 + at(%rsp), %xmm15
	movups	%xmm15, at(%rsp)
	.set	at, at + 16
	.endr
5:	call	*0x7fffffff(%r11)	/* the table's target: its offset */
.Lentry_target:	subq	$-8 * STACK_WORDS, %rsp
.Lentry_raised:	popq	%r10
.Lentry_popped:	incl	4(%r10)
	ret
2:	incl	4(%r10)
	jmp	1b
3:	leaq	arch_entry_code(%rip), %r11
	jmp	*0(%rip)		/* the cell's enlist */
.Lentry_enlist:
4:	call	*0(%rip)		/* the cell's copy */
.Lentry_copy:	jmp	5b
	.p2align 5, 0xcc
.Lentry_end:

/* struct arch_entry */
	.globl	arch_entry
	.hidden	arch_entry
	.p2align 2
arch_entry:
	.long	.Lentry_end - arch_entry_code
	.irp	label, block, table, check, target, enlist, copy, pushed, lowered, raised, popped
	.long	.Lentry_\label - arch_entry_code
	.endr

	.section .note.GNU-stack, "", @progbits
