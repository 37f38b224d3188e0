/* Tests of the image library: hostile bytes, every status, what is found in
 * an image, and mending.
 *
 * The images are made here, with gcc and assembler texts that have what the Go
 * linker puts into a guest and into a runtime library; no Go is needed.  Each
 * image lies between two pages that cannot be touched, so a read outside of it
 * is a crash.  Random changes have a fixed seed. */
#include "image/image.h"

#include <check.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <ftw.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SKIPPED     77
#define FLIP_ROUNDS 60000

enum sample { C_LIB, GUEST, RUNTIME, OWN, ODD_GUEST, UNIQUE, SAMPLES };

/* .note: name, description, type; a Go note's name is "Go\0\0". */
#define NOTE(section, type, text)                                                 \
	".section " section ",\"a\",@note\n.balign 4\n.long 4, 2f-1f, " type "\n" \
	".ascii \"Go\\0\\0\"\n1: .ascii \"" text "\"\n2: .balign 4\n"
#define HASH "0123456789abcdefghij"
#define MODULE_HASH                                                           \
	".section .rodata\n9: .ascii \"" HASH "\"\n8: .ascii \"libstd.so\"\n" \
	".data\n.quad 8b, 9\n.quad 9b, 20\n.quad \"go:link.abihash.libstd.so\"\n"
#define EXPORT ".text\n.globl answer\n.type answer,@function\nanswer: mov $42,%eax\nret\n"

static const struct {
	const char *name, *text, *flags;
} source[SAMPLES] = {
	[C_LIB] = { "c", EXPORT ".data\n.globl datum\ndatum: .quad datum\n",
		    "-Wl,-z,nodelete -Wl,-soname,libc-sample.so -Wl,-rpath,/run/path "
		    "-Wl,--enable-new-dtags" },
	[RUNTIME] = { "std",
		      NOTE(".note.go.abihash", "2",
			   HASH) ".text\n.globl _rt0_amd64_linux_lib\n.type _rt0_amd64_linux_lib,@function\n"
				 ".size _rt0_amd64_linux_lib,1\n_rt0_amd64_linux_lib: ret\n"
				 ".globl runtime.goauditHello8.abiinternal\nruntime.goauditHello8.abiinternal: ret\n"
				 ".data\n.globl \"go:link.abihash.libstd.so\"\n.type \"go:link.abihash.libstd.so\",@object\n"
				 ".size \"go:link.abihash.libstd.so\",8\n\"go:link.abihash.libstd.so\": .quad 0\n",
		      "" },
	[GUEST] = { "guest",
		    EXPORT NOTE(".note.go.buildid", "4", "id") MODULE_HASH
		    ".section .go.buildinfo,\"aw\"\n.balign 16\n.ascii \"\\377 Go buildinf:\\10\\2\"\n"
		    ".space 16\n.byte 8\n.ascii \"go1.26.8\"\n.space 16\n"
		    ".section .init_array,\"aw\"\n.quad answer\n.quad _rt0_amd64_linux_lib\n",
		    "-Wl,-z,nodelete -L. -l:libstd.so" },
	[OWN] = { "own", EXPORT NOTE(".note.go.buildid", "4", "id"), "-Wl,-Bsymbolic" },
	[ODD_GUEST] = { "odd",
			EXPORT MODULE_HASH
			".section .init_array,\"aw\"\n.quad _rt0_amd64_linux_lib\n.quad 1\n",
			"-Wl,-z,nodelete -L. -l:libstd.so" },
	[UNIQUE] = { "unique",
		     EXPORT
		     ".data\n.globl one\n.type one,@gnu_unique_object\n.size one,8\none: .quad 7\n",
		     "" },
};

struct image {
	unsigned char *map; /* with the guard pages */
	size_t mapped;
	unsigned char *bytes;
	size_t len;
};

static char dir[64];
static struct {
	unsigned char *bytes;
	size_t len;
} file[SAMPLES];

