/* The table of holders.
 *
 *	host [-n] [CASE...]	default: all; -n: no verdicts wanted, for runs with
 *				a part of the check left out (GOAUDIT_TEST_UNLINK)
 *
 * Each case opens a copy of guest.so of its own, makes it do one thing, closes
 * it, and asks for its reclaim.  It is unmapped, or held by what the table says;
 * then the holder goes, and it is unmapped.  Its addresses are mapped PROT_NONE
 * from then on, and 50 collections run: a late touch of any kind is a crash. */
#include "gohost.h"
#include "go/protocol.h"
#include <stdbool.h>
#include <sys/mman.h>

#define ANY (~0u)
#define IS(kind) (1u << GO_HOLDER_##kind)

struct guest_case {
	const char *name;
	const char *give;	/* Give(name) is handed to this function of the keeper */
	unsigned held;		/* kinds of holders one of which is expected; 0: none */
	const char *text;	/* occurs in the holders' text */
	enum { RELEASE = 1, DROP = 2, WAIT = 4, NEVER = 8 } end;
};

static const struct guest_case cases[] = {
	/* nothing holds these */
	{ "plain" }, { "ticker" }, { "finalizer-own" }, { "finalizer-garbage" },
	{ "cleanup-own" }, { "file" }, { "weak-own" }, { "unique" }, { "pool" },
	{ "gob" }, { "notify" }, { "itabs" }, { "generics" }, { "reflect" },
	{ "setenv" }, { "json" }, { "server" }, { "contexts" }, { "panics" },
	{ "large-own" },
	{ "string", "KeepString" }, { "substring", "KeepString" },
	{ "weak", "KeepWeak" }, { "pcs", "KeepAny" },
	/* goroutines */
	{ "parked", NULL, IS(FRAME), "main.init", RELEASE },
	{ "spinning", NULL, IS(FRAME), "main.init", RELEASE },
	{ "syscall", NULL, IS(FRAME), "main.init", RELEASE },
	{ "cgo", NULL, IS(FRAME), "main", WAIT },
	{ "copying", NULL, IS(FRAME) | IS(STACK) | IS(START), "main", RELEASE },
	/* timers */
	{ "afterfunc", NULL, IS(TIMER), "main.init", RELEASE },
	{ "afterfunc-100", NULL, IS(TIMER), "main.init", WAIT },
	{ "ticker-loop", NULL, IS(FRAME), "main.init", RELEASE },
	/* finalizers */
	{ "finalizer", "Attach", IS(FINALIZER), "main.Attach", DROP },
	{ "cleanup", "Attach", IS(FINALIZER) | IS(CLEANUP), "main.Attach", DROP },
	/* std keeps them */
	{ "log", NULL, IS(TYPE), "main.T", RELEASE },
	{ "expvar", NULL, IS(TYPE), "main.T", NEVER },
	{ "servemux", NULL, IS(TYPE), "main.T", NEVER },
	{ "muxfunc", NULL, IS(FUNC), "main.init", NEVER },
	{ "ctx-func", "KeepAny", IS(FUNC), "main.init", RELEASE | DROP },
	/* another guest keeps them */
	{ "any", "KeepAny", IS(TYPE), "main.T", DROP },
	{ "pointer", "KeepAny", IS(TYPE), "main.T", DROP },
	{ "nil-pointer", "KeepAny", IS(TYPE), "main.T", DROP },
	{ "error", "KeepAny", IS(TYPE), "main.E", DROP },
	{ "panic-value", "KeepAny", IS(TYPE), "main.E", DROP },
	{ "runtime-error", "KeepAny", IS(TYPE), "main.T", DROP },
	{ "context", "KeepAny", IS(TYPE), "main.K", DROP },
	{ "map-key", "KeepAny", IS(TYPE), "main.K", DROP },
	{ "sync-map", "KeepAny", IS(TYPE), "main.K", DROP },
	{ "atomic", "KeepAny", IS(TYPE), "main.K", DROP },
	{ "writer", "KeepAny", IS(TYPE), "main.T", DROP },
	{ "sentinel", "KeepAny", IS(POINTER), "", DROP },
	{ "made-type", "KeepAny", IS(TYPE) | IS(POINTER), "main.T", DROP },
	{ "made-value", "KeepAny", IS(TYPE) | IS(POINTER), "main.T", DROP },
	{ "rtype", "KeepAny", IS(TYPE) | IS(POINTER), "main.T", DROP },
	{ "sort-func", "KeepAny", IS(FUNC) | IS(TYPE), "", DROP },
	{ "pull", "KeepFunc", IS(FRAME) | IS(FUNC), "iter.Pull", DROP | NEVER },
	{ "closure", "KeepFunc", IS(FUNC), "main.init", DROP },
	{ "closure-noptr", "KeepFunc", IS(FUNC), "main.init", DROP },
	{ "method-value", "KeepFunc", IS(FUNC), "method", DROP },
	{ "func", "KeepFunc", IS(FUNC), "main.static", DROP },
	{ "chan", "KeepChan", IS(CHAN), "struct", DROP },
	{ "variable", "KeepPtr", IS(POINTER), "", DROP },
	{ "object", "KeepPtr", IS(OBJECT), "main.big", DROP },
	{ "object-large", "KeepPtr", IS(OBJECT), "main.huge", DROP },
	{ "any", "KeepPool", IS(TYPE), "main.T", WAIT },
};

