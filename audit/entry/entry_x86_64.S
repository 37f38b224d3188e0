/* What the entry of a guest's function is made from (arch_write_entry).
 *
 * It adds one to the count of calls that have begun, of the generation's slot
 * in the thread's block, and compares: who replaces a table lets all threads pass a
 * barrier (membarrier(2)) before it reads the counts, so either it sees this call
 * counted, or the comparison sees the new table, and the call starts again.  A table
 * keeps its slot as long as it exists, so it does no harm if it has been given up and
 * used again meanwhile.  Nothing here needs a locked instruction: only this thread
 * writes to its block.
 *
 * The caller's first STACK_WORDS words of stack arguments are passed on.  Where they
 * reach into another page, that one may be none of the stack's (a coroutine's first
 * frame is at its very top), and goaudit_entry_copy copies what there is.  rax (the
 * number of vector registers of a variadic call), all argument registers and all results
 * stay; r10, r11 and xmm15 are scratch at a call (psABI 3.2.3). */
#include "core/layout.h"

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
	movq	0(%rip), %r11		/* the guest's table: the distance of its pointer */
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
	jmp	*0(%rip)		/* the library data's enlist */
.Lentry_enlist:
4:	call	*0(%rip)		/* the library data's copy */
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