/* A copy that ends right before a page that cannot be touched. */
static struct image guarded(const void *bytes, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (len + page - 1) / page * page;
	struct image im = { .len = len, .mapped = room + 2 * page };

	im.map = mmap(NULL, im.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(im.map != MAP_FAILED);
	if (room > 0)
		ck_assert_int_eq(mprotect(im.map + page, room, PROT_READ | PROT_WRITE), 0);
	im.bytes = im.map + page + room - len;
	memcpy(im.bytes, bytes, len);
	return im;
}

static void release(struct image *im)
{
	munmap(im->map, im->mapped);
}

static enum image_status inspect(const struct image *im, struct image_facts *f, char *why,
				 size_t why_len)
{
	*f = (struct image_facts){ .size = sizeof *f };
	return image_inspect(im->bytes, im->len, f, why, why_len);
}

static enum image_status status_of(const void *bytes, size_t len)
{
	struct image im = guarded(bytes, len);
	struct image_facts f;
	char why[200] = "";
	enum image_status st = inspect(&im, &f, why, sizeof why);

	if (st != IMAGE_OK)
		ck_assert_msg(why[0] != '\0', "status %d without a reason", st);
	release(&im);
	return st;
}

/* The status of a sample of which `size` bytes at `offset` are others. */
static enum image_status status_with(enum sample s, size_t offset, const void *to, size_t size)
{
	unsigned char *b = malloc(file[s].len);
	enum image_status st;

	memcpy(b, file[s].bytes, file[s].len);
	memcpy(b + offset, to, size);
	st = status_of(b, file[s].len);
	free(b);
	return st;
}

static const Elf64_Phdr *segment(enum sample s, uint32_t type)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)file[s].bytes;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(file[s].bytes + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == type)
			return &ph[i];
	ck_abort_msg("sample %s has no segment of type %u", source[s].name, type);
	return NULL;
}

static size_t dynamic_offset(enum sample s, int64_t tag)
{
	const Elf64_Phdr *ph = segment(s, PT_DYNAMIC);
	const Elf64_Dyn *d = (const Elf64_Dyn *)(file[s].bytes + ph->p_offset);

	while (d->d_tag != tag)
		d++;
	return (size_t)((const unsigned char *)d - file[s].bytes);
}

static size_t offset_in(const Elf64_Phdr *ph, enum sample s, size_t member)
{
	return (size_t)((const unsigned char *)ph - file[s].bytes) + member;
}

START_TEST(not_elf)
{
	ck_assert_int_eq(status_of("", 0), IMAGE_NOT_ELF);
	ck_assert_int_eq(status_of("\177ELF", 4), IMAGE_NOT_ELF);
	ck_assert_int_eq(status_with(C_LIB, 0, "#!/b", 4), IMAGE_NOT_ELF);
	ck_assert_int_eq(status_with(C_LIB, 0, "!<arch>\n", 8), IMAGE_NOT_ELF);
}
END_TEST

START_TEST(wrong_machine)
{
	const Elf64_Half arm = EM_AARCH64;

	ck_assert_int_eq(status_with(C_LIB, EI_CLASS, "\1", 1), IMAGE_WRONG_MACHINE);
	ck_assert_int_eq(status_with(C_LIB, EI_DATA, "\2", 1), IMAGE_WRONG_MACHINE);
	ck_assert_int_eq(status_with(C_LIB, offsetof(Elf64_Ehdr, e_machine), &arm, 2),
			 IMAGE_WRONG_MACHINE);
}
END_TEST

START_TEST(not_shared)
{
	const Elf64_Half exec = ET_EXEC;
	const Elf64_Word null = PT_NULL;

	ck_assert_int_eq(status_with(C_LIB, offsetof(Elf64_Ehdr, e_type), &exec, 2),
			 IMAGE_NOT_SHARED);
	ck_assert_int_eq(status_with(C_LIB, offset_in(segment(C_LIB, PT_DYNAMIC), C_LIB, 0),
				     &null, 4),
			 IMAGE_NOT_SHARED);
}
END_TEST

START_TEST(every_truncation)
{
	for (size_t len = 0; len < file[_i].len; len++) {
		enum image_status st = status_of(file[_i].bytes, len);

		ck_assert_msg(st == (len < sizeof(Elf64_Ehdr) ? IMAGE_NOT_ELF :
								IMAGE_TRUNCATED),
			      "%s cut to %zu bytes: %s", source[_i].name, len,
			      image_status_text(st));
	}
	ck_assert_int_eq(status_of(file[_i].bytes, file[_i].len), IMAGE_OK);
}
END_TEST

