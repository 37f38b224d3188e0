/* Random programs: random SEED COUNT.
 *
 * Each program opens some guests, has them make values out of each other's values
 * and store them here and there, ends and clears some, closes the guests, and asks
 * for a reclaim now and then.  A model of who leads to whom says which of the
 * closed guests must be held and which must be gone; what is held is used, and the
 * addresses of what is gone are mapped PROT_NONE until the end of the program.
 * The guests are the copies random0.so to random3.so of one file. */
#include "gohost.h"
#include "go/protocol.h"
#include <stdbool.h>
#include <stdarg.h>
#include <sys/mman.h>

#define GUESTS 4
#define SHARED 16 /* places of the keeper's table that programs use */
#define ENDS   24 /* from here on: what ends goroutines and timers */
#define TABLE  32
#define OWN    8 /* places of each guest's own */
#define NODES  512
#define STEPS  60

/* The kinds of Make, see random/guest. */
enum {
	KIND_ALONE = 15,
	KIND_UNIQUE = 21,
	KIND_STD = 25,
	KIND_LEAF = 29,
	KIND_FINAL = 32,
	KINDS = 34
};

struct node {
	int owner;  /* the guest it leads to, or -1 */
	int kid[2]; /* or -1 */
};

struct guest {
	void *h;
	char path[32];
	unsigned number; /* generation */
	enum { NONE, OPEN, CLOSED, GONE } state;
	int own[OWN];
	uint64_t lo, hi;
	bool reached; /* of the model */
	void (*make)(long, long, long, long), (*copy)(long, long), (*clear)(long);
	void (*start)(long, long, long), (*touch)(long, long);
};

static struct {
	uint64_t random;
	struct node node[NODES];
	int nodes;
	struct guest guest[GUESTS];
	int table[TABLE];   /* indexes of nodes, or -1 */
	int started[TABLE]; /* what a goroutine or timer captures; -1: none */
	bool reached[NODES];
	bool late; /* something ends only a moment or a collection later */
	char log[STEPS * 80];
	size_t n;
} p;

static void *keeper, *table;
static unsigned generations[GUESTS];
static long held, gone;

static unsigned pick(unsigned n)
{
	uint64_t z = p.random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % n;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (p.n < sizeof p.log - 80)
		p.n += vsnprintf(p.log + p.n, 80, format, ap);
	va_end(ap);
}

static int add_node(int owner, int a, int b)
{
	CHECK(p.nodes < NODES);
	p.node[p.nodes] = (struct node){ owner, { a, b } };
	return p.nodes++;
}

static void collect(int n)
{
	struct goaudit_runtime rt;

	CHECK(goaudit_runtime_stats(&rt, sizeof rt, n) == 0);
}

static struct goaudit_generation record(const struct guest *g)
{
	return record_of(g->path, g->number);
}

/* A place: 0 to SHARED - 1 of the table, from TABLE on the guest's own. */
static int *place(struct guest *g, int i)
{
	return i < TABLE ? &p.table[i] : &g->own[i - TABLE];
}
static int any_place(void)
{
	return pick(4) ? pick(SHARED) : TABLE + pick(OWN);
}

static void open_one(struct guest *g)
{
	int i = g - p.guest;
	struct goaudit_generation r;

	snprintf(g->path, sizeof g->path, "./random%d.so", i);
	g->h = open_mode(g->path, RTLD_NOW);
	g->number = ++generations[i];
	r = record(g);
	CHECK(r.handle == (uintptr_t)g->h);
	g->lo = r.lo, g->hi = r.hi;
	g->make = (void (*)(long, long, long, long))find(g->h, "Make");
	g->copy = (void (*)(long, long))find(g->h, "Copy");
	g->clear = (void (*)(long))find(g->h, "Clear");
	g->start = (void (*)(long, long, long))find(g->h, "Start");
	g->touch = (void (*)(long, long))find(g->h, "Touch");
	((void (*)(void *))find(g->h, "Bind"))(table);
	g->state = OPEN;
	memset(g->own, -1, sizeof g->own);
	say("open %d\n", i);
}

