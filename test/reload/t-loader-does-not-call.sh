#!/bin/bash
# Another auditor, in front of the module, that begins to swallow what the module asks ld.so
# for: in the middle of a reload, at an open, a close.  The module has found ld.so's lock by
# then and takes it; where it is not known, each says so; the old generation goes on, and when
# ld.so answers again what has been left is settled.
. "$(dirname "$0")/../lib.sh"

for v in 1 2 3; do
	cc_so v$v.so <<C
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int version(void) { return $v; }
void *goaudit_save(size_t *size, unsigned *version) { *size = 1; return malloc(1); }
int goaudit_load(const void *data, size_t size, unsigned version)
{
	return $v == 2 ? close(open("blocked", O_CREAT | O_WRONLY, 0600)) : 0;
}
C
done
for v in 1 2 3; do cp "v$v.so" "k$v.so"; done
cc_so blocker.so <<'C'
#include <string.h>
#include <stdint.h>
#include <unistd.h>
unsigned la_version(unsigned version) { return version; }
char *la_objsearch(const char *name, uintptr_t *cookie, unsigned flag)
{
	return strcmp(name, "libgoaudit-transaction") == 0 && access("blocked", F_OK) == 0 ?
	       NULL : (char *)name;
}
C
cc_host host <<'C'
#include "host.h"

static void records(void)
{
	struct goaudit_generation all[8];
	size_t n = goaudit_generations(all, 8, sizeof *all);

	printf("records:");
	for (size_t i = 0; i < n; i++)
		printf(" %u%s%s", all[i].state, maps_with(all[i].snapshot) ? " mapped " : "",
		       all[i].holder_text);
	puts("");
}

int main(void)
{
	void *h;

	setvbuf(stdout, NULL, _IONBF, 0);
	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	CHECK(call(h, "version") == 1);
	replace("v2.so", "guest.so");
	CHECK(!dlreload(h));
	puts(dlerror());
	records();
	CHECK(call(h, "version") == 1);
	CHECK(!dlopen("./guest.so", FLAGS));
	puts(dlerror());
	CHECK(dlclose(h) == -1);
	puts(dlerror());
	CHECK(goaudit_reclaim(NULL, -1) == 1);
	CHECK(call(h, "version") == 1 && unlink("blocked") == 0);
	CHECK(goaudit_reclaim(NULL, -1) == 0);
	records();
	CHECK(call(h, "version") == 1);
	replace("v3.so", "guest.so");
	CHECK(dlreload(h) == h && call(h, "version") == 3);
	records();
	close_guest(h);
	return 0;
}
C
control_module unknown locks_load <<'C'
#include <stddef.h>
void *__wrap_locks_load(const void *ld)
{
	return NULL;
}
C
no="ld.so does not call the audit module: is another auditor in front of it in LD_AUDIT?"
expect_output env LD_AUDIT="$PWD/blocker.so:$PWD/unknown/libgoaudit.so" ./host <<E
$PWD/guest.so: $no
records: 3 mapped  6 mapped $no
$PWD/guest.so: $no
$PWD/guest.so: $no
records: 3 mapped  7
records: 6 mapped the caller of dlreload may be executing in it, until the guest's next step 7 3 mapped 
E
expect_no_snapshots

# With the lock known a close, an open and a reload go on.
rm -f blocked
cc_host known <<'C'
#include "host.h"

int main(void)
{
	void *h;

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	CHECK(call(h, "version") == 1);
	replace("v2.so", "guest.so");
	CHECK(dlreload(h) == h && call(h, "version") == 2 && access("blocked", F_OK) == 0);
	replace("v3.so", "guest.so");
	CHECK(dlreload(h) == h && call(h, "version") == 3);
	close_guest(h);
	CHECK(goaudit_reclaim(NULL, -1) == 0);
	puts("ok");
	return 0;
}
C
for v in 1 2 3; do cp "k$v.so" "v$v.so"; done
expect_output env LD_AUDIT="$PWD/blocker.so:$AUDIT" ./known <<<ok
expect_no_snapshots
