/* The table of holders.
 *
 *	host [-g] [CASE...]	each case, default all: opens a copy of guest.so of its own,
 *			makes it do one thing, closes it and asks for its reclaim.  It
 *			is unmapped, or held by what the table says; then the holder
 *			goes, and it is unmapped.  Its addresses are mapped PROT_NONE
 *			from then on, and 50 collections run: a late touch is a crash.
 *			-g: the collector runs all the time, on a thread of its own, and
 *			once while a value is on its way from the guest to the keeper
 *	host -l		lists the cases that have a control, and what it leaves out
 *	host -c CASE	the control of a case, with GOAUDIT_TEST_UNLINK set: the guest
 *			is unmapped although it is held; the host must not survive */
#include "gohost.h"
#include "go/protocol.h"
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>

#define IS(kind) (1u << GO_HOLDER_##kind)
#define NO(part) GO_UNLINK_NO_##part

struct guest_case {
	const char *name;
	const char *give; /* Give(name) hands its value to this function of the keeper */
	unsigned held;    /* kinds of holders one of which is expected; 0: none */
	const char *text; /* the first holder's text begins with this */
	const char *root; /* and this occurs in it */
	/* how it ends; MAYBE: it may have ended before it is seen */
	enum { RELEASE = 1, DROP = 2, NEVER = 8, MAYBE = 16 } end;
	uint64_t without; /* what its control leaves out; 0: no control */
};