static void make(struct guest *g)
{
	int kind = pick(KINDS), to = any_place(), i = any_place(), j = any_place();
	int a = *place(g, i), b = *place(g, j), self = g - p.guest;
	bool kids = kind < KIND_ALONE || (kind >= KIND_STD && kind < KIND_LEAF);

	g->make(kind, to, i, j);
	*place(g, to) = add_node(kind < KIND_STD || kind >= KIND_FINAL ? self : -1,
				 kids ? a : -1, kids ? b : -1);
	p.late |= kind >= KIND_FINAL || kind == KIND_UNIQUE;
	say("%d: make %d of %d %d at %d\n", self, kind, i, j, to);
}

static void start(struct guest *g)
{
	int to = ENDS + pick(TABLE - ENDS), i = any_place(), kind = pick(2);

	if (p.started[to] >= 0)
		return;
	g->start(kind, to, i);
	p.started[to] = add_node(g - p.guest, *place(g, i), -1);
	say("%d: start %d with %d, end %d\n", (int)(g - p.guest), kind, i, to);
}

static void end(int i)
{
	((void (*)(long))find(keeper, "End"))(i);
	p.late |= p.started[i] >= 0;
	p.started[i] = -1;
	say("end %d\n", i);
}

static void reach(int n)
{
	if (n < 0 || p.reached[n])
		return;
	p.reached[n] = true;
	if (p.node[n].owner >= 0)
		p.guest[p.node[n].owner].reached = true;
	reach(p.node[n].kid[0]);
	reach(p.node[n].kid[1]);
}

/* Who is reached from the table, from goroutines and timers, and from the variables
 * of guests that are open or reached themselves. */
static void solve(void)
{
	bool more = true, done[GUESTS] = { false };

	memset(p.reached, 0, sizeof p.reached);
	for (int i = 0; i < GUESTS; i++)
		p.guest[i].reached = p.guest[i].state == OPEN;
	for (int i = 0; i < TABLE; i++) {
		reach(p.table[i]);
		reach(p.started[i]);
	}
	while (more) {
		more = false;
		for (int i = 0; i < GUESTS; i++) {
			struct guest *g = &p.guest[i];

			if (done[i] || !g->reached || (g->state != OPEN && g->state != CLOSED))
				continue;
			done[i] = more = true;
			for (int k = 0; k < OWN; k++)
				reach(g->own[k]);
		}
	}
}

static void wrong(const struct guest *g, const char *what)
{
	struct goaudit_generation r = record(g);

	printf("guest %d %s: state %u, holder %u (%s)\n%s\n%s", (int)(g - p.guest), what,
	       r.state, r.holder, r.holder_text, r.holders, p.log);
	_exit(1);
}

/* Reclaims, and compares what is there with the model. */
static void check(void)
{
	say("check\n");
	solve();
	goaudit_reclaim(NULL, 20000);
	for (int i = 0; i < GUESTS; i++) {
		struct guest *g = &p.guest[i];
		struct goaudit_generation r;

		if (g->state != CLOSED)
			continue;
		r = record(g);
		if (g->reached && r.state != GOAUDIT_RETIRED)
			wrong(g, "is gone");
		for (int k = 0; !g->reached && r.state != GOAUDIT_GONE; k++) {
			if (k > 200 || (!p.late && r.holder != GO_HOLDER_BUSY))
				wrong(g, "is held");
			collect(1);
			usleep(k * 100);
			goaudit_reclaim(NULL, 20000);
			r = record(g);
		}
		if (g->reached) {
			held++;
			continue;
		}
		gone++;
		g->state = GONE;
		/* It may have gone a while ago, and another one lies there. */
		if (mmap((void *)g->lo, g->hi - g->lo, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
			 0) == MAP_FAILED)
			g->hi = g->lo;
	}
	if (pick(2))
		collect(1);
	((long (*)(void))find(keeper, "Visit"))();
	if (pick(2))
		collect(1);
}

