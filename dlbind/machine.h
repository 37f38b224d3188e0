/* What depends on the processor, for libdlbind, the audit module, its libraries and its
 * command alike.  Another processor is another branch here, and whatever says so where
 * this header is included. */
#ifndef DLBIND_MACHINE_H
#define DLBIND_MACHINE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined __x86_64__

#define MACHINE_ELF EM_X86_64

/* Its names: Go's, of Debian's folders, of lines of ldconfig -p; and glibc's loader (psABI). */
#define MACHINE_GOARCH    "amd64"
#define MACHINE_MULTIARCH "x86_64-linux-gnu"
#define MACHINE_LDCONFIG  "x86-64"
#define MACHINE_LOADER    "/lib64/ld-linux-x86-64.so.2"

/* The pages of this kernel, and the largest that any kernel for the machine has: files
 * that are laid out here fit all of them. */
#define MACHINE_PAGE     4096ul
#define MACHINE_PAGE_MAX 4096ul

#define MACHINE_RETURN      "\xc3" /* near return */
#define MACHINE_RETURN_SIZE 1u
#define MACHINE_FILL        0xcc /* bytes of it trap when they are executed: int3 */

/* Relocations (psABI, table 4.9): a symbol's address with an addend, and in the global
 * offset table; for thread-local storage. */
#define MACHINE_R_ADDRESS    R_X86_64_64
#define MACHINE_R_GLOB_DAT   R_X86_64_GLOB_DAT
#define MACHINE_R_JUMP_SLOT  R_X86_64_JUMP_SLOT
#define MACHINE_R_RELATIVE   R_X86_64_RELATIVE
#define MACHINE_R_IRELATIVE  R_X86_64_IRELATIVE
#define MACHINE_R_COPY       R_X86_64_COPY
#define MACHINE_R_TLS_MODULE R_X86_64_DTPMOD64
#define MACHINE_R_TLS_OFFSET R_X86_64_TPOFF64

/* What a CIE says (LSB, .eh_frame): the data alignment factor as SLEB128, the column of
 * the return address, and the rules at a function's start: CFA = rsp + 8, the return
 * address below. */
#define MACHINE_CFI_DATA_ALIGN 0x78
#define MACHINE_CFI_RETURN     16
#define MACHINE_CFI_START      0x0c, 7, 8, 0x90, 1

/* Does this byte of code belong to a breakpoint that a debugger has written? */
static inline bool machine_is_breakpoint(const volatile void *byte)
{
	return *(const volatile unsigned char *)byte == 0xcc; /* int3 */
}

#else
#error "libdlbind and goaudit have been written for x86-64 only"
#endif

/* A relocation that stores the plain address of a symbol. */
static inline bool machine_stores_address(unsigned type)
{
	return type == MACHINE_R_JUMP_SLOT || type == MACHINE_R_GLOB_DAT ||
	       type == MACHINE_R_ADDRESS;
}

/* A return instruction in code; NULL if none. */
static inline const void *machine_find_return(const void *code, size_t size)
{
	return memmem(code, size, MACHINE_RETURN, MACHINE_RETURN_SIZE);
}

/* Code has been written, which may be executed at [at, at + size) from now on. */
static inline void machine_code_written(uintptr_t at, size_t size)
{
	__builtin___clear_cache((char *)at, (char *)at + size);
}

#endif
