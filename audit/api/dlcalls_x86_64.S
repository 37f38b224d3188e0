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

	ENTRY_POINT entry_dlopen,  decide_dlopen,  real_dlopen
	ENTRY_POINT entry_dlmopen, decide_dlmopen, real_dlmopen
	ENTRY_POINT entry_dlclose, decide_dlclose, real_dlclose
	ENTRY_POINT entry_dlsym,   decide_dlsym,   real_dlsym
	ENTRY_POINT entry_dlvsym,  decide_dlvsym,  real_dlvsym

	.section .note.GNU-stack, "", @progbits
