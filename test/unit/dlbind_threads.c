/* libdlbind on many threads, and changed in the middle of its own changes. */
#include <check.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dlbind.h"
#include "embed.h"
#include "dlbind_shared.h"

#define THREADS 8
#define OWN     3000

/* libgcc's search, which throw and backtrace() use. */
struct bases {
	void *text, *data, *function;
};
const unsigned char *_Unwind_Find_FDE(void *pc, struct bases *bases);

static void *add_frame(void *l, void *f, size_t size)
{
	struct table t = table_for(f, size, NULL, 0);
	void *token;

	ck_assert_msg(dlframe(l, &t, offsetof(struct table, fde[1]), &token) == 0, "%s",
		      dlbind_error());
	return token;
}

struct shared {
	void *l;
	char *f;
	int stop; /* atomic */
	unsigned long looked;
};

struct worker {
	struct shared *shared;
	int number;
};

static void *bind_all(void *arg)
{
	struct worker *w = arg;
	void *tokens[OWN] = { NULL };
	char name[40];

	for (int round = 0; round < 3; round++) {
		for (int n = 0; n < OWN; n++) {
			char *at = dlalloc(w->shared->l, 1 + n % 100, SHF_EXECINSTR);

			ck_assert_ptr_nonnull(at);
			sprintf(name, "t%d_%d", w->number, n);
			ck_assert_ptr_nonnull(dlbind(w->shared->l, name, at, 1, STT_FUNC));
			ck_assert_ptr_eq(dlsym(w->shared->l, name), at);
			if (n % 8 == 0)
				tokens[n] = add_frame(w->shared->l, at, 1 + n % 100);
		}
		for (int n = 0; n < OWN; n++) {
			char *at;

			sprintf(name, "t%d_%d", w->number, n);
			at = dlsym(w->shared->l, name);
			ck_assert_ptr_nonnull(at);
			ck_assert_int_eq(dlunbind(w->shared->l, name), 0);
			ck_assert_ptr_null(dlsym(w->shared->l, name));
			if (n % 8 == 0)
				ck_assert_int_eq(dlunframe(w->shared->l, tokens[n]), 0);
			ck_assert_int_eq(dlfree(w->shared->l, at), 0);
		}
	}
	return NULL;
}

