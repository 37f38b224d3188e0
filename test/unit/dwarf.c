/* Tests of what the image library reads from DWARF: signatures of two builds, and
 * hostile debug information.
 *
 * The images are made here, with gcc.  Random changes have a fixed seed; an image
 * lies between pages that cannot be touched. */
#include "image/image.h"
#include "image/compare/move_plan.h"

#include <check.h>
#include <elf.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SKIPPED     77
#define FLIP_ROUNDS 3000

struct file {
	unsigned char *bytes;
	size_t len;
};

static char dir[64];
static const char *const names[] = { "f", "absent" };

/* Compiles a text, with a function f in it in most cases. */
static struct file build(const char *text, const char *flags)
{
	char name[128], command[512];
	struct file file;
	FILE *f;

	snprintf(name, sizeof name, "%s/x.c", dir);
	f = fopen(name, "w");
	ck_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
	snprintf(command, sizeof command, "cd %s && gcc -shared -fPIC %s -o x.so x.c", dir,
		 flags);
	ck_assert_msg(system(command) == 0, "%s", text);
	snprintf(name, sizeof name, "%s/x.so", dir);
	f = fopen(name, "r");
	ck_assert(f != NULL && fseek(f, 0, SEEK_END) == 0);
	file.len = (size_t)ftell(f);
	rewind(f);
	file.bytes = malloc(file.len);
	ck_assert(file.bytes != NULL && fread(file.bytes, 1, file.len, f) == file.len);
	fclose(f);
	return file;
}

static int compare(const struct file *a, const struct file *b, char *text, size_t size)
{
	return image_compare_exports(a->bytes, a->len, b->bytes, b->len, names, 2, text, size);
}

/* want is NULL where the signatures are the same. */
static void check_pair(const char *old, const char *new, const char *flags, const char *want)
{
	struct file a = build(old, flags), b = build(new, flags);
	char text[600] = "old text";
	int r = compare(&a, &b, text, sizeof text);

	ck_assert_str_eq(text, want != NULL ? want : "");
	ck_assert_int_eq(r, want != NULL);
	/* and the other way round */
	ck_assert_int_eq(compare(&b, &a, NULL, 0), r);
	free(a.bytes);
	free(b.bytes);
}

