/* What the unit tests of libdlbind share. */
#ifndef UNIT_DLBIND_H
#define UNIT_DLBIND_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "dlbind.h"

static inline struct dlbind_figures figures(void *l)
{
	struct dlbind_figures f;

	ck_assert_int_eq(dlbind_figures(l, &f, sizeof f), 0);
	return f;
}

/* An unwind table of two functions. */
struct __attribute__((packed)) table {
	uint32_t cie_length, cie_id;
	unsigned char cie[16];
	struct __attribute__((packed)) {
		uint32_t length, cie;
		uint64_t begin, size;
		unsigned char rest[4];
	} fde[2];
};

static inline struct table table_for(void *f, size_t f_size, void *g, size_t g_size)
{
	return (struct table){
		20,
		0,
		{ 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0, 0x0c, 7, 8, 0x90, 1 },
		{ { 24, 28, (uint64_t)f, f_size, { 0 } },
		  { 24, 56, (uint64_t)g, g_size, { 0 } } },
	};
}

/* Runs the tests with a folder of their own; main's result. */
static inline int run(const char *name, TCase *tcase)
{
	char folder[] = "/tmp/dlbind-unit-XXXXXX", command[100];
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	if (!mkdtemp(folder))
		return 1;
	setenv("DLBIND_FOLDER", folder, 1);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	sprintf(command, "rm -r %s", folder);
	return system(command) != 0 || failed != 0;
}

#endif