/* What stays bound is found at every moment; the tables grow and shrink. */
static void *look_up(void *arg)
{
	struct worker *w = arg;
	unsigned n = w->number;
	struct bases bases;
	char name[40];
	Dl_info info;

	while (!__atomic_load_n(&w->shared->stop, __ATOMIC_RELAXED)) {
		n = (n * 5 + 1) % 100;
		sprintf(name, "always_%u", n);
		ck_assert_ptr_eq(dlsym(w->number % 2 ? RTLD_DEFAULT : w->shared->l, name),
				 w->shared->f + 16 * n);
		ck_assert_int_ne(dlbind_addr(w->shared->f + 16 * n + 1, &info), 0);
		ck_assert_str_eq(info.dli_sname, name);
		ck_assert_ptr_nonnull(_Unwind_Find_FDE(w->shared->f + 16 * n + 1, &bases));
		ck_assert_ptr_eq(bases.function, w->shared->f + 16 * n);
		if (w->number == 0) {
			ck_assert_int_ne(dladdr(w->shared->f + 16 * n + 1, &info), 0);
			ck_assert_ptr_eq(info.dli_saddr, w->shared->f + 16 * n);
		}
		__atomic_add_fetch(&w->shared->looked, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

START_TEST(eight_threads_bind_while_eight_look_up)
{
	struct dlbind_options o = { .size = sizeof o,
				    .flags = DLBIND_WRITE_ALIAS | DLBIND_GLOBAL };
	struct shared s = { .l = dlcreate_with_options("threads.so", &o) };
	struct worker workers[2 * THREADS];
	pthread_t threads[2 * THREADS];
	char name[40];

	s.f = dlalloc(s.l, 1600, SHF_EXECINSTR);
	for (int n = 0; n < 100; n++) {
		sprintf(name, "always_%d", n);
		ck_assert_ptr_nonnull(dlbind(s.l, name, s.f + 16 * n, 16, STT_FUNC));
		add_frame(s.l, s.f + 16 * n, 16);
	}
	for (int i = 0; i < 2 * THREADS; i++) {
		workers[i] = (struct worker){ &s, i % THREADS };
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						i < THREADS ? bind_all : look_up, &workers[i]),
				 0);
	}
	for (int i = 0; i < 2 * THREADS; i++) {
		if (i == THREADS)
			__atomic_store_n(&s.stop, 1, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
	}
	ck_assert_uint_eq(figures(s.l).symbols, 100);
	ck_assert_uint_eq(figures(s.l).blocks, 1);
	ck_assert_uint_gt(figures(s.l).grace_periods, 3);
	ck_assert_uint_gt(s.looked, 1000);
	/* Not deleted: the program has names of it through RTLD_DEFAULT. */
}
END_TEST

/* The loader is called, to wait for lookups, at each point where the hash table is
 * between two states; names come and go there, and all must be right. */

#define MODEL 4000

static struct {
	void *l;
	char *at;
	bool on, bound[MODEL];
	unsigned waits, next;
} growing;

static void change_name(unsigned i)
{
	char name[40];

	sprintf(name, "growing_%u", i);
	/* First, since it is done when the loader is called. */
	growing.bound[i] = !growing.bound[i];
	if (growing.bound[i])
		ck_assert_ptr_nonnull(dlbind(growing.l, name, growing.at + i, 1, STT_OBJECT));
	else
		ck_assert_int_eq(dlunbind(growing.l, name), 0);
}

static void check_names(void)
{
	char name[40];

	for (unsigned i = 0; i < MODEL; i++) {
		sprintf(name, "growing_%u", i);
		ck_assert_ptr_eq(dlsym(growing.l, name),
				 growing.bound[i] ? growing.at + i : NULL);
	}
}

static void *open_and_change(const char *path, int mode)
{
	if (growing.on && !(mode & RTLD_NOLOAD)) {
		growing.waits++;
		check_names();
		for (int k = 0; k < 300; k++)
			change_name(growing.next = (growing.next * 5 + 1237) % MODEL);
		check_names();
	}
	return dlopen(path, mode);
}

START_TEST(names_change_while_the_table_grows)
{
	static const struct dlbind_loader loader = {
		.open = open_and_change,
		.close = dlclose,
		.error = dlerror,
	};

	dlbind_use_loader(&loader);
	growing.l = dlcreate("growing.so");
	growing.at = dlalloc(growing.l, MODEL, SHF_WRITE);
	growing.on = true;
	for (unsigned i = 0; i < MODEL; i++)
		if (!growing.bound[i])
			change_name(i);
	growing.on = false;
	check_names();
	ck_assert_uint_ge(growing.waits, 8); /* two for each of four doublings */
	ck_assert_uint_ge(figures(growing.l).buckets, 4016);
	ck_assert_int_eq(dldelete(growing.l), 0);
}
END_TEST

static void *create_and_delete(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		void *l = dlcreate("mine.so");
		char *f = dlalloc(l, 6, SHF_EXECINSTR);

		memcpy(f, (char[]){ 0xb8, i, 0, 0, 0, 0xc3 }, 6);
		ck_assert_ptr_eq(dlbind(l, "f", f, 6, STT_FUNC), l);
		ck_assert_int_eq(((int (*)(void))dlsym(l, "f"))(), i);
		ck_assert_int_eq(dldelete(l), 0);
	}
	return NULL;
}

START_TEST(libraries_come_and_go_on_all_threads)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, create_and_delete, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("all");

	tcase_add_test(tcase, eight_threads_bind_while_eight_look_up);
	tcase_add_test(tcase, names_change_while_the_table_grows);
	tcase_add_test(tcase, libraries_come_and_go_on_all_threads);
	return run("dlbind threads", tcase);
}
