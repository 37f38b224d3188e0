/* Each allocation, mapping and other system call of libdlbind fails in turn: the call
 * that needs it returns an error with a text and changes nothing, so that the same
 * call succeeds afterwards.  The linker wraps them (dlbind/build.mk). */
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "dlbind.h"
#include "dlbind_shared.h"

static long countdown = -1; /* calls until one fails; negative: none does */
static bool armed;          /* in a call of the library */

static bool fails(int code)
{
	if (!armed || countdown < 0 || countdown-- > 0)
		return false;
	errno = code;
	return true;
}

#include "wrap.h"

WRAP(int, madvise, ENOMEM, -1, (void *p, size_t n, int a), (p, n, a))
WRAP(void *, dlopen, ENOMEM, NULL, (const char *p, int m), (p, m))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	return fails(EMFILE) ? -1 : __real_open(path, flags, mode);
}

/* A call that may fail, once, because of what was made to fail: then there is a
 * text, and the same call succeeds afterwards. */
#define TRY(call)                                                                           \
	do {                                                                                \
		long before = countdown;                                                    \
		bool good;                                                                  \
		armed = true;                                                               \
		good = (call);                                                              \
		armed = false;                                                              \
		if (!good) {                                                                \
			int error = errno;                                                  \
			const char *text = dlbind_error();                                  \
			ck_assert_msg(before >= 0 && countdown < 0, "%s: %s", #call, text); \
			ck_assert_ptr_nonnull(text);                                        \
			ck_assert_int_ne(error, 0);                                         \
			ck_assert_msg(call, "%s: %s", #call, dlbind_error());               \
		}                                                                           \
	} while (0)

static void scenario(unsigned flags)
{
	struct dlbind_options o = { .size = sizeof o, .flags = flags };
	void *l, *f, *d, *r, *token, *blocks[60];
	static const unsigned char code[] = { 0xb8, 7, 0, 0, 0, 0xc3 };
	struct table t;
	char name[40];

	TRY((l = dlcreate_with_options("failing.so", &o)));
	TRY((f = dlalloc(l, 32, SHF_EXECINSTR)));
	memcpy(dlwritable(l, f), code, sizeof code);
	TRY((d = dlalloc(l, 9000, SHF_WRITE)));
	memset(d, 1, 9000);
	TRY((r = dlalloc(l, 9000, SHF_ALLOC)));
	memset(dlwritable(l, r), 1, 9000);
	for (int i = 0; i < 700; i++) {
		sprintf(name, "name_%d", i);
		TRY(dlbind(l, name, f, 6, STT_FUNC) == l);
		ck_assert_ptr_eq(dlsym(l, name), f);
	}
	ck_assert_int_eq(((int (*)(void))dlsym(l, "name_5"))(), 7);
	for (int i = 0; i < 60; i++)
		TRY((blocks[i] = dlalloc(l, 16 + 40 * i, SHF_WRITE)));
	for (int i = 0; i < 60; i += 2)
		TRY(dlfree(l, blocks[i]) == 0);
	TRY(dlrealloc(l, d, 4000) == d);
	t = table_for(f, 6, (char *)f + 16, 6);
	TRY(dlframe(l, &t, sizeof t, &token) == 0);
	TRY(dlunframe(l, token) == 0);
	for (int i = 0; i < 700; i++) {
		sprintf(name, "name_%d", i);
		TRY(dlunbind(l, name) == 0);
		ck_assert_ptr_null(dlsym(l, name));
	}
	TRY(dlfree(l, f) == 0);
	TRY(dlfree(l, r) == 0);
	ck_assert_uint_eq(figures(l).symbols, 0);
	ck_assert_uint_eq(figures(l).blocks, 31);
	TRY(dldelete(l) == 0);
}

START_TEST(each_failure_is_an_error_and_changes_nothing)
{
	long n = 0;

	scenario(_i); /* the process's own folder and text are there */
	ck_assert_ptr_null(dlcreate("a/b"));
	dlbind_error();
	do {
		countdown = n++;
		scenario(_i);
	} while (countdown < 0);
	countdown = -1;
	ck_assert_int_gt(n, 60);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("all");

	tcase_add_loop_test(tcase, each_failure_is_an_error_and_changes_nothing, 0, 1);
	tcase_add_loop_test(tcase, each_failure_is_an_error_and_changes_nothing,
			    DLBIND_WRITE_ALIAS, DLBIND_WRITE_ALIAS + 1);
	return run("dlbind failures", tcase);
}