START_TEST(corrupt_headers)
{
	const uint64_t far = UINT64_MAX - 8, odd = 1, huge = UINT64_C(1) << 40;
	const Elf64_Half entry = 8;
	const Elf64_Phdr *load = segment(C_LIB, PT_LOAD);

	ck_assert_int_eq(status_with(C_LIB, offsetof(Elf64_Ehdr, e_phentsize), &entry, 2),
			 IMAGE_CORRUPT);
	ck_assert_int_eq(status_with(C_LIB, offsetof(Elf64_Ehdr, e_phoff), &far, 8),
			 IMAGE_TRUNCATED);
	ck_assert_int_eq(status_with(C_LIB, offsetof(Elf64_Ehdr, e_shoff), &far, 8),
			 IMAGE_TRUNCATED);
	ck_assert_int_eq(status_with(C_LIB,
				     offset_in(load, C_LIB, offsetof(Elf64_Phdr, p_vaddr)),
				     &huge, 8),
			 IMAGE_CORRUPT); /* out of order */
	ck_assert_int_eq(status_with(C_LIB,
				     offset_in(load, C_LIB, offsetof(Elf64_Phdr, p_vaddr)),
				     &far, 8),
			 IMAGE_CORRUPT);
	ck_assert_int_eq(status_with(C_LIB,
				     offset_in(load, C_LIB, offsetof(Elf64_Phdr, p_vaddr)),
				     &odd, 8),
			 IMAGE_CORRUPT);
	ck_assert_int_eq(status_with(C_LIB,
				     offset_in(load, C_LIB, offsetof(Elf64_Phdr, p_memsz)),
				     &odd, 8),
			 IMAGE_CORRUPT); /* less than in the file */
	ck_assert_int_eq(status_with(C_LIB,
				     offset_in(load, C_LIB, offsetof(Elf64_Phdr, p_offset)),
				     &huge, 8),
			 IMAGE_TRUNCATED);
}
END_TEST

START_TEST(corrupt_dynamic)
{
	static const int64_t tags[] = {
		DT_STRTAB,   DT_STRSZ,  DT_SYMTAB,  DT_RELA,   DT_RELASZ,
		DT_GNU_HASH, DT_SONAME, DT_RUNPATH, DT_SYMENT, DT_RELAENT,
	};
	const uint64_t wild = 0x7fffffff1234567;
	const Elf64_Phdr *ph = segment(C_LIB, PT_DYNAMIC);
	unsigned char *b;

	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		ck_assert_msg(status_with(C_LIB, dynamic_offset(C_LIB, tags[i]) + 8, &wild,
					  8) == IMAGE_CORRUPT,
			      "tag %lld", (long long)tags[i]);
	/* No end of the table. */
	b = malloc(ph->p_filesz);
	memset(b, 0x11, ph->p_filesz);
	ck_assert_int_eq(status_with(C_LIB, ph->p_offset, b, ph->p_filesz), IMAGE_CORRUPT);
	free(b);
}
END_TEST