static void close_one(struct guest *g)
{
	say("close %d\n", (int)(g - p.guest));
	close_guest(g->h);
	g->state = CLOSED;
}

static void step(void)
{
	struct guest *g = &p.guest[pick(GUESTS)];
	int what = pick(20), i = pick(SHARED);

	if (g->state == NONE && what < 8) {
		open_one(g);
	} else if (g->state != OPEN || what == 0) {
		((void (*)(long))find(keeper, "KeeperClear"))(i);
		p.table[i] = -1;
		say("clear %d\n", i);
	} else if (what < 12) {
		make(g);
	} else if (what == 12) {
		start(g);
	} else if (what == 13) {
		int kind = pick(6);

		g->touch(kind, pick(100));
		p.late |= kind == 5;
		say("%d: touch %d\n", (int)(g - p.guest), kind);
	} else if (what == 14) {
		int to = any_place(), from = any_place();

		g->copy(to, from);
		*place(g, to) = *place(g, from);
		say("%d: copy %d to %d\n", (int)(g - p.guest), from, to);
	} else if (what == 15) {
		i = TABLE + pick(OWN);
		g->clear(i);
		*place(g, i) = -1;
		say("%d: clear %d\n", (int)(g - p.guest), i);
	} else if (what == 16) {
		end(ENDS + pick(TABLE - ENDS));
	} else if (what == 17) {
		close_one(g);
	} else if (what == 18 && pick(3) == 0) {
		check();
	}
}

static void program(uint64_t seed)
{
	memset(&p, 0, sizeof p);
	p.random = seed;
	memset(p.table, -1, sizeof p.table);
	memset(p.started, -1, sizeof p.started);
	say("program %lu\n", seed);
	for (int i = 0; i < STEPS; i++)
		step();
	for (int i = 0; i < GUESTS; i++)
		if (p.guest[i].state == OPEN)
			close_one(&p.guest[i]);
	check();
	/* Everything is let go, in two goes. */
	for (int half = 0; half < 2; half++) {
		for (int i = 0; i < TABLE; i++) {
			if (half == 0 && pick(2))
				continue;
			if (i >= ENDS)
				end(i);
			else
				((void (*)(long))find(keeper, "KeeperClear"))(i);
			p.table[i] = -1;
		}
		say("let go\n");
		check();
	}
	for (int i = 0; i < GUESTS; i++) {
		CHECK(p.guest[i].state == NONE || p.guest[i].state == GONE);
		if (p.guest[i].hi != p.guest[i].lo)
			munmap((void *)p.guest[i].lo, p.guest[i].hi - p.guest[i].lo);
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	int count = argc > 2 ? atoi(argv[2]) : 1;
	struct goaudit_runtime rt;

	setvbuf(stdout, NULL, _IOLBF, 0);
	keeper = open_guest("./randomkeeper.so");
	table = ((void *(*)(void))find(keeper, "Table"))();
	for (int i = 0; i < count; i++) {
		program(seed + i);
		if (count >= 1000 && (i + 1) % (count / 10) == 0) {
			rt = runtime_now(2);
			printf("%d programs: rss %ld KB, %d maps, heap %lu KB, modules %lu, itabs %lu\n",
			       i + 1, rss_kb(), maps_with(""), rt.heap_live >> 10, rt.modules,
			       rt.itabs);
		}
	}
	CHECK(goaudit_reclaim(NULL, 0) == 0);
	printf("%d programs: held %s, gone %s\n", count, held ? "some" : "none",
	       gone ? "some" : "none");
	fprintf(stderr, "held %ld, gone %ld\n", held, gone);
	return 0;
}