static const struct guest_case cases[] = {
	/* nothing holds these */
	{ "plain" },
	{ "ticker" },
	{ "finalizer-own" },
	{ "cleanup-own" },
	{ "file" },
	{ "weak-own" },
	{ "unique" },
	{ "pool" },
	{ "gob" },
	{ "notify" },
	{ "itabs" },
	{ "generics" },
	{ "reflect" },
	{ "setenv" },
	{ "json" },
	{ "server" },
	{ "contexts" },
	{ "panics" },
	{ "large-own" },
	{ "timers-stopped" },
	{ "weak", "KeepWeak" },
	{ "pcs", "KeepAny" },
	/* names that it has registered go with it */
	{ "expvar" },
	{ "servemux" },
	{ "muxfunc" },
	/* these are copied instead of held */
	{ "string", "KeepString", .without = NO(STRINGS) },
	{ "substring", "KeepString", .without = NO(STRINGS) },
	/* goroutines; one that has not begun to run is found by its func */
	{ "parked", NULL, IS(FRAME), "main.init", "", RELEASE, NO(FRAMES) | NO(POINTERS) },
	{ "spinning", NULL, IS(FRAME), "main.init", "", RELEASE,
	  NO(FRAMES) | NO(POINTERS) | NO(TYPE_WORDS) },
	{ "syscall", NULL, IS(FRAME), "main.init", "", RELEASE, NO(FRAMES) | NO(POINTERS) },
	{ "cgo", NULL, IS(FRAME), "main._Cfunc_nap", "", RELEASE, NO(FRAMES) | NO(POINTERS) },
	{ "copying", NULL, IS(FRAME), "main.init", "", RELEASE,
	  NO(FRAMES) | NO(POINTERS) | NO(TYPE_WORDS) },
	/* timers */
	{ "afterfunc", NULL, IS(TIMER), "main.init", "", RELEASE },
	{ "afterfunc-alone", NULL, IS(TIMER), "main.init", "", RELEASE,
	  NO(TIMERS) | NO(POINTERS) },
	{ "ticker-loop", NULL, IS(FRAME), "main.init", "", RELEASE, NO(FRAMES) | NO(POINTERS) },
	/* finalizers */
	{ "finalizer", "Attach", IS(FINALIZER), "func main.Attach", "<- finalizer", DROP,
	  NO(FINALIZERS) },
	{ "cleanup", "Attach", IS(FINALIZER), "func main.Attach", "<- finalizer", DROP,
	  NO(FINALIZERS) },
	{ "finalizer-garbage", NULL, IS(FINALIZER), "", "", MAYBE, NO(FINALIZERS) },
	/* std keeps them */
	{ "log", NULL, IS(TYPE), "type *main.T <-", "<- log.std", RELEASE, NO(TYPE_WORDS) },
	{ "flagset", NULL, IS(TYPE), "type *main.T <-", "<- flag.CommandLine", RELEASE,
	  NO(TYPE_WORDS) },
	/* another guest keeps them */
	{ "any", "KeepAny", IS(TYPE), "type main.T <-", "<- main.anys of keeper.so", DROP,
	  NO(TYPE_WORDS) },
	{ "pointer", "KeepAny", IS(TYPE), "type *main.T <-", "<- main.anys", DROP,
	  NO(TYPE_WORDS) },
	{ "nil-pointer", "KeepAny", IS(TYPE), "type *main.T <-", "<- main.anys", DROP,
	  NO(TYPE_WORDS) },
	{ "error", "KeepAny", IS(TYPE), "type *main.E <-", "<- main.anys", DROP,
	  NO(TYPE_WORDS) },
	{ "panic-value", "KeepAny", IS(TYPE), "type *main.E <-", "<- main.anys", DROP,
	  NO(TYPE_WORDS) },
	{ "runtime-error", "KeepAny", IS(TYPE), "type *main.T <-", "<- main.anys", DROP,
	  NO(POINTERS) },
	{ "context", "KeepAny", IS(TYPE), "type main.K <-", "<- main.anys", DROP,
	  NO(TYPE_WORDS) | NO(POINTERS) },
	{ "ctx-func", "KeepAny", IS(FUNC), "func main.init", "<- main.anys", RELEASE | DROP,
	  NO(POINTERS) },
	{ "map-key", "KeepAny", IS(TYPE), "type map[main.K]string <-", "<- main.anys", DROP,
	  NO(TYPE_WORDS) },
	{ "sync-map", "KeepAny", IS(TYPE), "type main.K <-", "<- main.anys", DROP,
	  NO(TYPE_WORDS) | NO(POINTERS) },
	{ "atomic", "KeepAny", IS(TYPE), "type main.K <-", "<- main.anys", DROP,
	  NO(POINTERS) | NO(TYPE_WORDS) },
	{ "writer", "KeepAny", IS(TYPE), "type *main.T <-", "<- main.anys", DROP,
	  NO(TYPE_WORDS) },
	{ "sentinel", "KeepAny", IS(POINTER), "variable main.", "<- main.anys", DROP,
	  NO(POINTERS) },
	{ "made-type", "KeepAny", IS(TYPE), "type main.T <-", "<- main.anys", DROP,
	  NO(POINTERS) },
	{ "made-value", "KeepAny", IS(TYPE), "type main.T <-", "<- main.anys", DROP,
	  NO(POINTERS) | NO(TYPE_WORDS) },
	{ "rtype", "KeepAny", IS(TYPE), "type main.T <-", "<- main.anys", DROP, NO(POINTERS) },
	{ "generic-func", "KeepAny", IS(FUNC), "func ", "<- main.anys", DROP,
	  NO(TYPE_WORDS) | NO(POINTERS) },
	{ "pull", "KeepFunc", IS(FRAME), "iter.Pull", "", DROP | NEVER,
	  NO(FRAMES) | NO(POINTERS) | NO(TYPE_WORDS) | NO(CLOSURES) },
	{ "closure", "KeepFunc", IS(FUNC), "func main.init", "<- main.funcs of keeper.so", DROP,
	  NO(TYPE_WORDS) },
	{ "closure-noptr", "KeepFunc", IS(FUNC), "func main.init", "<- main.funcs", DROP,
	  NO(CLOSURES) },
	{ "method-value", "KeepFunc", IS(FUNC), "func main.(*T).method-fm", "<- main.funcs",
	  DROP, NO(TYPE_WORDS) },
	{ "func", "KeepFunc", IS(FUNC), "func main.static", "<- main.funcs", DROP,
	  NO(POINTERS) },
	{ "chan", "KeepChan", IS(CHAN), "type main.pair <-", "<- main.chans of keeper.so", DROP,
	  NO(CHANS) },
	{ "variable", "KeepPtr", IS(POINTER), "variable main.global+16 <-",
	  "<- main.ptrs of keeper.so", DROP, NO(POINTERS) },
	{ "object", "KeepPtr", IS(OBJECT), "type main.big <- heap object 896 B of main.big",
	  "<- main.ptrs", DROP, NO(HEADERS) | NO(SCRUB) },
	{ "object-large", "KeepPtr", IS(OBJECT), "type main.huge <-", "<- main.ptrs", DROP,
	  NO(HEADERS) | NO(SCRUB) },
	{ "any", "KeepPool", IS(TYPE), "type main.T <-", "<- main.pool", MAYBE },
};

