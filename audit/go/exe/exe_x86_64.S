/* What a Go program over the runtime library has more, for the sake of Delve; linked
 * into it by `goaudit build -exe'.
 *
 * Delve looks goroutines up by the variables runtime.allgs and runtime.allglen of the
 * executable (pkg/proc/goroutine_cache.go), once, before any library is mapped, and the
 * current one by the executable's thread-local runtime.tlsg (bininfo.go,
 * setGStructOffsetElf).  Here all three are in libstd.so, which reaches them by its GOT:
 * so the executable defines and exports them (exe.list), and libstd.so's are those.
 * runtime.allgptr is always &allgs[0] (allgadd), and holds nothing itself: the
 * collector's root, allgs, stays libstd.so's.
 *
 * Breakpoints in what is not mapped yet Delve sets when a function of the name
 * plugin.Open returns (target.go, pluginOpenCallback), if there was one at the start.
 * goaudit_loaded has that name, in debug information only; libgoaudit.so calls it after
 * each dlopen and dlreload of a guest.
 *
 * The two variables stand within that function, where nobody but Delve meets them: gdb
 * would take variables without a type for broken ones. */

	.file	1 "goaudit_loaded.S"

	.bss
	.balign	8
	.globl	runtime.allgptr, runtime.allglen
	.type	runtime.allgptr, @object
	.type	runtime.allglen, @object
	.size	runtime.allgptr, 8
	.size	runtime.allglen, 8
runtime.allgptr:
	.zero	8
runtime.allglen:
	.zero	8

	.section .tbss, "awT", @nobits
	.balign	8
	.globl	runtime.tlsg
	.type	runtime.tlsg, @object
	.size	runtime.tlsg, 8
runtime.tlsg:
	.zero	8

	.text
	.globl	goaudit_loaded
	.type	goaudit_loaded, @function
goaudit_loaded:
	.loc	1 1
	ret
.Lend_of_text:
	.size	goaudit_loaded, .Lend_of_text - goaudit_loaded

/* DWARF 4.  Tags, attributes and forms by their numbers in the standard. */
#define TAG_COMPILE_UNIT 0x11
#define TAG_SUBPROGRAM   0x2e
#define TAG_VARIABLE     0x34
#define AT_LOCATION      0x02
#define AT_NAME          0x03
#define AT_STMT_LIST     0x10
#define AT_LOW_PC        0x11
#define AT_HIGH_PC       0x12
#define AT_LANGUAGE      0x13
#define AT_PRODUCER      0x25
#define AT_EXTERNAL      0x3f
#define FORM_ADDR        0x01
#define FORM_DATA2       0x05
#define FORM_DATA8       0x07
#define FORM_STRING      0x08
#define FORM_FLAG        0x0c
#define FORM_SEC_OFFSET  0x17
#define FORM_EXPRLOC     0x18
#define LANG_GO          0x16
#define OP_ADDR          0x03

	.macro	attribute name, form
	.uleb128 \name
	.uleb128 \form
	.endm

	.section .debug_abbrev, "", @progbits
.Labbreviations:
	.uleb128 1, TAG_COMPILE_UNIT
	.byte	1
	attribute AT_PRODUCER, FORM_STRING
	attribute AT_LANGUAGE, FORM_DATA2
	attribute AT_NAME, FORM_STRING
	attribute AT_LOW_PC, FORM_ADDR
	attribute AT_HIGH_PC, FORM_DATA8
	attribute AT_STMT_LIST, FORM_SEC_OFFSET
	attribute 0, 0
	.uleb128 2, TAG_SUBPROGRAM
	.byte	1
	attribute AT_NAME, FORM_STRING
	attribute AT_LOW_PC, FORM_ADDR
	attribute AT_HIGH_PC, FORM_DATA8
	attribute AT_EXTERNAL, FORM_FLAG
	attribute 0, 0
	.uleb128 3, TAG_VARIABLE
	.byte	0
	attribute AT_NAME, FORM_STRING
	attribute AT_LOCATION, FORM_EXPRLOC
	attribute 0, 0
	.byte	0

	.macro	variable name, address
	.uleb128 3
	.asciz	"\name"
	.uleb128 9
	.byte	OP_ADDR
	.quad	\address
	.endm

	.section .debug_info, "", @progbits
	.long	.Lend_of_unit - .Lunit
.Lunit:
	.short	4
	.long	.Labbreviations
	.byte	8
	.uleb128 1
	/* Delve asks producers for the release: the oldest that guests are built by. */
	.asciz	"Go cmd/compile go1.22"
	.short	LANG_GO
	.asciz	"goaudit"
	.quad	goaudit_loaded
	.quad	.Lend_of_text - goaudit_loaded
	.long	.Llines
	.uleb128 2
	.asciz	"plugin.Open"
	.quad	goaudit_loaded
	.quad	.Lend_of_text - goaudit_loaded
	.byte	1
	variable runtime.allgs, runtime.allgptr
	variable runtime.allglen, runtime.allglen
	.byte	0
	.byte	0
.Lend_of_unit:

	.section .debug_line, "", @progbits
.Llines:

	.section .note.GNU-stack, "", @progbits
