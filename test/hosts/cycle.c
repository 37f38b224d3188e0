/* A host for guests that export char *Test(void).
 *
 *	cycle [NAME...]	NAME.so is made in turn from NAME.1 and NAME.2
 *
 * Every guest is opened, called, closed, changed, opened, called; the old
 * generation is then reclaimed and its mapping is gone; 50 collections; called
 * again; closed and opened unchanged, which is the same object; changed back
 * and called once more.  With several guests each step is done for all of them
 * before the next one. */
#include "gohost.h"

static void *handle[64];
static char path[64][PATH_MAX];

static void change(const char *name, int i, int variant)
{
	char from[PATH_MAX];

	snprintf(from, sizeof from, "./%s.%d", name, variant);
	snprintf(path[i], sizeof path[i], "./%s.so", name);
	replace(from, path[i]);
}

int main(int argc, char **argv)
{
	struct goaudit_runtime before, after;
	int n = argc - 1;

	for (int i = 0; i < n; i++) {
		change(argv[i + 1], i, 1);
		handle[i] = open_guest(path[i]);
		print_text(handle[i], "Test");
		close_guest(handle[i]);
	}
	for (int i = 0; i < n; i++) {
		change(argv[i + 1], i, 2);
		handle[i] = open_guest(path[i]);
		print_text(handle[i], "Test");
	}
	reclaim_all();
	before = runtime_now(50);
	for (int i = 0; i < n; i++) {
		void *old = handle[i];

		check_gone(path[i], 1);
		print_text(handle[i], "Test");
		close_guest(handle[i]);
		handle[i] = open_guest(path[i]);
		CHECK(handle[i] == old);
		close_guest(handle[i]);
	}
	for (int i = 0; i < n; i++) {
		change(argv[i + 1], i, 1);
		handle[i] = open_guest(path[i]);
		print_text(handle[i], "Test");
	}
	reclaim_all();
	after = runtime_now(50);
	for (int i = 0; i < n; i++) {
		check_gone(path[i], 2);
		print_text(handle[i], "Test");
	}
	CHECK(after.modules == before.modules);
	printf("guests in the runtime: %d\n", (int)after.modules - 1);
	return 0;
}