#define NCASES (sizeof cases / sizeof *cases)

static void *keeper;
static int failures, done, held_count;
static bool collecting;
static volatile bool finished;
static void (*keep)(void *);

static void collect(int n)
{
	struct goaudit_runtime rt;

	CHECK(goaudit_runtime_stats(&rt, sizeof rt, n) == 0);
}

static void hand_over(void *value)
{
	if (collecting)
		collect(1);
	keep(value);
}

static void start(const struct guest_case *c, void *h)
{
	const char *name = c->name;

	if (!c->give) {
		((void (*)(const char *))find(h, "Run"))(name);
	} else if (strcmp(c->give, "Attach") == 0) {
		void *p = ((void *(*)(void))find(keeper, "NewObject"))();

		((void (*)(const char *, void *))find(h, "Attach"))(name, p);
	} else {
		keep = (void (*)(void *))find(keeper, c->give);
		((void (*)(const char *, void (*)(void *)))find(h, "Give"))(name, hand_over);
	}
}

static void fail(const struct guest_case *c, const struct goaudit_generation *g,
		 const char *what)
{
	printf("FAILED %s: %s: state %u, holder %u (%s)\n%s\n", c->name, what, g->state,
	       g->holder, g->holder_text, g->holders);
	failures++;
}

/* Nothing may touch the addresses any more.  A thread that has just been started may
 * have its stack there already. */
