#!/bin/bash
# Where the tables that the module changes share a segment with code, the code's pages are
# left alone: some systems do not give a page back the right to be executed (PR_SET_MDWE,
# which systemd's MemoryDenyWriteExecute= sets; seccomp).  Everything works under both.
. "$(dirname "$0")/../lib.sh"

cat >limited.c <<'C'
#include "host.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
/* limited mdwe|seccomp PROGRAM: with it, no page becomes executable. */
int main(int argc, char **argv)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { sizeof f / sizeof *f, f };

	if (strcmp(argv[1], "mdwe") == 0) {
		if (prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0)
			return 77;
	} else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		   prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) != 0) {
		return 77;
	}
	execv(argv[2], argv + 2);
	return 1;
}
C
cc_host limited <limited.c
cat >host.c <<'C'
#include "host.h"
#include <sys/mman.h>
/* Its references are of both kinds: lazy, and an address in data. */
static void *(*volatile opener)(const char *, int) = dlopen;

static unsigned mappings(void)
{
	unsigned n = 0;
	int c;

	for (FILE *f = fopen("/proc/self/maps", "r"); (c = getc(f)) != EOF || fclose(f);)
		n += c == '\n';
	return n;
}

int main(int argc, char **argv)
{
	unsigned before = 0;
	void *h, *page;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("a page %s executable\n",
	       mprotect(page, 4096, PROT_READ | PROT_EXEC) ? "cannot become" : "becomes");
	for (int i = 0; i < 30; i++) {
		replace(i % 2 ? "v2.so" : "v1.so", "guest.so");
		h = opener("./guest.so", FLAGS);
		CHECK(h && call(h, "value") == i % 2 + 1);
		replace(i % 2 ? "v1.so" : "v2.so", "guest.so");
		CHECK(dlreload(h) == h && call(h, "value") == 2 - i % 2);
		CHECK(call(h, "finds_itself"));
		close_guest(h);
		/* one that is none of ours */
		h = open_mode("./plain.so", RTLD_LAZY);
		CHECK(call(h, "finds_itself"));
		close_guest(h);
		if (i == 9)
			before = mappings();
	}
	CHECK(mappings() <= before);
	puts("reloaded");
	return 0;
}
C
guest='#include <dlfcn.h>
int value(void) { return N; }
int finds_itself(void) { void *h = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD); return h && !dlclose(h); }'
built() { # HOW
	local i
	for i in 1 2; do cc_so v$i.so -DN=$i "$@" <<<"$guest"; done
	cc_so plain.so -DN=3 "$@" <<<"$guest"
	cc_host host "$@" <host.c
}
among_code() { readelf -lW "$1" | awk '/LOAD/ { print $7 $8 }' | head -n 1 | grep -q E; }
for how in -Wl,-z,separate-code -Wl,-z,noseparate-code '-Wl,-z,noseparate-code -Wl,-z,lazy -no-pie' \
		'-Wl,-z,noseparate-code -Wl,-z,now'; do
	# shellcheck disable=SC2086
	built ${how/-no-pie/}
	# shellcheck disable=SC2086
	case $how in *no-pie*) cc_host host $how <host.c ;; esac
	case $how in
	*noseparate*) among_code host || fail "$how: the test's host is not what it should be" ;;
	*) among_code host && fail "$how: the test's host is not what it should be" ;;
	esac
	expect_output run_audited ./host <<<'a page becomes executable
reloaded'
	expect_no_snapshots
	for limit in mdwe seccomp; do
		status=0
		./limited $limit /bin/true || status=$?
		[ $status = 0 ] || { echo "$limit is not possible here"; continue; }
		expect_output ./limited $limit /usr/bin/env LD_AUDIT="$AUDIT" ./host <<<'a page cannot become executable
reloaded'
		expect_no_snapshots
	done
done
