#!/bin/bash
# $ORIGIN and RUNPATH of a reloadable library mean what they mean where the user
# put it, not where its snapshot is: for its dependencies, for what its code
# opens, and in what dladdr and dlinfo tell.
. "$(dirname "$0")/../lib.sh"

mkdir -p app/lib app/plugins elsewhere
cc_so app/lib/libdep.so -Wl,-soname,libdep.so <<<'int dep(void) { return 1; }'
cc_so elsewhere/libdep.so -Wl,-soname,libdep.so <<<'int dep(void) { return -1; }'
cc_so app/lib/libindirect.so -Wl,-soname,libindirect.so \
	<<<'int indirect(void) { return 10; }'
cc_so app/lib/libmiddle.so -Wl,-soname,libmiddle.so -Lapp/lib -lindirect \
	-Wl,-rpath,'$ORIGIN' <<<'int indirect(void); int middle(void) { return indirect(); }'
cc_so app/plugins/x.so <<<'int x(void) { return 100; }'
cc_so app/lib/bare.so <<<'int x(void) { return 1000; }'
cat >guest.c <<'C'
#define TEST_RAW
#include "host.h"
int dep(void);
int middle(void);
static int open_and_call(const char *name, int mode)
{
	void *h = dlopen(name, mode);
	int value = h ? call(h, "x") : -1;

	if (!h)
		printf("  %s\n", dlerror());
	else
		dlclose(h);
	return value;
}
static char *early, early_name[PATH_MAX];
__attribute__((constructor)) static void start(void)
{
	void *h = dlopen("$ORIGIN/plugins/x.so", FLAGS);
	Dl_info info;

	early = h ? "opens" : strdup(dlerror());
	if (h)
		dlclose(h);
	if (dladdr((void *)start, &info))
		strcpy(early_name, info.dli_fname);
}
void opens(void)
{
	printf("  $ORIGIN/plugins: %d\n", open_and_call("$ORIGIN/plugins/x.so", RTLD_NOW));
	printf("  ${ORIGIN}/plugins: %d\n", open_and_call("${ORIGIN}/plugins/x.so", RTLD_NOW));
	printf("  bare name: %d\n", open_and_call("bare.so", RTLD_NOW));
	printf("  reloadable, $ORIGIN: %d\n", open_and_call("$ORIGIN/plugins/x.so", FLAGS));
	printf("  reloadable, bare name: %d\n", open_and_call("bare.so", FLAGS));
	printf("  absent: %d\n", open_and_call("absent.so", RTLD_NOW));
}
void shows(void *h)
{
	Dl_info info;
	char origin[PATH_MAX];
	struct link_map *map;

	printf("  value: %d\n", dep() + middle());
	printf("  in its constructor: %s, %s\n", early, early_name);
	CHECK(dladdr((void *)shows, &info));
	printf("  dladdr: %s\n", info.dli_fname);
	CHECK(dladdr1((void *)shows, &info, (void **)&map, RTLD_DL_LINKMAP));
	printf("  dladdr1: %s\n", info.dli_fname);
	CHECK(map == h);
	CHECK(dlinfo(h, RTLD_DI_ORIGIN, origin) == 0);
	printf("  origin: %s\n", origin);
}
C
for way in runpath rpath; do
	case $way in
	runpath) tags=--enable-new-dtags ;;
	rpath) tags=--disable-new-dtags ;;
	esac
	cc_so app/$way.so -Wl,$tags -Wl,-rpath,'$ORIGIN/lib' -Lapp/lib -ldep -lmiddle \
		-Wl,-rpath-link,app/lib <guest.c
done
cc_host host <<'C'
#define TEST_RAW
#include "host.h"

int main(int argc, char **argv)
{
	void *h;

	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 0; i < 2; i++) {
		h = open_guest(argv[1]);
		((void (*)(void *))find(h, "shows"))(h);
		((void (*)(void))find(h, "opens"))();
		close_guest(h);
	}
	return 0;
}
C
expected() { # FILE
	cat <<E
  value: 11
  in its constructor: opens, $TEST_DIR/app/$1
  dladdr: $TEST_DIR/app/$1
  dladdr1: $TEST_DIR/app/$1
  origin: $TEST_DIR/app
  \$ORIGIN/plugins: 100
  \${ORIGIN}/plugins: 100
  bare name: 1000
  reloadable, \$ORIGIN: 100
  reloadable, bare name: 1000
  absent.so: cannot open shared object file: No such file or directory
  absent: -1
E
}
expect_refused ./host app/runpath.so
for way in runpath rpath; do
	{ expected $way.so; expected $way.so; } |
		expect_output run_audited ./host "$TEST_DIR/app/$way.so"
	{ expected $way.so; expected $way.so; } |
		expect_output run_audited ./host app/../app/$way.so
	# From another folder, through a symbolic link: $ORIGIN is the real folder.
	mkdir -p links && ln -sf ../app/$way.so links/$way.so
	{ expected $way.so; expected $way.so; } |
		expect_output run_audited ./host links/$way.so
done

# LD_LIBRARY_PATH comes before RUNPATH, and after RPATH.
value() { run_audited env LD_LIBRARY_PATH=elsewhere ./host "$1" | sed -n 1p; }
[ "$(value app/runpath.so)" = "  value: 9" ] || fail "LD_LIBRARY_PATH and RUNPATH"
[ "$(value app/rpath.so)" = "  value: 11" ] || fail "LD_LIBRARY_PATH and RPATH"

# $ORIGIN of a caller that is no guest: the program, and a library that was
# opened by a relative name.
cc_so app/opener.so <<'C'
#define TEST_RAW
#include "host.h"
void *from_library(void) { return dlopen("$ORIGIN/plugins/x.so", FLAGS); }
C
cc_host others <<'C'
#define TEST_RAW
#include "host.h"
int main(void)
{
	void *h = dlopen("$ORIGIN/app/plugins/x.so", FLAGS), *again;

	CHECK(h && generation_of(h).references == 1);
	again = ((void *(*)(void))find(open_mode("app/opener.so", RTLD_NOW), "from_library"))();
	CHECK(again == h && generation_of(h).references == 2);
	return 0;
}
C
expect_output run_audited ./others </dev/null

# The same answers as glibc gives without the audit module.
cc_host plain <<'C'
#define TEST_RAW
#include "host.h"
int main(int argc, char **argv)
{
	void *h = open_mode(argv[1], RTLD_NOW);
	return ((int (*)(void))find(h, "dep"))() == 1 ? 0 : 1;
}
C
for way in runpath rpath; do
	./plain app/$way.so || fail "$way without the audit module"
done
! LD_LIBRARY_PATH=elsewhere ./plain app/runpath.so || fail "order: runpath"
LD_LIBRARY_PATH=elsewhere ./plain app/rpath.so || fail "order: rpath"
expect_no_snapshots