START_TEST(facts_size)
{
	struct image_facts f = { .size = 8 };
	char why[80] = "";

	ck_assert_int_eq(image_inspect(file[C_LIB].bytes, file[C_LIB].len, &f, why, sizeof why),
			 IMAGE_CORRUPT);
	ck_assert_str_ne(why, "");
}
END_TEST

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t chance(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

/* Half of the changes go where the headers and tables are. */
static void change(struct image *im, enum sample s)
{
	static const unsigned char nasty[] = { 0, 1, 7, 8, 0x7f, 0x80, 0xff };
	size_t at = chance((uint32_t)im->len);

	switch (chance(4)) {
	case 0: at = chance(1024); break;
	case 1:
		at = segment(s, PT_DYNAMIC)->p_offset +
		     chance((uint32_t)segment(s, PT_DYNAMIC)->p_filesz);
		break;
	}
	im->bytes[at] = chance(2) ? nasty[chance(sizeof nasty)] : (unsigned char)chance(256);
}

START_TEST(random_changes)
{
	struct image im = guarded(file[_i].bytes, file[_i].len);
	unsigned sound = 0;

	for (unsigned i = 0; i < FLIP_ROUNDS; i++) {
		struct image_facts f;

		memcpy(im.bytes, file[_i].bytes, im.len);
		for (unsigned n = 1 + chance(4); n > 0; n--)
			change(&im, (enum sample)_i);
		if (inspect(&im, &f, NULL, 0) == IMAGE_OK) {
			sound++;
			image_mend(im.bytes, im.len, &f, NULL, 0);
			inspect(&im, &f, NULL, 0);
		}
	}
	release(&im);
	/* Both ways must have been gone often. */
	ck_assert_uint_gt(sound, FLIP_ROUNDS / 20);
	ck_assert_uint_lt(sound, FLIP_ROUNDS - FLIP_ROUNDS / 20);
}
END_TEST

static struct image_facts facts_of(enum sample s)
{
	struct image im = guarded(file[s].bytes, file[s].len);
	struct image_facts f;
	char why[200] = "";

	ck_assert_msg(inspect(&im, &f, why, sizeof why) == IMAGE_OK, "%s: %s", source[s].name,
		      why);
	release(&im);
	return f;
}

START_TEST(c_facts)
{
	struct image_facts f = facts_of(C_LIB);

	ck_assert_int_eq(f.kind, IMAGE_C);
	ck_assert_uint_eq(f.abi_hash_len, 0);
	ck_assert_str_eq(f.soname, "libc-sample.so");
	ck_assert_str_eq(f.runpath, "/run/path");
	ck_assert_str_eq(f.go_version, "");
	ck_assert(f.nodelete && !f.symbolic && !f.textrel && !f.static_tls && !f.has_unique);
	ck_assert(!f.has_dwarf);
	ck_assert_uint_eq(f.base, 0);
	ck_assert_uint_eq(f.extent % 4096, 0);
	ck_assert_uint_ge(f.extent, 3 * 4096);
	ck_assert(facts_of(UNIQUE).has_unique);
}
END_TEST

START_TEST(guest_facts)
{
	struct image_facts f = facts_of(GUEST);

	ck_assert_int_eq(f.kind, IMAGE_GO_GUEST);
	ck_assert_str_eq(f.runtime_name, "libstd.so");
	ck_assert_str_eq(f.go_version, "go1.26.8");
	ck_assert_uint_eq(f.abi_hash_len, strlen(HASH));
	ck_assert_mem_eq(f.abi_hash, HASH, strlen(HASH));
	ck_assert(f.nodelete && !f.overlay);
}
END_TEST

START_TEST(runtime_facts)
{
	struct image_facts f = facts_of(RUNTIME);

	ck_assert_int_eq(f.kind, IMAGE_GO_RUNTIME);
	ck_assert_uint_eq(f.abi_hash_len, strlen(HASH));
	ck_assert_mem_eq(f.abi_hash, HASH, strlen(HASH));
	ck_assert(f.overlay);
	f = facts_of(OWN);
	ck_assert_int_eq(f.kind, IMAGE_GO_OWN_RUNTIME);
	ck_assert(f.symbolic);
}
END_TEST

/* Images without section headers are as good to ld.so. */
START_TEST(no_sections)
{
	unsigned char *b = malloc(file[GUEST].len);
	Elf64_Ehdr eh;
	struct image im;
	struct image_facts f;

	memcpy(b, file[GUEST].bytes, file[GUEST].len);
	memcpy(&eh, b, sizeof eh);
	eh.e_shoff = 0;
	eh.e_shnum = eh.e_shstrndx = 0;
	memcpy(b, &eh, sizeof eh);
	im = guarded(b, file[GUEST].len);
	ck_assert_int_eq(inspect(&im, &f, NULL, 0), IMAGE_OK);
	ck_assert_int_eq(f.kind, IMAGE_GO_GUEST);
	ck_assert_uint_eq(f.abi_hash_len, strlen(HASH));
	ck_assert_int_eq(image_mend(im.bytes, im.len, &f, NULL, 0), IMAGE_OK);
	release(&im);
	free(b);
}
END_TEST

/* The caller's buffer need not be aligned. */
START_TEST(unaligned)
{
	struct image_facts aligned = facts_of(GUEST), f;
	unsigned char *b = calloc(1, file[GUEST].len + 16);

	memcpy(b, file[GUEST].bytes, file[GUEST].len);
	for (size_t more = 0; more < 16; more++) {
		struct image im = guarded(b, file[GUEST].len + more);

		ck_assert_int_eq(inspect(&im, &f, NULL, 0), IMAGE_OK);
		ck_assert_mem_eq(&f, &aligned, sizeof f);
		ck_assert_int_eq(image_mend(im.bytes, im.len, &f, NULL, 0), IMAGE_OK);
		release(&im);
	}
	free(b);
}
END_TEST

static size_t differences(const struct image *im, enum sample s)
{
	size_t n = 0;

	for (size_t i = 0; i < im->len; i++)
		n += im->bytes[i] != file[s].bytes[i];
	return n;
}

START_TEST(mend_guest)
{
	struct image im = guarded(file[GUEST].bytes, file[GUEST].len);
	struct image_facts f = facts_of(GUEST), after;
	uint64_t before_size, size;
	size_t at = dynamic_offset(GUEST, DT_INIT_ARRAYSZ) + 8, n;

	ck_assert_int_eq(image_mend(im.bytes, im.len, &f, NULL, 0), IMAGE_OK);
	memcpy(&before_size, file[GUEST].bytes + at, 8);
	memcpy(&size, im.bytes + at, 8);
	ck_assert_uint_eq(size, before_size - 8);
	ck_assert_int_eq(inspect(&im, &after, NULL, 0), IMAGE_OK);
	ck_assert(!after.nodelete);
	ck_assert_int_eq(after.kind, IMAGE_GO_GUEST);
	n = differences(&im, GUEST);
	ck_assert_uint_eq(n, 2);
	/* Again, with the old facts and with the new ones. */
	ck_assert_int_eq(image_mend(im.bytes, im.len, &f, NULL, 0), IMAGE_OK);
	ck_assert_int_eq(image_mend(im.bytes, im.len, &after, NULL, 0), IMAGE_OK);
	ck_assert_uint_eq(differences(&im, GUEST), n);
	release(&im);
}
END_TEST

START_TEST(mend_refuses)
{
	static const enum sample refused[] = { ODD_GUEST, RUNTIME, OWN };

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		enum sample s = refused[i];
		struct image im = guarded(file[s].bytes, file[s].len);
		struct image_facts f = facts_of(s), other = f;
		char why[200] = "";

		ck_assert_int_eq(image_mend(im.bytes, im.len, &f, why, sizeof why),
				 IMAGE_UNMENDABLE);
		ck_assert_str_ne(why, "");
		other.extent += 4096;
		ck_assert_int_eq(image_mend(im.bytes, im.len, &other, NULL, 0), IMAGE_CORRUPT);
		ck_assert_uint_eq(differences(&im, s), 0);
		release(&im);
	}
}
END_TEST

