#!/bin/bash
# However a program comes by its dlopen, RTLD_RELOADABLE works; without the
# audit module each of these programs is told "invalid mode".
. "$(dirname "$0")/../lib.sh"

cc_so guest.so <<'C'
static int calls;
int answer(void) { return 42 + calls++; }
C

# One source; each variant gets at dlopen in another way.
cat >host.c <<'C'
#include "host.h"

typedef void *(*opener)(const char *, int);

#if defined IN_DATA
static opener volatile in_data = &dlopen;
#define OPEN in_data
#elif defined BY_DLSYM
#define OPEN ((opener)dlsym(BY_DLSYM, "dlopen"))
#elif defined BY_LIBC_HANDLE
#define OPEN ((opener)dlsym(dlopen("libc.so.6", RTLD_LAZY), "dlopen"))
#elif defined BY_VERSION
#define OPEN ((opener)dlvsym(RTLD_DEFAULT, "dlopen", BY_VERSION))
#elif defined BY_NAMESPACE
#define OPEN(file, mode) dlmopen(LM_ID_BASE, file, mode)
#elif defined OLD_VERSION
__asm__(".symver dlopen, dlopen@GLIBC_2.2.5");
#define OPEN dlopen
#else
#define OPEN dlopen
#endif

int main(void)
{
	void *h = OPEN("./guest.so", FLAGS);

	if (!h) {
		printf("%s\n", dlerror());
		return 1;
	}
	printf("%d\n", call(h, "answer"));
	CHECK(dlclose(h) == 0);
	h = OPEN("./guest.so", FLAGS);
	CHECK(h != NULL);
	printf("%d after a reopen\n", call(h, "answer"));
	return 0;
}
C

try() { # WHAT COMMAND...
	echo "-- $1"
	shift
	expect_refused "$@"
	expect_output run_audited "$@" <expected
}

variant() { # NAME [gcc option...]
	local name=$1; shift
	cc_host "$name" "$@" <host.c
	try "$name" "./$name"
}

printf '42\n43 after a reopen\n' >expected

variant lazy -Wl,-z,lazy
variant now -Wl,-z,now
variant no-plt -fno-plt
variant no-relro -Wl,-z,norelro
variant address-in-data -DIN_DATA
variant relr -DIN_DATA -Wl,-z,pack-relative-relocs
variant dlsym-default -DBY_DLSYM=RTLD_DEFAULT
variant dlsym-next -DBY_DLSYM=RTLD_NEXT
variant dlsym-libc -DBY_LIBC_HANDLE
variant dlvsym -DBY_VERSION='"GLIBC_2.34"'
variant dlvsym-old -DBY_VERSION='"GLIBC_2.2.5"'
variant old-binary -DOLD_VERSION
variant no-pie -no-pie -fno-pie
variant no-pie-now -no-pie -fno-pie -Wl,-z,now
variant no-pie-address -no-pie -fno-pie -DIN_DATA
variant sysv-hash -Wl,--hash-style=sysv
variant cet -fcf-protection=full -Wl,-z,ibtplt
variant sanitized-stack -fstack-protector-all -D_FORTIFY_SOURCE=2

cxx_host c++ <host.c
try c++ ./c++

# dlmopen does not check its mode: alone it opens, closes and forgets.
cc_host dlmopen -DBY_NAMESPACE <host.c
echo "-- dlmopen"
expect_output run_audited ./dlmopen <expected
printf '42\n42 after a reopen\n' >expected
expect_output run_plain ./dlmopen <expected

echo 42 >expected

# A library of the host's, one that the host opens, and a constructor there.
cc_so opener.so <<'C'
#include "host.h"
void *from_function(void) { return dlopen("./guest.so", FLAGS); }
C
cc_so constructor.so <<'C'
#include "host.h"
void *from_constructor;
char constructor_error[300];
__attribute__((constructor)) static void start(void)
{
	from_constructor = dlopen("./guest.so", FLAGS);
	if (!from_constructor)
		strcpy(constructor_error, dlerror());
}
C
cc_host linked ./opener.so <<'C'
#include "host.h"
void *from_function(void);
int main(void)
{
	void *h = from_function();
	if (!h)
		printf("%s\n", dlerror());
	return !h || printf("%d\n", call(h, "answer")) < 0;
}
C
try linked-library ./linked
cc_host late <<'C'
#include "host.h"
int main(void)
{
	void *lib = open_mode("./opener.so", RTLD_NOW);
	void *h = ((void *(*)(void))find(lib, "from_function"))();
	if (!h)
		printf("%s\n", dlerror());
	return !h || printf("%d\n", call(h, "answer")) < 0;
}
C
try later-library ./late
cc_host late-constructor <<'C'
#include "host.h"
int main(void)
{
	void *lib = open_mode("./constructor.so", RTLD_NOW);
	void *h = *(void **)find(lib, "from_constructor");
	if (!h)
		printf("%s\n", (char *)find(lib, "constructor_error"));
	return !h || printf("%d\n", call(h, "answer")) < 0;
}
C
try later-constructor ./late-constructor

# Two libraries that were linked to start at the same address, not at 0: one of
# them is loaded elsewhere, where its l_addr points nowhere.
for i in 1 2; do
	cc_so fixed$i.so -Wl,-Ttext-segment=0x10000000 <<C
#include "host.h"
void *fixed$i(void) { return dlopen("./guest.so", FLAGS); }
C
done
cc_host fixed ./fixed1.so ./fixed2.so <<'C'
#include "host.h"
void *fixed1(void), *fixed2(void);
int main(void)
{
	void *h = fixed1();
	if (!h)
		printf("%s\n", dlerror());
	CHECK(fixed2() == h);
	return !h || printf("%d\n", call(h, "answer")) < 0;
}
C
try "libraries linked at an address" ./fixed

# Somebody else's dlopen stands in front: it is called, and comes to us.
cat >wrapper.c <<'C'
#include "host.h"
static int calls;
void *dlopen(const char *file, int mode)
{
	void *(*next)(const char *, int) =
		(void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");

	calls++;
	return next(file, mode);
}
int wrapped_calls(void) { return calls; }
C
cat >wrapped-host.c <<'C'
#include "host.h"
int wrapped_calls(void) __attribute__((weak));
void *from_function(void);
int main(void)
{
	void *h = dlopen("./guest.so", FLAGS);
	if (!h) {
		printf("%s\n", dlerror());
		return 1;
	}
	printf("%d\n", call(h, "answer"));
	CHECK(from_function() == h);
	CHECK(wrapped_calls && wrapped_calls() == 2);
	return 0;
}
C
for hash in gnu sysv; do
	cc_host own-dlopen-$hash -rdynamic -Wl,--hash-style=$hash \
		wrapper.c ./opener.so <wrapped-host.c
	try "the host's own dlopen ($hash hash)" ./own-dlopen-$hash
done
cc_so preload.so <wrapper.c
cc_host preloaded ./opener.so <wrapped-host.c
try "LD_PRELOAD" env LD_PRELOAD=./preload.so ./preloaded

expect_no_snapshots