static void poison(const struct goaudit_generation *g)
{
	void *p =
		mmap((void *)g->lo, g->hi - g->lo, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	CHECK(p == (void *)g->lo || (p == MAP_FAILED && errno == EEXIST));
}

static struct goaudit_generation reclaim(const char *path)
{
	goaudit_reclaim(NULL, -1);
	return record_of(path, 1);
}

/* All that only other guests hold: used, or let go. */
static void use(void)
{
	((int (*)(void))find(keeper, "Use"))();
}
static void touch(void)
{
	((void (*)(void))find(keeper, "Touch"))();
}
static void drop(void)
{
	((void (*)(void))find(keeper, "Drop"))();
}

static void release(const struct guest_case *c, void (*fn)(const char *))
{
	if (c->end & RELEASE)
		fn(c->name);
	if (c->end & DROP)
		drop();
	collect(3);
}

static void *open_case(const struct guest_case *c, char *path, size_t size)
{
	void *h;

	snprintf(path, size, "./case%d-%s.so", (int)(c - cases), c->name);
	CHECK(link("guest.so", path) == 0 || errno == EEXIST);
	h = open_mode(path, RTLD_NOW);
	start(c, h);
	return h;
}

static bool as_expected(const struct guest_case *c, const struct goaudit_generation *g)
{
	const char *end = strchrnul(g->holders, '\n');
	char first[sizeof g->holders];

	snprintf(first, sizeof first, "%.*s", (int)(end - g->holders), g->holders);
	return 1u << g->holder & c->held && strncmp(first, c->text, strlen(c->text)) == 0 &&
	       strstr(first, c->root);
}

static void run(const struct guest_case *c)
{
	struct goaudit_generation g;
	void (*end)(const char *);
	char path[64];
	void *h;

	h = open_case(c, path, sizeof path);
	end = (void (*)(const char *))find(h, "Release");
	close_guest(h);
	g = reclaim(path);
	done++;
	if (g.state != GOAUDIT_GONE && c->held) {
		held_count++;
		if (!as_expected(c, &g))
			fail(c, &g, "another holder was expected");
		printf("%-18s held: %.*s\n", c->name, (int)strcspn(g.holders, "\n"), g.holders);
		use();
		touch();
		release(c, end);
		g = reclaim(path);
		if (c->end & NEVER && g.state == GOAUDIT_RETIRED)
			return;
		/* Goroutines end and pools are emptied when they like. */
		for (int k = 0; k < 500 && g.state != GOAUDIT_GONE; k++) {
			collect(1);
			usleep(k * 100);
			g = reclaim(path);
		}
		if (g.state != GOAUDIT_GONE)
			return fail(c, &g, "still held");
	} else if (g.state != GOAUDIT_GONE) {
		return fail(c, &g, "held");
	} else if (c->held && !(c->end & MAYBE)) {
		return fail(c, &g, "not held");
	} else {
		printf("%-18s unmapped\n", c->name);
	}
	poison(&g);
	collect(50);
	use();
	touch();
	if (strcmp(c->name, "weak") == 0)
		CHECK(((bool (*)(void))find(keeper, "WeakIsNil"))());
	drop();
	collect(2);
}

/* Exit status 0: nothing has happened; 3: it was held nevertheless. */
static int control(const struct guest_case *c)
{
	struct goaudit_generation g;
	uintptr_t ending;
	char path[64];
	void *h;

	h = open_case(c, path, sizeof path);
	ending = ((uintptr_t(*)(void))find(h, "Ending"))();
	close_guest(h);
	g = reclaim(path);
	if (g.state != GOAUDIT_GONE) {
		printf("%s: held: %s\n", c->name, g.holders);
		return 3;
	}
	poison(&g);
	collect(5);
	use();
	if (strcmp(c->name, "cgo") == 0)
		CHECK(write((int)ending, "", 1) == 1);
	else if (ending)
		((void (*)(uintptr_t))find(keeper, "Fire"))(ending);
	if (ending)
		pause(); /* it is to die of it, whenever that is */
	touch();
	if (c->end & DROP)
		drop();
	collect(5);
	use();
	printf("%s: nothing has happened\n", c->name);
	return 0;
}

static void *collector(void *unused)
{
	while (!finished)
		collect(1);
	return unused;
}

static bool is_wanted(const struct guest_case *c, char *const *names, int n)
{
	const char *debug = getenv("GODEBUG");
	bool all = n == 0;

	for (; n > 0; n--)
		if (strcmp(*names++, c->name) == 0)
			return true;
	/* With these nothing stops the loop. */
	return all && (strcmp(c->name, "spinning") != 0 || !debug ||
		       !(strstr(debug, "gccheckmark=1") || strstr(debug, "asyncpreemptoff=1")));
}

int main(int argc, char **argv)
{
	bool controls = argc == 3 && strcmp(argv[1], "-c") == 0;
	int first;
	pthread_t thread;

	collecting = argc > 1 && strcmp(argv[1], "-g") == 0;
	first = 1 + (controls || collecting);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && strcmp(argv[1], "-l") == 0) {
		for (unsigned i = 0; i < NCASES; i++)
			if (cases[i].without)
				printf("%s %#lx\n", cases[i].name, cases[i].without);
		return 0;
	}
	keeper = open_guest("./keeper.so");
	if (collecting)
		CHECK(pthread_create(&thread, NULL, collector, NULL) == 0);
	for (unsigned i = 0; i < NCASES; i++) {
		if (!is_wanted(&cases[i], argv + first, argc - first))
			continue;
		if (controls && cases[i].without)
			return control(&cases[i]);
		run(&cases[i]);
	}
	finished = true;
	if (collecting)
		pthread_join(thread, NULL);
	printf("%d cases, %d held at first, %d failed\n", done, held_count, failures);
	return failures != 0;
}