static const struct {
	const char *old, *new, *want;
} pairs[] = {
	{ "int f(int a) { return a; }", "int f(int renamed) { return renamed; }", NULL },
	{ "long f(long a, long b) { return a + b; }", "long f(long a) { return a; }",
	  "f: was long(long, long), is long(long)" },
	{ "int f(void) { return 1; }", "long f(void) { return 1; }",
	  "f: was int(void), is long(void)" },
	{ "void f(void) { }", "int f(void) { return 1; }", "f: was void(void), is int(void)" },
	{ "void f(unsigned a) { }", "void f(int a) { }",
	  "f: was void(unsigned), is void(int)" },
	{ "void f(float a) { }", "void f(double a) { }",
	  "f: was void(float), is void(double)" },
	{ "void f(float a) { }", "void f(int a) { }", "f: was void(float), is void(int)" },
	{ "void f(const char *a, ...) { }", "void f(const char *a) { }",
	  "f: was void(const char *, ...), is void(const char *)" },
	{ "void f(char *a) { }", "void f(const char *a) { }", NULL },
	{ "void f(char **a) { }", "void f(int *a) { }",
	  "f: was void(char **), is void(int *)" },
	{ "void f(void *a) { }", "void f(char *a) { }",
	  "f: was void(void *), is void(char *)" },
	/* long and long long are passed alike, and so are enums and ints */
	{ "typedef long L; void f(L a) { }", "void f(long long a) { }", NULL },
	{ "enum e { A, B }; void f(enum e a) { }", "enum e { A, B, C }; void f(enum e a) { }",
	  NULL },
	{ "enum e { A }; void f(enum e a) { }", "void f(int a) { }", NULL },
	{ "enum e { A }; void f(enum e a) { }", "void f(long a) { }",
	  "f: was void(enum e), is void(long)" },
	{ "void f(_Bool a) { }", "void f(unsigned char a) { }",
	  "f: was void(_Bool), is void(unsigned char)" },
	/* what cgo writes */
	{ "typedef struct { const char *p; long n; } S; typedef S GoString; long long f(GoString s) "
	  "{ return s.n; }",
	  "typedef struct { const char *q; long m; } G; long long f(G s) { return s.m; }",
	  NULL },
	{ "typedef struct { const char *p; long n; } S; void f(S s) { }",
	  "typedef struct { void *p; long n; long c; } T; void f(T s) { }",
	  "f: was void(S), is void(T)" },
	{ "struct r { int a; int b; }; struct r f(void) { return (struct r){ 0 }; }",
	  "struct r { int a; long b; }; struct r f(void) { return (struct r){ 0 }; }",
	  "f: was struct r(void), is struct r(void), which differs 8 bytes, 16 bytes" },
	{ "struct r { int a, b; }; void f(struct r *p) { }",
	  "struct r { int a; float b; }; void f(struct r *p) { }",
	  "f: was void(struct r *), is void(struct r *), which differs at member b" },
	{ "struct r { int a : 3, b : 5; }; void f(struct r *p) { }",
	  "struct r { int a : 4, b : 4; }; void f(struct r *p) { }",
	  "f: was void(struct r *), is void(struct r *), which differs at member a" },
	{ "union u { int a; float b; }; void f(union u a) { }",
	  "union u { int a; int b; }; void f(union u a) { }",
	  "f: was void(union u), is void(union u), which differs at member b" },
	{ "struct a { int x[4]; }; void f(struct a *p) { }",
	  "struct a { char x[16]; }; void f(struct a *p) { }",
	  "f: was void(struct a *), is void(struct a *), which differs at member x" },
	/* one side only declares it */
	{ "struct r; void f(struct r *p) { }", "struct r { int a; }; void f(struct r *p) { }",
	  NULL },
	/* circles */
	{ "struct n { struct n *next, *(*fn)(struct n *); int v; }; void f(struct n *p) { }",
	  "struct n { struct n *next, *(*fn)(struct n *); int v; }; void f(struct n *p) { }",
	  NULL },
	{ "struct n { struct n *next; int v; }; void f(struct n *p) { }",
	  "struct n { struct n *next; float v; }; void f(struct n *p) { }",
	  "f: was void(struct n *), is void(struct n *), which differs at member v" },
	{ "void f(int (*cb)(void *, int), void *a) { }",
	  "void f(int (*cb)(void *), void *a) { }",
	  "f: was void(int (*)(void *, int), void *), is void(int (*)(void *), void *)" },
	{ "void f(volatile int *restrict a) { }", "void f(int *a) { }", NULL },
	/* not to be compared */
	{ "int f(a) int a; { return a; }", "long f(long a) { return a; }", NULL },
	{ "static __attribute__((used)) int f(int a) { return a; }",
	  "long f(long a) { return a; }", NULL },
	{ "int g(int a) { return a; }", "long f(long a) { return a; }", NULL },
	{ "int absent(int a); int f(void) { return absent(1); }",
	  "long absent(long a); int f(void) { return (int)absent(1); }", NULL },
};

START_TEST(signatures)
{
	static const char *const flags[] = { "-g -O0", "-g -O2 -gdwarf-4", "-g -gz -O1" };

	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
		char all[100];

		snprintf(all, sizeof all, "%s -Wno-deprecated", flags[i]);
		check_pair(pairs[_i].old, pairs[_i].new, all, pairs[_i].want);
	}
}
END_TEST

START_TEST(no_debug_information)
{
	struct file a = build("int f(int a) { return a; }", "-g");
	struct file b = build("long f(long a) { return a; }", "");
	struct image_copy_plan plan = { .size = sizeof plan };
	char text[200];

	ck_assert_int_eq(compare(&a, &b, text, sizeof text), 0);
	ck_assert_int_eq(compare(&b, &a, text, sizeof text), 0);
	ck_assert_int_eq(image_plan_copy(a.bytes, a.len, a.bytes, a.len, NULL, &plan, text,
					 sizeof text),
			 IMAGE_COPY_NO_DWARF);
	ck_assert_str_eq(text, "the old build does not describe its variables");
	ck_assert(plan.vars == NULL && plan.ops == NULL && plan.names == NULL);
	b.len = 10;
	ck_assert_int_eq(compare(&a, &b, text, sizeof text), 0);
	b.len = 0;
	ck_assert_int_eq(compare(&b, &a, text, sizeof text), 0);
	free(a.bytes);
	free(b.bytes);
}
END_TEST

