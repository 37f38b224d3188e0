/* libdlbind - an allocator for code, data and symbols that the dynamic loader
 * and every tool can see.
 *
 * A library made here is a real shared object: ld.so has mapped it, dlsym(3),
 * dladdr(3) and dlvsym(3) answer for it, debuggers, profilers and core dumps
 * read its file.  What is allocated and bound in it is there at once.
 *
 * All functions may be called from any thread.  They return NULL or -1 on
 * failure, having changed nothing; dlbind_error() then gives a text of the form
 * "subject: reason: what to do", and errno a code.  None prints or exits.
 *
 * A forked child can use what its parent has bound, and can make libraries of
 * its own; it cannot change the parent's (errno EPERM).
 */
#ifndef DLBIND_H
#define DLBIND_H

#include <dlfcn.h>
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- libraries ------------------------------------------------------------- */

/* The library's names are found through RTLD_DEFAULT, and by objects that are
 * loaded later (dlopen's RTLD_GLOBAL). */
#define DLBIND_GLOBAL 0x1u

/* Code and read-only data are written at a second address, dlwritable().
 * Without it, they have one address and are sealed after writing: a block of
 * them is writable until dlseal(), or for code dlbind(), makes it executable
 * or read-only; each such block takes whole pages. */
#define DLBIND_WRITE_ALIAS 0x2u

/* The library's file outlives dldelete() and the process, for `perf report`. */
#define DLBIND_KEEP_FILE 0x4u

/* Address space is reserved, memory is not: a limit costs nothing.  0 stands
 * for the default. */
struct dlbind_options {
	size_t size;                 /* sizeof(struct dlbind_options) */
	unsigned flags;              /* DLBIND_* */
	unsigned reserved;           /* 0 */
	size_t max_code;             /* bytes; default 512 MB, at the most 1 GB */
	size_t max_rodata;           /* bytes; default 256 MB, at the most 512 MB */
	size_t max_data;             /* bytes; default 512 MB, at the most 16 GB */
	size_t max_symbols;          /* default 8,388,608, at the most 134,217,728 */
	size_t max_names;            /* bytes of all names; default 32 a symbol */
	const char *const *versions; /* names of its symbol versions, then NULL;
					 * NULL: none */
	const char *folder;          /* where its file is made; NULL: see dlcreate(3) */
	void *(*mmap)(void *, size_t, int, int, int, off_t);
	/* maps the write alias; NULL: mmap(2) */
};

/* Makes a library.
 *
 *   name     its soname; NULL: a name that is made up.  It need not be unique,
 *            and must not have a slash.
 *   options  copied; NULL: all defaults.
 *
 * Returns its handle, as dlopen(3) would.  The caller owns it and gives it up
 * with dldelete(). */
void *dlcreate(const char *name);
void *dlcreate_with_mmap(const char *name, void *(*mmap)(void *, size_t, int, int, int, off_t));
void *dlcreate_with_options(const char *name, const struct dlbind_options *options);

/* Takes a library away: its names, its memory, its file.  Nobody may execute
 * or read it any more.  -1 with EBUSY, and nothing has changed, while another
 * object needs it or somebody else has it open. */
int dldelete(void *library);

/* --- memory ---------------------------------------------------------------- */

/* Allocates memory in a library.
 *
 *   flags      SHF_EXECINSTR: code; SHF_WRITE: data; neither: read-only data.
 *              Both are refused.  SHF_ALLOC is implied.
 *   alignment  a power of two up to 1 GB; dlalloc() gives 16.
 *
 * Returns its address in the library; the contents are undefined.  Code and
 * read-only data are written at dlwritable(). */
void *dlalloc(void *library, size_t size, unsigned flags);
void *dlalloc_aligned(void *library, size_t size, size_t alignment, unsigned flags);

/* Changes a block's size in place.  Returns `block`, or NULL with ENOMEM when
 * there is no room behind it, EBUSY when a name lies in what would go. */
void *dlrealloc(void *library, void *block, size_t size);

/* Gives a block back; memory that becomes free merges with its neighbours, and
 * pages that become empty go back to the system.  -1 with EBUSY while a name or
 * an unwind entry (dlframe) refers to it.  A NULL block is allowed. */