#define NCASES (sizeof cases / sizeof *cases)

static void *keeper;
static bool lenient;
static int failures, done, held_count;

static void collect(int n)
{
	struct goaudit_runtime rt;

	CHECK(goaudit_runtime_stats(&rt, sizeof rt, n) == 0);
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
		void *p = ((void *(*)(const char *))find(h, "Give"))(name);

		((void (*)(void *))find(keeper, c->give))(p);
	}
}

static void fail(const struct guest_case *c, const struct goaudit_generation *g,
		 const char *what)
{
	printf("FAILED %s: %s: state %u, holder %u (%s)\n%s\n", c->name, what, g->state,
	       g->holder, g->holder_text, g->holders);
	fflush(stdout);
	failures++;
}

/* Nothing may touch the addresses any more. */
static void poison(const struct goaudit_generation *g)
{
	void *p = mmap((void *)g->lo, g->hi - g->lo, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
		       -1, 0);

	CHECK(p == (void *)g->lo);
}

static struct goaudit_generation reclaim(const char *path)
{
	goaudit_reclaim(NULL, 20000);
	return record_of(path, 1);
}

static void release(const struct guest_case *c, void (*fn)(const char *))
{
	((int (*)(void))find(keeper, "Use"))();
	if (c->end & RELEASE)
		fn(c->name);
	if (c->end & DROP)
		((void (*)(void))find(keeper, "Drop"))();
	if (c->end & WAIT)
		usleep(500000);
	collect(3);
	usleep(20000);
	collect(1);
}

static void run(const struct guest_case *c, int number)
{
	struct goaudit_generation g;
	void (*end)(const char *);
	char path[64];
	void *h;

	snprintf(path, sizeof path, "./case%d-%s.so", number, c->name);
	CHECK(link("guest.so", path) == 0 || errno == EEXIST);
	h = open_mode(path, RTLD_NOW);
	start(c, h);
	end = (void (*)(const char *))find(h, "Release");
	close_guest(h);
	g = reclaim(path);
	done++;
	if (!lenient && !c->held != (g.state == GOAUDIT_GONE))
		return fail(c, &g, c->held ? "not held" : "held");
	if (g.state != GOAUDIT_GONE) {
		held_count++;
		if (!lenient && (!(1u << g.holder & c->held) || !strstr(g.holders, c->text)))
			fail(c, &g, "another holder was expected");
		printf("%-18s held: %s\n", c->name, g.holders);
		for (char *p = g.holders; *p; p++)
			if (*p == '\n')
				*p = 0;
		release(c, end);
		g = reclaim(path);
		if (c->end & NEVER && g.state == GOAUDIT_RETIRED)
			return;
		if (!lenient && g.state != GOAUDIT_GONE)
			return fail(c, &g, "still held");
	} else {
		printf("%-18s unmapped\n", c->name);
	}
	fflush(stdout);
	if (g.state == GOAUDIT_GONE)
		poison(&g);
	collect(lenient ? 5 : 50);
	((int (*)(void))find(keeper, "Use"))();
	if (strcmp(c->name, "weak") == 0 && !lenient)
		CHECK(((bool (*)(void))find(keeper, "WeakIsNil"))());
	if (lenient && c->end)
		release(c, end);
	((void (*)(void))find(keeper, "Drop"))();
	collect(2);
}

int main(int argc, char **argv)
{
	int first = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (first < argc && strcmp(argv[first], "-n") == 0)
		lenient = true, first++;
	keeper = open_guest("./keeper.so");
	for (unsigned i = 0; i < NCASES; i++) {
		bool wanted = first == argc;
		const char *debug = getenv("GODEBUG");

		/* It turns asynchronous preemption off: nothing stops the loop. */
		if (debug && strstr(debug, "gccheckmark=1") &&
		    strcmp(cases[i].name, "spinning") == 0)
			continue;

		for (int k = first; k < argc; k++)
			wanted = wanted || strcmp(argv[k], cases[i].name) == 0;
		if (wanted)
			run(&cases[i], i);
	}
	printf("%d cases, %d held at first, %d failed\n", done, held_count, failures);
	return failures != 0;
}
