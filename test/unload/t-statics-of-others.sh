#!/bin/bash
# Statics of a shared header that have a destructor: the host's library and the guest have
# one object in common, which the guest constructs, and which outlives it.
. "$(dirname "$0")/../lib.sh"

cat >shared.h <<'C'
#include <cstdio>
#include <vector>
struct Noisy {
	char name[8]; /* a copy: the text is the guest's */
	Noisy(const char *n) { snprintf(name, sizeof name, "%s", n); printf("%s made\n", name); }
	~Noisy() { printf("%s destroyed\n", name); }
};
template <class T> struct Registry { static std::vector<T> &all() { static std::vector<T> v; return v; } };
inline Noisy &one() { static Noisy x("one"); return x; }
inline Noisy two("two");
C
cxx_so libshared.so <<'C'
#include "shared.h"
extern "C" int sum() { int s = 0; for (int i : Registry<int>::all()) s += i; return s; }
extern "C" const char *name() { return one().name; }
C
for v in 1 2 3; do
	cxx_so v$v.so -DV=$v ./libshared.so <<'C'
#include "shared.h"
/* Its class is not in the library: the guest's destructor alone can destroy it. */
template <> struct Registry<char> { static std::vector<char> &all() { static std::vector<char> v; return v; } };
static struct Own { ~Own() { printf("guest %d ends\n", V); } } own;
extern "C" int add() { Registry<int>::all().push_back(V); Registry<char>::all().push_back(V); one(); return (int)Registry<int>::all().size(); }
C
done
cc_host host ./libshared.so -Wl,-rpath,'$ORIGIN' <<'C'
#include "host.h"
int sum(void);
const char *name(void);
int main(int argc, char **argv)
{
	char file[16];

	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 0; i < atoi(argv[1]); i++) {
		void *h;

		snprintf(file, sizeof file, "v%d.so", 1 + i % 3);
		replace(file, "guest.so");
		h = open_guest("./guest.so");
		CHECK(call(h, "add") == i + 1);
		close_guest(h);
	}
	printf("sum %d, %s; %d mapped\n", sum(), name(), maps_with("guest.so") > 0);
	printf("%d left\n", goaudit_reclaim(NULL, -1));
	return 0;
}
C
expect_output run_audited ./host 3 <<'E'
two made
one made
guest 1 ends
guest 2 ends
sum 6, one; 1 mapped
0 left
guest 3 ends
one destroyed
two destroyed
E
run_audited ./host 60 >out || fail "60 generations: status $?"
grep -qx 'sum 120, one; 1 mapped' out || fail "60 generations: $(cat out)"
expect_no_snapshots

# Registered for the guest, the library's objects are destroyed with it.
control_module control registered_atexit <<'C'
extern int (*real_cxa_atexit)(void (*)(void *), void *, void *);
int __wrap_registered_atexit(void *rl, void (*f)(void *), void *object, void *dso)
{
	return real_cxa_atexit(f, object, dso);
}
C
LD_AUDIT=$PWD/control/libgoaudit.so ./host 60 >out 2>&1 && ! grep -q 'one destroyed' <(head -3 out) &&
	fail "the control: the library's objects live on"
true
