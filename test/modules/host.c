/* host GUEST BUILD...	GUEST is opened with the first build's bytes and reloaded with each of
 * the others'.  Prints how many of these reloads answered rightly, the least time from
 * dlreload to the first answer in microseconds, and what became of the old generations
 * after three collections, in which pools let go: "unmapped", or how many are held and the
 * first one's holder.  1: it does not open. */
#include "gohost.h"
#include "../bench/measure.h"

#define MAX 64

static char first[1024];

/* The text behind "generation N: ", or NULL where it is another generation's. */
static char *answer(void *h, int n)
{
	char *text = ((char *(*)(void))find(h, "Test"))(), want[64];
	int len = snprintf(want, sizeof want, "generation %d: ", n);
	char *rest = strncmp(text, want, len) == 0 ? strdup(text + len) : NULL;

	if (!rest)
		printf("build %d answers: %.60s\n", n, text);
	free(text);
	return rest;
}

static void verdict(void)
{
	static struct goaudit_generation all[MAX];
	int left;
	size_t n;

	runtime_now(3);
	left = goaudit_reclaim(NULL, 20000);
	n = goaudit_generations(all, MAX, sizeof *all);

	if (left == 0) {
		printf("unmapped\n");
		return;
	}
	for (size_t i = 0; i < n && i < MAX; i++)
		if (all[i].state == GOAUDIT_RETIRED) {
			printf("%d held: %.*s\n", left, (int)strcspn(all[i].holders, "\n"),
			       all[i].holders[0] ? all[i].holders : all[i].holder_text);
			return;
		}
	printf("%d held\n", left);
}

int main(int argc, char **argv)
{
	double least = 0, took;
	int good = 0;
	void *h;

	CHECK(argc > 2 && argc < MAX);
	replace(argv[2], argv[1]);
	h = open_guest(argv[1]);
	for (int i = 2; i < argc; i++) {
		char *text;
		double t;

		replace(argv[i], argv[1]);
		t = ns();
		if (i > 2 && dlreload(h) != h) {
			printf("build %d: %s\n", i - 1, dlerror());
			fflush(stdout);
			continue;
		}
		text = answer(h, i - 1);
		took = ns() - t;
		if (i == 2)
			snprintf(first, sizeof first, "%s", text ? text : "");
		else if (text && strcmp(text, first) == 0)
			least = good++ && least < took ? least : took;
		else if (text)
			printf("build %d answers: %.60s, not %.60s\n", i - 1, text, first);
		free(text);
	}
	printf("%d %.0f ", good, least / 1e3);
	verdict();
	return 0;
}
