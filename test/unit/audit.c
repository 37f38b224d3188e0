/* Units of the audit module, of each layer, that can be had without ld.so: the registry, the
 * dlerror texts, snapshots, tables of targets, languages, what needs what.  The argument is the build folder. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/adapter.h"
#include "adapter/languages.h"
#include "api/globs.h"
#include "api/goaudit.h"
#include "api/start.h"
#include "core/error.h"
#include "dlbind.h"
#include "entry/entries.h"
#include "entry/target.h"
#include "guest/addresses.h"
#include "guest/index.h"
#include "guest/records.h"
#include "guest/registry.h"
#include "guest/snapshot.h"
#include "goaudit-debug.h"
#include "guest/stamp.h"
#include "image/image.h"
#include "loader/folder.h"
#include "reload/users.h"
#include "../dlbind/private.h"

static struct goaudit *const ga = &goaudit_module;
static const char *build;
static char folder[64];

static void setup(void)
{
	strcpy(folder, "/tmp/goaudit-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	goaudit_init(ga);
	registry_init(&ga->guests);
	snprintf(ga->core.home, sizeof ga->core.home, "%s", build);
}

static void teardown(void)
{
	char command[100];

	snprintf(command, sizeof command, "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

/* --- registry ------------------------------------------------------------- */

static struct generation *add(struct guest *guest, uintptr_t handle)
{
	struct generation *gen = registry_generation_locked(&ga->guests, guest);

	ck_assert_ptr_nonnull(gen);
	registry_mapped_locked(&ga->guests, gen, (struct link_map *)handle, handle,
			       handle + 0x1000);
	gen->info->handle = handle;
	return gen;
}

START_TEST(generations_are_found_and_forgotten)
{
	struct guest *guest = registry_guest_locked(&ga->guests, "/x/a.so", "/x/a.so");
	struct generation *one = add(guest, 0x10000), *two = add(guest, 0x20000);

	ck_assert_ptr_eq(registry_guest_locked(&ga->guests, "/x/a.so", "/x/a.so"), guest);
	ck_assert_ptr_null(registry_find_path_locked(&ga->guests, "/x/b.so"));
	ck_assert_uint_eq(one->info->number, 1);
	ck_assert_uint_eq(two->info->number, 2);
	ck_assert_ptr_eq(registry_find_handle_locked(&ga->guests, (void *)0x10000), one);
	ck_assert_ptr_eq(registry_find_address_locked(&ga->guests, 0x20fff), two);
	ck_assert_ptr_null(registry_find_address_locked(&ga->guests, 0x21000));
	registry_set_state_locked(&ga->guests, one, GOAUDIT_GONE);
	ck_assert_ptr_null(registry_find_handle_locked(&ga->guests, (void *)0x10000));
	ck_assert_ptr_eq(registry_guest_of_handle_locked(&ga->guests, (void *)0x10000), guest);
	ck_assert_ptr_null(registry_guest_of_handle_locked(&ga->guests, (void *)0x30000));
}
END_TEST

/* A sanitizer makes each step ten times as long. */
#ifdef __SANITIZE_THREAD__
#define RANGES 500
#else
#define RANGES 5000
#endif
#define RANGE(i) (0x100000 + (uintptr_t)(i)*0x10000)

static struct addresses addresses;
static int reading;

static struct generation *of(uintptr_t i)
{
	return (struct generation *)(i + 1);
}

static bool add_range(uintptr_t i)
{
	struct address_place place = { RANGE(i) + 0x9000, of(i), of(2 * i), of(3 * i) };

	return addresses_add_locked(&addresses, RANGE(i), &place);
}

/* NULL: none; all that is known of it fits together. */
static struct generation *found_at(uintptr_t address)
{
	struct address_place place;
	uintptr_t i;

	if (!addresses_find(&addresses, address, &place))
		return NULL;
	i = (uintptr_t)place.gen - 1;
	return place.handle == of(2 * i) && place.context == of(3 * i) ? place.gen : (void *)-1;
}