int dlfree(void *library, void *block);

/* Where to write to what lies at `address`: an address that is never
 * executable.  NULL with EPERM for a sealed block without DLBIND_WRITE_ALIAS. */
void *dlwritable(void *library, const void *address);

/* Ends writing to the block that `address` lies in: from here on its contents
 * are executed or read at its address.  dlbind() of a function does the same.
 * It may be called again after further changes at dlwritable(). */
int dlseal(void *library, const void *address);

/* --- names ----------------------------------------------------------------- */

/* Binds a name to memory of the library, visible at once to dlsym(3), dladdr(3)
 * and a debugger (but see dlbind_begin).
 *
 *   name          copied.
 *   object, size  must lie in one block; size may be 0.
 *   type          STT_NOTYPE, STT_OBJECT, STT_FUNC, or STT_GNU_IFUNC.  STT_TLS
 *                 is refused.
 *
 * Returns `library`; NULL with EEXIST if the name is bound. */
void *dlbind(void *library, const char *name, void *object, size_t size, Elf64_Word type);

struct dlbind_symbol {
	size_t struct_size; /* sizeof(struct dlbind_symbol) */
	const char *name;
	void *object;
	size_t size;
	const char *version;  /* one of dlbind_options.versions; NULL: none */
	unsigned char type;   /* STT_* */
	unsigned char weak;   /* STB_WEAK */
	unsigned char hidden; /* found with its version only (name@VERSION) */
};

/* The same with what dlbind() has no parameter for. */
void *dlbind_symbol(void *library, const struct dlbind_symbol *symbol);

/* Takes a name away; addresses that others have taken from it stay as good as
 * the memory is.  -1 with ENOENT if it is not bound. */
int dlunbind(void *library, const char *name);
int dlunbind_version(void *library, const char *name, const char *version);

#ifdef _GNU_SOURCE /* for Dl_info */
/* dladdr(3), fast for the libraries made here: it does not walk their symbols.
 * Other addresses are passed on to dladdr(). */
int dlbind_addr(const void *address, Dl_info *info);
#endif

/* --- unwinding ------------------------------------------------------------- */

/* Registers unwind tables for code in the library.
 *
 *   eh_frame  the bytes of an .eh_frame section (CIEs and FDEs); copied, with
 *             their pc-relative fields adjusted.  A terminator is not needed.
 *
 * An FDE's function must start at a multiple of 16 and share no 16 bytes with
 * another one's.  Returns 0 with *token for dlunframe(), or -1. */
int dlframe(void *library, const void *eh_frame, size_t size, void **token);
int dlunframe(void *library, void *token);

/* --- debuggers ------------------------------------------------------------- */

/* While a debugger is attached, each dlbind and dlunbind makes it read the
 * library again.  Between begin and commit that is put off, and commit does it
 * once.  They nest.  Without a debugger they cost nothing. */
int dlbind_begin(void *library);
int dlbind_commit(void *library);

/* Makes an attached debugger read the library again.  Returns `library`.
 * Under the audit module, a handle that is not of dlcreate() is passed on to
 * its dlreload(3). */
void *dlreload(void *library);

/* --- errors and figures ---------------------------------------------------- */

/* The text of this thread's last failure since it was asked last, NULL if none.
 * Valid until this thread's next call of a function of this header. */
const char *dlbind_error(void);

struct dlbind_figures {
	size_t symbols;       /* bound now */
	size_t blocks;        /* allocated now */
	size_t bytes;         /* in them, rounded as they are */
	size_t file_bytes;    /* of the file that are backed by memory or disk */
	size_t table_bytes;   /* of them, for names and their tables */
	size_t private_bytes; /* the allocator's own records */
	size_t buckets;       /* of the hash table that ld.so uses */
	size_t notices;       /* how often a debugger has been told */
	size_t grace_periods;
};

/* Fills the first `size` bytes of *figures.  Returns 0 or -1. */
int dlbind_figures(void *library, struct dlbind_figures *figures, size_t size);

#ifdef __cplusplus
}
#endif

#endif
