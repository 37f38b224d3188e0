#!/bin/bash
# C++ exceptions pass through a guest that has been closed and opened again, are
# thrown by it and caught by the host and the other way round, with the right
# types, and unwinding works in a closed one whose code is still running.
. "$(dirname "$0")/../lib.sh"

cat >guest.cc <<'C'
#include <stdexcept>
#include <string>
struct Own : std::runtime_error { using std::runtime_error::runtime_error; };
static int destroyed;
struct Guard { ~Guard() { destroyed++; } };
template <class T> struct Unique { static int value; };
template <class T> int Unique<T>::value = 0;	/* STB_GNU_UNIQUE */
extern "C" void throws() { throw Own("from the guest"); }
extern "C" void passes(void (*f)()) { Guard g; f(); }
extern "C" int catches(void (*f)())
{
	try { f(); } catch (const std::exception &e) { return e.what()[0]; }
	return 0;
}
extern "C" int own()
{
	try { throws(); } catch (const Own &) { return 1; } catch (...) { return 2; }
	return 0;
}
extern "C" int count() { return destroyed; }
extern "C" int unique() { return ++Unique<int>::value; }
C
cxx_so guest.so <guest.cc
{ cat guest.cc; echo 'int second_build = 2;'; } | cxx_so guest2.so
cxx_host host <<'C'
#include "host.h"
#include <stdexcept>

static void *handle;
static void host_throws() { throw std::out_of_range("Q"); }

static void closing_throws()
{
	close_guest(handle);		/* called by the guest itself */
	throw std::out_of_range("P");
}

static void round(const char *when)
{
	void *h = handle;
	auto throws = (void (*)())find(h, "throws");
	auto passes = (void (*)(void (*)()))find(h, "passes");
	auto catches = (int (*)(void (*)()))find(h, "catches");

	try { throws(); CHECK(!"thrown"); }
	catch (const std::runtime_error &e) { printf("%s: %s", when, e.what()); }
	try { passes(host_throws); CHECK(!"thrown"); }
	catch (const std::out_of_range &e) { printf(", %s", e.what()); }
	printf(", %c, own %d, guards %d, unique %d\n", catches(host_throws),
	       call(h, "own"), call(h, "count"), call(h, "unique"));
}

int main()
{
	handle = open_guest("./guest.so");
	round("open");
	close_guest(handle);
	CHECK(open_guest("./guest.so") == handle);
	round("reopened");
	auto passes = (void (*)(void (*)()))find(handle, "passes");
	try { passes(closing_throws); CHECK(!"thrown"); }
	catch (const std::out_of_range &e) { printf("while parked: %s\n", e.what()); }
	CHECK(open_guest("./guest.so") == handle);
	round("again");
	replace("guest2.so", "guest.so");
	handle = dlreload(handle);
	CHECK(handle);
	round("reloaded");
	replace("guest2.so", "guest.so");
	handle = dlreload(handle);
	round("unchanged");
	close_guest(handle);
	return 0;
}
C
expect_output run_audited ./host <<'E'
open: from the guest, Q, Q, own 1, guards 1, unique 1
reopened: from the guest, Q, Q, own 1, guards 2, unique 2
while parked: P
again: from the guest, Q, Q, own 1, guards 4, unique 3
reloaded: from the guest, Q, Q, own 1, guards 1, unique 1
unchanged: from the guest, Q, Q, own 1, guards 2, unique 2
E
expect_no_snapshots