/* Every tenth is always there; those below it come and go. */
static void *find_addresses(void *arg)
{
	uint64_t found = 0;

	while (__atomic_load_n(&reading, __ATOMIC_ACQUIRE)) {
		uintptr_t i = (found * 7919 + (uintptr_t)arg) % RANGES;
		struct generation *gen = found_at(RANGE(i) + 0x8fff);

		if (i % 10 == 0 ? gen != of(i) : gen && gen != of(i))
			return (void *)1;
		if (found_at(RANGE(i) + 0x9000))
			return (void *)2;
		found++;
	}
	return NULL;
}

START_TEST(addresses_are_found_while_others_change)
{
	static bool there[RANGES];
	pthread_t t[2];
	unsigned seed = 17;
	void *wrong;

	for (uintptr_t i = 0; i < RANGES; i += 10)
		ck_assert(add_range(i));
	reading = 1;
	for (uintptr_t i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, find_addresses, (void *)i), 0);
	for (int n = 0; n < 20000; n++) {
		uintptr_t i = rand_r(&seed) % RANGES;

		if (i % 10 == 0)
			continue;
		if (there[i])
			addresses_remove_locked(&addresses, RANGE(i), of(i));
		else
			ck_assert(add_range(i));
		there[i] = !there[i];
		ck_assert_ptr_eq(found_at(RANGE(i)), there[i] ? of(i) : NULL);
	}
	__atomic_store_n(&reading, 0, __ATOMIC_RELEASE);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_join(t[i], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
	for (uintptr_t i = 0; i < RANGES; i++)
		ck_assert_ptr_eq(found_at(RANGE(i) + 0x42),
				 there[i] || i % 10 == 0 ? of(i) : NULL);
}
END_TEST

START_TEST(an_index_finds_what_is_in_it)
{
	static struct index_link link[10000];
	static struct index index;

	for (uint64_t i = 0; i < 10000; i++)
		index_put(&index, &link[i], index_hash_number(i / 2));
	for (uint64_t i = 0; i < 10000; i += 3)
		index_remove(&index, &link[i]);
	index_put(&index, &link[1], index_hash_number(77777));
	index_remove(&index, &link[0]); /* it is not in */
	for (uint64_t i = 0; i < 10000; i++) {
		uint64_t hash = index_hash_number(i == 1 ? 77777 : i / 2);
		struct index_link *l = index_first(&index, hash);

		while (l && l != &link[i])
			l = index_next(l);
		ck_assert_int_eq(l != NULL, i % 3 != 0);
	}
}
END_TEST

START_TEST(records_are_used_again_after_their_history)
{
	struct guest *guest = registry_guest_locked(&ga->guests, "/x/a.so", "/x/a.so");
	static struct goaudit_generation out[2 * REGISTRY_HISTORY];
	struct generation *kept = add(guest, 0x1000);
	size_t n;

	for (unsigned i = 0; i < 5 * REGISTRY_HISTORY; i++)
		registry_set_state_locked(&ga->guests, add(guest, 0x100000 + i * 0x1000),
					  GOAUDIT_GONE);
	ck_assert_uint_le(goaudit_debug.records, REGISTRY_HISTORY + 4);
	ck_assert_ptr_eq(registry_find_handle_locked(&ga->guests, (void *)0x1000), kept);
	n = registry_copy_locked(&ga->guests, out, 2 * REGISTRY_HISTORY, sizeof *out,
				 sizeof *out);
	ck_assert_uint_eq(n, goaudit_debug.records);
	for (size_t i = 1; i < n; i++)
		ck_assert_uint_ge(out[i].opened_at, out[i - 1].opened_at);
	ck_assert_uint_eq(goaudit_debug.sequence % 2, 0);
}
END_TEST

