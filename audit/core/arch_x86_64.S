	.text

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

/* void *arch_start(void *start) */
	.globl	arch_start
	.hidden	arch_start
	.type	arch_start, @function
	.p2align 4
arch_start:
	.cfi_startproc
	endbr64
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	*(%rdi)
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	movq	%rdx, %rdi
	jmp	*%rax
	.cfi_endproc
	.size	arch_start, . - arch_start

	.section .note.GNU-stack, "", @progbits