/* A text is cut, and nothing is written behind it. */
START_TEST(short_text)
{
	struct file a = build("int f(int a) { return a; }", "-g");
	struct file b = build("long f(long a) { return a; }", "-g");
	char text[20];

	for (size_t n = 0; n < sizeof text; n++) {
		memset(text, 'x', sizeof text);
		ck_assert_int_eq(compare(&a, &b, text, n), 1);
		if (n > 0)
			ck_assert_uint_eq(strlen(text), n - 1);
		for (size_t i = n; i < sizeof text; i++)
			ck_assert_int_eq(text[i], 'x');
	}
	free(a.bytes);
	free(b.bytes);
}
END_TEST

/* Where the debug sections are: [first, last) of the file. */
static void debug_bytes(const struct file *f, size_t *first, size_t *last)
{
	Elf64_Ehdr eh;
	Elf64_Shdr sh, names_sh;

	memcpy(&eh, f->bytes, sizeof eh);
	memcpy(&names_sh, f->bytes + eh.e_shoff + eh.e_shstrndx * sizeof sh, sizeof sh);
	*first = f->len;
	*last = 0;
	for (int i = 0; i < eh.e_shnum; i++) {
		memcpy(&sh, f->bytes + eh.e_shoff + i * sizeof sh, sizeof sh);
		if (strncmp((char *)f->bytes + names_sh.sh_offset + sh.sh_name, ".debug_", 7) !=
		    0)
			continue;
		*first = sh.sh_offset < *first ? sh.sh_offset : *first;
		*last = sh.sh_offset + sh.sh_size > *last ? sh.sh_offset + sh.sh_size : *last;
	}
	ck_assert(*first < *last && *last <= f->len);
}

/* Bytes before a page that cannot be touched. */
static unsigned char *guarded(size_t len, size_t *mapped)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (len + page - 1) / page * page;
	unsigned char *p;

	*mapped = room + page;
	p = mmap(NULL, *mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(p != MAP_FAILED && mprotect(p + room, page, PROT_NONE) == 0);
	return p + room - len;
}

static void flip(const struct file *a, const struct file *b, unsigned seed)
{
	struct image_copy_plan plan = { .size = sizeof plan };
	size_t first, last, mapped;
	unsigned char *p = guarded(a->len, &mapped);
	struct file bad = { p, a->len };
	char text[300];

	debug_bytes(a, &first, &last);
	for (int i = 0; i < FLIP_ROUNDS; i++) {
		int n = 1 + rand_r(&seed) % 8;

		memcpy(p, a->bytes, a->len);
		while (n-- > 0)
			p[first + (size_t)rand_r(&seed) % (last - first)] =
				rand_r(&seed) % 4 ? (unsigned char)rand_r(&seed) : 0xff;
		if (i % 2)
			compare(&bad, b, text, sizeof text);
		else
			compare(b, &bad, text, sizeof text);
		if (i % 8 == 0 && image_plan_copy(p, a->len, b->bytes, b->len, NULL, &plan,
						  text, sizeof text) == IMAGE_COPY_OK)
			image_copy_free(&plan);
	}
	munmap(p + a->len - (mapped - (size_t)sysconf(_SC_PAGESIZE)), mapped);
}

START_TEST(hostile_debug_information)
{
	static const char text[] =
		"struct n { struct n *next; int (*fn)(struct n *, ...); char a[3]; };\n"
		"typedef struct n const *N;\nenum e { A, B };\nunion u { int a; float b; };\n"
		"struct n f(N a, enum e b, union u c, int (*d)(N)) { return *a; }\n"
		"int absent(long x) { return (int)x; }\n";
	const char *flags = _i == 0 ? "-g -gdwarf-5" : _i == 1 ? "-g -gdwarf-4" : "-g -gz";
	struct file a = build(text, flags), b = build(text, "-g");

	flip(&a, &b, 7u + (unsigned)_i);
	free(a.bytes);
	free(b.bytes);
}
END_TEST

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int main(void)
{
	TCase *tc = tcase_create("dwarf");
	Suite *s = suite_create("dwarf");
	SRunner *runner;
	int failed;

	if (system("gcc --version >/dev/null 2>&1") != 0) {
		puts("no gcc");
		return SKIPPED;
	}
	snprintf(dir, sizeof dir, "/tmp/unit_dwarf.XXXXXX");
	if (mkdtemp(dir) == NULL) {
		perror(dir);
		return 1;
	}
	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, signatures, 0, (int)(sizeof pairs / sizeof pairs[0]));
	tcase_add_test(tc, no_debug_information);
	tcase_add_test(tc, short_text);
	tcase_add_loop_test(tc, hostile_debug_information, 0, 3);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return failed != 0;
}