/* The area of the records is small at first, and moves when it is full. */
START_TEST(records_outgrow_their_area)
{
	const unsigned n = 2 * REGISTRY_FIRST + 1;
	struct guest *guest = registry_guest_locked(&ga->guests, "/x/a.so", "/x/a.so");
	struct generation **gens = calloc(n, sizeof *gens);
	uint64_t area = 0;

	for (unsigned i = 0; i < n; i++) {
		gens[i] = add(guest, 0x100000 + i * 0x1000);
		if (i == 0)
			area = goaudit_debug.generations;
	}
	ck_assert_uint_ne(goaudit_debug.generations, area);
	ck_assert_uint_ge(goaudit_debug.records, n);
	for (unsigned i = 0; i < n; i++) {
		ck_assert_ptr_eq(gens[i]->info, records_at(gens[i]->index));
		ck_assert_uint_eq(gens[i]->info->number, i + 1);
		ck_assert_ptr_eq(registry_find_handle_locked(&ga->guests,
							     (void *)(uintptr_t)(0x100000 +
										 i * 0x1000)),
				 gens[i]);
	}
	ck_assert_uint_eq(goaudit_debug.sequence % 2, 0);
	free(gens);
}
END_TEST

START_TEST(only_an_ending_spares_what_is_installed)
{
	static const char *const endings[] = { "*.so",   "*",         "**.so.*",
					       "*/*.so", "/*/*-x.so", "?*/*" };
	static const char *const more[] = { "a*.so", "/usr/lib/*.so", "*/p/*.so",
					    "?.so",  "[a]*",          "/*/a.so" };

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		ck_assert_msg(globs_is_suffix(endings[i]), "%s", endings[i]);
		ck_assert_msg(!globs_is_suffix(more[i]), "%s", more[i]);
	}
	ck_assert(globs_is_system("/usr/lib/x86_64-linux-gnu/libc.so.6"));
	ck_assert(globs_is_system("/lib64/a.so") && globs_is_system("/usr/local/lib/a/b.so"));
	ck_assert(globs_is_system("/usr/libexec/a.so") && globs_is_system("/libx32/a.so"));
	ck_assert(!globs_is_system("/usr/library/a.so") && !globs_is_system("/usr/lib"));
	ck_assert(!globs_is_system("/opt/lib/a.so") && !globs_is_system("/home/usr/lib/a.so"));
	ck_assert(globs_is_of_program("/opt/jdk/lib/server/libjvm.so", "/opt/jdk/bin/java"));
	ck_assert(globs_is_of_program("/o/lib32/a.so", "/o/sbin/d"));
	ck_assert(!globs_is_of_program("/opt/jdk2/lib/a.so", "/opt/jdk/bin/java"));
	ck_assert(!globs_is_of_program("/w/lib/a.so", "/w/build/a.out"));
	ck_assert(!globs_is_of_program("/lib.so", "/a"));
}
END_TEST

START_TEST(a_smaller_record_gets_the_fields_it_knows)
{
	struct goaudit_generation out[2];

	memset(out, 0x55, sizeof out);
	add(registry_guest_locked(&ga->guests, "/x/a.so", "/x/a.so"), 0x1000);
	ck_assert_uint_eq(registry_copy_locked(&ga->guests, out, 1, sizeof *out, 16), 1);
	ck_assert_uint_eq(out[0].number, 1);
	ck_assert_uint_eq(out[0].goroutine, 0x5555555555555555);
}
END_TEST

