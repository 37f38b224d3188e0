#!/bin/bash
# GOAUDIT_OLD_GENERATIONS: objects of C++ guests that the host has kept work on for as many
# builds, two where nothing else is said, and mappings do not grow; a guest that is forgotten
# leaves none.  With 0 nothing of a guest that is gone works.
. "$(dirname "$0")/../lib.sh"

cat >shape.h <<'C'
struct Shape { virtual ~Shape() {} virtual int area() const = 0; };
C
for v in 1 2; do
	cxx_so v$v.so -DV=$v <<'C'
#include <exception>
#include <stdexcept>
#include "shape.h"
struct Square : Shape { int side; Square(int s) : side(s) {} int area() const override { return side * side * 10 + V; } };
struct Error : std::runtime_error { Error() : std::runtime_error("of the guest") {} int code = V; };
extern "C" {
int version() { return V; }
Shape *make(int side) { return new Square(side); }
int is_square(Shape *s) { return dynamic_cast<Square *>(s) != nullptr; }
std::exception_ptr *failure() { try { throw Error(); } catch (...) { return new std::exception_ptr(std::current_exception()); } }
int code_of(std::exception_ptr *e) { try { std::rethrow_exception(*e); } catch (Error &x) { return x.code; } catch (...) { return -1; } }
}
C
done
cxx_host host <<'C'
extern "C" {
#include "host.h"
}
#include <exception>
#include "shape.h"

static void *h;

template <class R, class... A> static R ask(const char *name, A... args)
{
	return ((R (*)(A...))find(h, name))(args...);
}

static void next(int i, int reload)
{
	replace(i % 2 ? "v2.so" : "v1.so", "guest.so");
	if (reload && h) {
		CHECK(dlreload(h) == h);
	} else {
		if (h)
			close_guest(h);
		h = open_guest("./guest.so");
	}
	CHECK(ask<int>("version") == 1 + i % 2);
}

static int mapped(void)
{
	static struct goaudit_generation all[256];
	size_t n = goaudit_generations(all, 256, sizeof *all);
	int m = 0;

	while (n-- > 0)
		m += all[n].state == GOAUDIT_OPEN || all[n].state == GOAUDIT_RETIRED;
	return m;
}

int main(int argc, char **argv)
{
	int reload = strcmp(argv[1], "reload") == 0, most = 0;
	std::exception_ptr *failure;
	Shape *shape;

	setvbuf(stdout, NULL, _IONBF, 0);
	next(0, reload);
	shape = ask<Shape *>("make", 3);
	failure = ask<std::exception_ptr *>("failure");
	for (int i = 1; i < 3; i++) {
		next(i, reload);
		printf("%d builds later: area %d\n", i, shape->area());
	}
	printf("its class by new code: %d; its exception, caught there: %d\n",
	       ask<int>("is_square", shape), ask<int>("code_of", failure));
	delete shape;
	*failure = nullptr;
	for (int i = 3; i < 40; i++) {
		next(i, reload);
		if (mapped() > most)
			most = mapped();
	}
	printf("at the most %d mapped\n", most);
	close_guest(h);
	printf("closed: %d mapped\n", mapped());
	return 0;
}
C
for how in open reload; do
	for set in GOAUDIT_OLD_GENERATIONS=2 GOAUDIT_OLD_GENERATIONS=; do
		expect_output run_audited env $set ./host $how <<'E'
1 builds later: area 91
2 builds later: area 91
its class by new code: 1; its exception, caught there: 1
at the most 3 mapped
closed: 2 mapped
E
		expect_no_snapshots
	done
	run_audited env GOAUDIT_OLD_GENERATIONS=0 ./host $how >out 2>&1 &&
		fail "$how: the control: a generation that is gone works"
	! grep -q '^2 builds' out || fail "$how: the control: $(cat out)"
done
# The guest goes at its last close, and with it what was kept.
expect_output run_audited env GOAUDIT_PARKED=0 ./host reload <<'E'
1 builds later: area 91
2 builds later: area 91
its class by new code: 1; its exception, caught there: 1
at the most 3 mapped
closed: 0 mapped
E
expect_no_snapshots