/* The mended library is unmapped by dlclose, the original is not. */
static bool stays_open(const unsigned char *bytes, size_t len, const char *name)
{
	char path[128];
	FILE *f;
	void *h;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert(f != NULL && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
	h = dlopen(path, RTLD_NOW);
	ck_assert_msg(h != NULL, "%s", dlerror());
	ck_assert_ptr_nonnull(dlsym(h, "answer"));
	dlclose(h);
	h = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
	return h != NULL;
}

START_TEST(mended_closes)
{
	static const enum sample samples[] = { C_LIB, UNIQUE };

	for (size_t i = 0; i < 2; i++) {
		enum sample s = samples[i];
		struct image im = guarded(file[s].bytes, file[s].len);
		struct image_facts f = facts_of(s);

		ck_assert_int_eq(image_mend(im.bytes, im.len, &f, NULL, 0), IMAGE_OK);
		ck_assert(!stays_open(im.bytes, im.len, "mended.so"));
		release(&im);
	}
	ck_assert(stays_open(file[C_LIB].bytes, file[C_LIB].len, "unmended.so"));
}
END_TEST

#ifndef __SANITIZE_ADDRESS__
/* The nth allocation from now fails; 0: none. */
static unsigned fail_at;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);

static bool fails_now(void)
{
	if (fail_at == 0 || --fail_at > 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	return fails_now() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __libc_calloc(n, size);
}

START_TEST(allocation_fails)
{
	struct image im = guarded(file[_i].bytes, file[_i].len);
	struct image_facts whole = facts_of((enum sample)_i), f;
	enum image_status st = IMAGE_NO_MEMORY;
	unsigned n = 0;

	while (st != IMAGE_OK) {
		ck_assert_uint_lt(++n, 200);
		fail_at = n;
		st = inspect(&im, &f, NULL, 0);
		if (fail_at > 0)
			break; /* fewer than n were made */
		/* The same code has written both, padding too. */
		/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
		ck_assert_msg(st == IMAGE_NO_MEMORY || memcmp(&f, &whole, sizeof f) == 0,
			      "allocation %u: %s", n, image_status_text(st));
	}
	fail_at = 0;
	ck_assert_int_eq(st, IMAGE_OK);
	ck_assert_uint_gt(n, 3);
	release(&im);
}
END_TEST
#endif

static int forget(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static bool make_sample(enum sample s)
{
	char command[1024], path[128];
	FILE *f;
	long len;

	snprintf(path, sizeof path, "%s/%s.s", dir, source[s].name);
	f = fopen(path, "w");
	if (f == NULL || fputs(source[s].text, f) < 0 ||
	    fputs(".section .note.GNU-stack,\"\",@progbits\n", f) < 0 || fclose(f) != 0)
		return false;
	snprintf(command, sizeof command, "cd %s && gcc -shared -nostdlib -o lib%s.so %s.s %s",
		 dir, source[s].name, source[s].name, source[s].flags);
	if (system(command) != 0)
		return false;
	snprintf(path, sizeof path, "%s/lib%s.so", dir, source[s].name);
	f = fopen(path, "r");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (len = ftell(f)) <= 0)
		return false;
	rewind(f);
	file[s].len = (size_t)len;
	file[s].bytes = malloc(file[s].len);
	return fread(file[s].bytes, 1, file[s].len, f) == file[s].len && fclose(f) == 0;
}

static bool make_samples(void)
{
	const char *tmp = getenv("TMPDIR");
	/* Others are linked against the runtime. */
	static const enum sample order[] = { RUNTIME, C_LIB, GUEST, OWN, ODD_GUEST, UNIQUE };

	snprintf(dir, sizeof dir, "%.40s/unit_image.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return false;
	for (size_t i = 0; i < SAMPLES; i++)
		if (!make_sample(order[i]))
			return false;
	return true;
}

static Suite *suite(void)
{
	Suite *s = suite_create("image");
	TCase *hostile = tcase_create("hostile"), *facts = tcase_create("facts");
	TCase *mend = tcase_create("mend");

	tcase_set_timeout(hostile, 120);
	tcase_add_test(hostile, not_elf);
	tcase_add_test(hostile, wrong_machine);
	tcase_add_test(hostile, not_shared);
	tcase_add_loop_test(hostile, every_truncation, 0, SAMPLES);
	tcase_add_test(hostile, corrupt_headers);
	tcase_add_test(hostile, corrupt_dynamic);
	tcase_add_test(hostile, facts_size);
	tcase_add_loop_test(hostile, random_changes, 0, SAMPLES);
#ifndef __SANITIZE_ADDRESS__
	tcase_add_loop_test(hostile, allocation_fails, 0, SAMPLES);
#endif
	suite_add_tcase(s, hostile);
	tcase_add_test(facts, c_facts);
	tcase_add_test(facts, guest_facts);
	tcase_add_test(facts, runtime_facts);
	tcase_add_test(facts, no_sections);
	tcase_add_test(facts, unaligned);
	suite_add_tcase(s, facts);
	tcase_add_test(mend, mend_guest);
	tcase_add_test(mend, mend_refuses);
	tcase_add_test(mend, mended_closes);
	suite_add_tcase(s, mend);
	return s;
}

int main(void)
{
	int failed = SKIPPED;
	SRunner *runner;

	if (!make_samples()) {
		fprintf(stderr, "unit_image: samples cannot be made in %s: skipped\n", dir);
	} else {
		runner = srunner_create(suite());
		srunner_run_all(runner, CK_NORMAL);
		failed = srunner_ntests_failed(runner);
		srunner_free(runner);
	}
	nftw(dir, forget, 16, FTW_DEPTH | FTW_PHYS);
	return failed;
}