START_TEST(a_fresh_stamp_is_not_trusted)
{
	char name[100];
	struct stat st;
	struct file_stamp s;
	int fd;

	snprintf(name, sizeof name, "%s/f", folder);
	fd = open(name, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert(stamp_of(&st).racy);
	st.st_ctim.tv_sec -= 10;
	s = stamp_of(&st);
	ck_assert(!s.racy);
	ck_assert(stamp_same(&s, &s));
	close(fd);
}
END_TEST

/* --- dlerror -------------------------------------------------------------- */

static void *other_thread(void *arg)
{
	(void)arg;
	return (void *)error_take(&ga->core);
}

START_TEST(an_error_is_the_thread_s_own_and_told_once)
{
	pthread_t t;
	void *seen;

	error_set(&ga->core, "%s: bad: mend it", "x.so");
	pthread_create(&t, NULL, other_thread, NULL);
	pthread_join(t, &seen);
	ck_assert_ptr_null(seen);
	ck_assert_str_eq(error_take(&ga->core), "x.so: bad: mend it");
	ck_assert_ptr_null(error_take(&ga->core));
	error_set(&ga->core, "again");
	error_clear(&ga->core);
	ck_assert_ptr_null(error_take(&ga->core));
	ck_assert_ptr_null(ga->core.errors.pending);
}
END_TEST

/* --- snapshots ------------------------------------------------------------ */

static int make(char *snapshots, struct snapshot *s)
{
	char path[300];
	int fd, result;

	/* Any shared object will do. */
	snprintf(path, sizeof path, "%s/libgoaudit-entries.so", build);
	ga->core.settings.snapshots = snapshots;
	fd = open(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	memset(s, 0, sizeof *s);
	result = snapshot_read(&ga->guests, fd, path, s);
	if (result == 0)
		result = snapshot_make(&ga->guests, path, s);
	close(fd);
	snapshot_release(s);
	return result;
}

START_TEST(a_snapshot_is_private_and_immutable)
{
	struct snapshot a, b;
	struct stat st;

	ck_assert_int_eq(make(folder, &a), 0);
	ck_assert_int_eq(make(folder, &b), 0);
	ck_assert_str_ne(a.file, b.file);
	ck_assert_uint_eq(a.hash[0], b.hash[0]);
	ck_assert_int_eq(stat(a.file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0400);
	ck_assert(folder_has(&ga->loader, a.file));
	ck_assert(!folder_has(&ga->loader, "/usr/lib/x.so"));
	folder_remove(&ga->loader, a.file);
	ck_assert_int_eq(stat(a.file, &st), -1);
	folder_finish(&ga->loader);
	ck_assert_int_eq(stat(b.file, &st), -1);
}
END_TEST

START_TEST(a_folder_that_others_can_enter_is_refused)
{
	struct snapshot s;

	chmod(folder, 0755);
	ck_assert_int_eq(make(folder, &s), -1);
	ck_assert_ptr_nonnull(strstr(error_take(&ga->core), "only this user"));
	ck_assert_str_eq(s.file, "");
}
END_TEST

START_TEST(leftovers_are_collected_and_the_living_are_not)
{
	char living[300], users[100], left[300];
	struct private_own *own, *dead;
	struct snapshot s;
	struct stat st;

	/* One whose process is gone, one that is in use, and one of the user's. */
	own = private_make(folder, "goaudit");
	dead = private_make(folder, "goaudit");
	ck_assert(own && dead);
	ck_assert_str_ne(own->path, dead->path);
	strcpy(living, own->path);
	snprintf(users, sizeof users, "%s/1.1", folder);
	ck_assert_int_eq(mkdir(users, 0700), 0);
	snprintf(left, sizeof left, "%s/left", dead->path);
	ck_assert_int_eq(close(open(left, O_CREAT | O_WRONLY, 0600)), 0);
	private_release(&dead->held);
	ck_assert_int_eq(make(folder, &s), 0);
	ck_assert_int_eq(stat(left, &st), -1);
	ck_assert_int_eq(stat(living, &st), 0);
	ck_assert_int_eq(stat(users, &st), 0);
}
END_TEST

START_TEST(a_locked_byte_is_seen_by_others_until_it_is_released)
{
	struct private_own *own = private_make(folder, "goaudit");
	void *held;
	int fd;

	ck_assert(own);
	ck_assert(private_is_held(own, 0));
	ck_assert(!private_is_held(own, 7));
	fd = private_lock_file(own);
	ck_assert(private_lock(fd, F_RDLCK, 5, 5));
	ck_assert(private_lock(fd, F_UNLCK, 8, 1));
	held = private_hold(fd);
	ck_assert(held);
	ck_assert(private_is_held(own, 7));
	ck_assert(!private_is_held(own, 8));
	ck_assert(private_is_held(own, 9));
	ck_assert_int_eq(private_claim(AT_FDCWD, own->path, "goaudit"), -1);
	private_release(&held);
	ck_assert(!private_is_held(own, 7));
	ck_assert(!private_is_held(own, 9));
	private_release(&own->held);
	ck_assert_int_eq(private_claim(AT_FDCWD, own->path, "dlbind"), -1);
	fd = private_claim(AT_FDCWD, own->path, "goaudit");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(private_claim(AT_FDCWD, own->path, "goaudit"), -1);
	private_discard(AT_FDCWD, own->path, fd);
	ck_assert_int_eq(access(own->path, F_OK), -1);
}
END_TEST

/* --- the layers above ------------------------------------------------------ */

START_TEST(tables_of_targets_are_used_again_and_slots_are_not_shared)
{
	struct guest *guest = registry_guest_locked(&ga->guests, "/x/a.so", "/x/a.so");
	struct generation *one = add(guest, 0x10000), *two = add(guest, 0x20000);
	struct target_table *small = target_take_locked(&ga->entries, one, 3), *large;

	ck_assert_ptr_nonnull(small);
	ck_assert_uint_ge(1u << small->size, 3);
	large = target_take_locked(&ga->entries, one, 1000);
	ck_assert_ptr_nonnull(large);
	ck_assert_uint_eq(large->slot, small->slot);
	target_give_locked(&ga->entries, small);
	ck_assert_ptr_eq(target_take_locked(&ga->entries, one, 16), small);
	small = target_take_locked(&ga->entries, two, 3);
	ck_assert_ptr_nonnull(small);
	ck_assert_uint_ne(large->slot, small->slot);
	ck_assert_ptr_null(target_take_locked(&ga->entries, two, UINT32_MAX));
}
END_TEST

START_TEST(an_image_is_of_the_first_language_that_recognises_it)
{
	struct image_facts facts = { .size = sizeof facts, .kind = IMAGE_C };

	ck_assert_str_eq(languages_find(&facts)->language, "C");
	facts.needs_druntime = true;
	ck_assert_str_eq(languages_find(&facts)->language, "D");
	facts.kind = IMAGE_GO_GUEST;
	ck_assert_str_eq(languages_find(&facts)->language, "Go");
}
END_TEST

START_TEST(what_generations_need_is_no_circle)
{
	struct guest *guest = registry_guest_locked(&ga->guests, "/x/a.so", "/x/a.so");
	struct generation *a = add(guest, 0x10000), *b = add(guest, 0x20000),
			  *c = add(guest, 0x30000);

	ck_assert(users_add(&ga->reloads, a, b) && users_add(&ga->reloads, b, c));
	ck_assert(users_add(&ga->reloads, a, b)); /* once is enough */
	ck_assert_uint_eq(b->users, 1);
	ck_assert(users_reach(a, c) && !users_reach_directly(a, c));
	ck_assert(users_add(&ga->reloads, c, a)); /* is left out */
	ck_assert(!users_reach(c, a));
	ck_assert_uint_eq(a->users, 0);
	ck_assert(users_wanted(&ga->reloads, c)); /* by b, which is in the link map */
	b->object.hidden = true;
	ck_assert(!users_wanted(&ga->reloads, c));
	c->info->references = 1;
	ck_assert(users_wanted(&ga->reloads, c));
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("audit");
	TCase *tc = tcase_create("units");
	SRunner *runner;
	int failed;

	build = argc > 1 ? argv[1] : getenv("GOAUDIT_BUILD");
	if (!build)
		build = ".build";
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, generations_are_found_and_forgotten);
	tcase_add_test(tc, addresses_are_found_while_others_change);
	tcase_add_test(tc, an_index_finds_what_is_in_it);
	tcase_add_test(tc, records_are_used_again_after_their_history);
	tcase_add_test(tc, records_outgrow_their_area);
	tcase_add_test(tc, only_an_ending_spares_what_is_installed);
	tcase_add_test(tc, a_smaller_record_gets_the_fields_it_knows);
	tcase_add_test(tc, a_fresh_stamp_is_not_trusted);
	tcase_add_test(tc, an_error_is_the_thread_s_own_and_told_once);
	tcase_add_test(tc, a_snapshot_is_private_and_immutable);
	tcase_add_test(tc, a_folder_that_others_can_enter_is_refused);
	tcase_add_test(tc, leftovers_are_collected_and_the_living_are_not);
	tcase_add_test(tc, a_locked_byte_is_seen_by_others_until_it_is_released);
	tcase_add_test(tc, tables_of_targets_are_used_again_and_slots_are_not_shared);
	tcase_add_test(tc, an_image_is_of_the_first_language_that_recognises_it);
	tcase_add_test(tc, what_generations_need_is_no_circle);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed;
}
