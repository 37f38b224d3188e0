#!/bin/bash
# Unrelated libraries are opened, used and closed while a guest is open, parked,
# superseded, reopened; those of the host that are bound to a guest's symbols,
# or need it by name, go on while it is parked.
. "$(dirname "$0")/../lib.sh"

for i in 1 2 3; do
	cxx_so other$i.so <<C
#include <stdexcept>
#include <string>
#include <cstdio>
static __thread int local = $i;
extern "C" int other()
{
	try { throw std::runtime_error(std::string("x") + std::to_string($i)); }
	catch (const std::exception &e) { return (e.what()[1] - '0') * local++; }
}
__attribute__((destructor)) static void end() { }
C
done
cc_so plain.so <<<'int plain(void) { return 1; }'
cc_so nodelete.so -Wl,-z,nodelete <<<'int kept(void) { return 1; }'
for v in 1 2; do
	cc_so guest-v$v.so -Wl,-soname,guest.so \
		<<<"static int n = $v * 100; int guest_value(void) { return n++; }"
done
cp guest-v1.so guest.so
# Bound to the guest: by the global scope, and by its SONAME.
cc_so bound.so <<<'int guest_value(void); int bound(void) { return guest_value() + 1000; }'
cc_so needs.so guest.so <<<'int guest_value(void); int needs(void) { return guest_value() + 2000; }'
cc_host host <<'C'
#define TEST_RAW
#include "host.h"

static int counter(struct dl_phdr_info *info, size_t size, void *data)
{
	return ++*(int *)data, 0;
}

static void churn(void)
{
	void *h[3], *again;
	int before = 0, after = 0;

	dl_iterate_phdr(counter, &before);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++) {
			char name[] = "./other?.so";

			name[7] = '1' + i;
			h[i] = open_mode(name, round == 1 ? RTLD_NOW | RTLD_GLOBAL :
						  RTLD_LAZY);
			CHECK(call(h[i], "other") == (i + 1) * (i + 1));
		}
		again = open_mode("./other2.so", RTLD_NOW);
		CHECK(again == h[1]);
		for (int i = 2; i >= 0; i--)
			close_guest(h[round == 2 ? 2 - i : i]);
		CHECK(call(again, "other") == 3 * 2);
		close_guest(again);
		CHECK(maps_with("/other") == 0);
	}
	dl_iterate_phdr(counter, &after);
	CHECK(before == after);
	CHECK(!dlopen("./absent.so", RTLD_NOW));
	dlerror();
	again = dlmopen(LM_ID_NEWLM, "./plain.so", RTLD_NOW);
	CHECK(again);
	close_guest(again);
}

int main(void)
{
	void *h, *old, *bound, *needs;
	int (*bound_value)(void), (*needs_value)(void);

	/* What stays for good, libstdc++ among it. */
	close_guest(open_mode("./nodelete.so", RTLD_NOW));
	close_guest(open_mode("./other1.so", RTLD_NOW));
	churn();
	for (int mode = 0; mode <= RTLD_GLOBAL; mode += RTLD_GLOBAL) {
		replace("guest-v1.so", "guest.so");
		h = open_mode("./guest.so", FLAGS | mode);
		churn();
		close_guest(h);
		churn();
		CHECK(open_mode("./guest.so", FLAGS | mode) == h);
		churn();
		old = open_mode("./guest.so", FLAGS | mode);
		replace("guest-v2.so", "guest.so");
		h = dlreload(h);
		CHECK(h && h != old);
		churn();
		CHECK(call(old, "guest_value") < 200 && call(h, "guest_value") >= 200);
		close_guest(old);
		churn();
		close_guest(h);
		churn();
	}
	puts("churned");

	h = open_mode("./guest.so", FLAGS | RTLD_GLOBAL);
	bound = open_mode("./bound.so", RTLD_NOW);
	needs = open_mode("./needs.so", RTLD_NOW);
	bound_value = (int (*)(void))find(bound, "bound");
	needs_value = (int (*)(void))find(needs, "needs");
	printf("%d ", bound_value());
	printf("%d\n", needs_value());
	close_guest(h);
	churn();
	printf("parked: %d ", bound_value());
	printf("%d\n", needs_value());
	CHECK(open_mode("./guest.so", FLAGS) == h);
	churn();
	close_guest(h);
	churn();
	close_guest(bound);
	churn();
	close_guest(needs);
	churn();
	CHECK(open_mode("./guest.so", FLAGS) == h);
	printf("alone: %d\n", call(h, "guest_value"));
	close_guest(h);
	return 0;
}
C
expect_refused env LD_LIBRARY_PATH=. ./host
cp guest-v1.so guest.so
expect_output run_audited env LD_LIBRARY_PATH=. ./host <<'E'
churned
1201 2202
parked: 1203 2204
alone: 205
E
expect_no_snapshots
