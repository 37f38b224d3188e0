/* Reading and mending ELF images, with libelf.
 *
 * Built twice from the same sources: into libgoaudit-image.so, which the audit
 * module opens in its own namespace when the first candidate appears (so that
 * the audited process never maps libelf), and into the goaudit tool.
 *
 * Thread safety: every function may be called from any thread; nothing is
 * kept between calls.  No function prints or exits. */
#ifndef GOAUDIT_IMAGE_H
#define GOAUDIT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define IMAGE_HASH_MAX 32 /* bytes of a Go ABI hash (Go up to 1.27: 20 or 32) */

#define IMAGE_HEX_MAX (2 * IMAGE_HASH_MAX + 1)

#define IMAGE_API __attribute__((visibility("default")))

enum image_kind {
	IMAGE_C,              /* no Go in it: C, C++, D, ... */
	IMAGE_GO_GUEST,       /* Go code over a shared runtime library */
	IMAGE_GO_RUNTIME,     /* a runtime library: built with -buildmode=shared */
	IMAGE_GO_PACKAGES,    /* a package library: packages outside of std, over a runtime
			       * library */
	IMAGE_GO_OWN_RUNTIME, /* c-shared or plugin with a runtime of its own */
};

enum image_status {
	IMAGE_OK = 0,
	IMAGE_NOT_ELF,       /* no ELF header, or shorter than one */
	IMAGE_WRONG_MACHINE, /* class, byte order or machine differ from this process's */
	IMAGE_NOT_SHARED,    /* not ET_DYN, or no PT_DYNAMIC */
	IMAGE_TRUNCATED,     /* a header points outside of the file */
	IMAGE_CORRUPT,       /* headers contradict each other */
	IMAGE_NO_MEMORY,
	IMAGE_UNMENDABLE, /* Go guest whose init_array is not understood, or an
				 * image with a Go runtime in it, which nothing can close */
};

#define IMAGE_LIBRARIES_MAX 16

/* A package library that an image was linked against. */
struct image_library {
	char name[48]; /* its NEEDED name */
	uint8_t hash[IMAGE_HASH_MAX];
	unsigned hash_len;
};

/* What the dynamic part of an image says.  Strings are NUL-terminated; one
 * that does not fit is IMAGE_CORRUPT, never cut: a cut path is another path. */
struct image_facts {
	size_t size; /* sizeof, set by the caller, checked */
	enum image_kind kind;
	uint8_t abi_hash[IMAGE_HASH_MAX]; /* guest: hash it was linked against;
						 * runtime: its own */
	unsigned abi_hash_len;            /* 0: none found */
	uint8_t own_hash[IMAGE_HASH_MAX]; /* package library: its own */
	unsigned own_hash_len;
	unsigned libraries; /* guest, package library: how many it needs */
	struct image_library library[IMAGE_LIBRARIES_MAX];
	char go_version[32];   /* "go1.26.8", or "" where stripped of it */
	char runtime_name[64]; /* guest: NEEDED name of its runtime, "libstd.so" */
	char runpath[1024];    /* DT_RUNPATH or DT_RPATH, "" if none */
	char soname[256];
	char build_id[IMAGE_HEX_MAX]; /* NT_GNU_BUILD_ID in hex, "" if none */
	char debug_link[256];         /* .gnu_debuglink: name of the file that has the debug
					 * information, "" if none */
	bool needs_druntime;          /* D code over a shared runtime library */
	bool nodelete;                /* DF_1_NODELETE */
	bool symbolic;                /* DT_SYMBOLIC / DF_SYMBOLIC: splits type identity */
	bool textrel;
	bool static_tls;
	bool has_dwarf;      /* of Go code */
	bool has_debug_info; /* .debug_info, of C code perhaps */
	bool has_unique;     /* STB_GNU_UNIQUE symbols defined (not looked for in
					 * a runtime, which is never closed) */
	bool has_classes;    /* of C++, with virtual functions or to throw, that others see */
	bool overlay;        /* runtime: has goaudit's entry points */
	uint64_t base;       /* lowest p_vaddr, page-aligned */
	uint64_t extent;     /* bytes of address space its segments span */
};

/* Reads the facts of an image in memory.
 *   data, len  the whole file's bytes; not modified, not kept
 *   facts      filled on IMAGE_OK (facts->size must be set)
 *   why        if not NULL: a few words on failure, no newline
 * Never reads outside [data, data+len), whatever the bytes are. */
IMAGE_API
enum image_status image_inspect(const void *data, size_t len, struct image_facts *facts,
				char *why, size_t why_len);

/* Mends, in place, what keeps an image from being closed:
 *   - DF_1_NODELETE is cleared;
 *   - STB_GNU_UNIQUE dynamic symbols become STB_GLOBAL;
 *   - Go guest: the DT_INIT_ARRAY entry that would start a second runtime
 *     (_rt0_amd64_linux_lib, always the last; recognised by its relocation)
 *     is taken off.
 * `data` is a private writable copy of the file.  facts are those of the
 * unmended image.  On failure the bytes are unchanged.  Mending what is mended
 * already changes nothing and succeeds. */
IMAGE_API
enum image_status image_mend(void *data, size_t len, const struct image_facts *facts, char *why,
			     size_t why_len);

/* Debug information for a Go guest that has none, made from what the Go runtime
 * itself knows: functions, lines, inlined calls and frame sizes, no variables.
 *   data, len  the image; not modified
 *   facts      of it
 *   *out       the same image with debug sections behind it, malloc'ed, and its
 *              length
 * Returns false where there is nothing to add, or no way to. */
IMAGE_API
bool image_add_debug(const void *data, size_t len, const struct image_facts *facts, void **out,
		     size_t *out_len);

#define IMAGE_PACKAGES_SYMBOL "goaudit_packages"
#define IMAGE_OWN_SYMBOL      "goaudit_own"

/* What packages a package library has, or another Go image has of its own: a text
 * (tool/share/library.h), malloc'ed; NULL: it says none, or there is no memory. */
IMAGE_API
char *image_packages(const void *data, size_t len);

/* Two libraries cannot be in the scope of one program where both have a package: has the
 * program's, with the list `there', one that the guest's has, too?  Either may be what the
 * program or the guest has of its own.  The text names the package, both versions, and what
 * to do. */
IMAGE_API
bool image_clash(const char *there, const char *wanted, char *text, size_t size);

/* The address, relative to where the image is loaded, of an SDT probe
 * (sys/sdt.h: a note of type 3 in .note.stapsdt); 0: it has no such probe. */
IMAGE_API
uint64_t image_probe(const void *data, size_t len, const char *provider, const char *name);

/* Is it the name of D's runtime library: ldc's, gdc's, dmd's? */
static inline bool image_is_druntime(const char *name)
{
	return strncmp(name, "libdruntime", 11) == 0 || strncmp(name, "libphobos2", 10) == 0 ||
	       strncmp(name, "libgphobos", 10) == 0 || strncmp(name, "libgdruntime", 12) == 0;
}

/* An ABI hash in hex, as the cache's folders are named by it: up to IMAGE_HASH_MAX bytes
 * into out, which is returned. */
static inline const char *image_hex(const uint8_t *hash, unsigned n, char out[IMAGE_HEX_MAX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned i = 0;

	for (; i < n && i < IMAGE_HASH_MAX; i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
	out[2 * i] = '\0';
	return out;
}

/* What a status means, for messages: "not an ELF file", ... Never NULL. */
IMAGE_API
const char *image_status_text(enum image_status status);

#endif
