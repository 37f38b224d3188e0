#!/bin/bash
# The example JIT: results, errors; C++ exceptions and backtrace() cross its code;
# without an unwind table an exception ends the process (control); perf resolves
# samples in it, and eu-addr2line (or addr2line) addresses of a live process.
. "$(dirname "$0")/dlbind.sh"

dl_host calc -Wextra -Werror "$EXAMPLES"/*.c <<<""
expect_output ./calc 'square=x*x' 'f=square(x)+1' f:3 f:-4 'g=(1+x)*-2 - 10%4 + labs(-7)/2' g:5 <<'E'
f(3) = 10
f(-4) = 17
g(5) = -11
E
refused() { # TEXT ARGUMENT...
	local text=$1; shift
	./calc "$@" >out.txt 2>&1 && fail "calc $*: succeeded"
	[ "$(cat out.txt)" = "$text" ] || fail "calc $*: $(cat out.txt)"
}
refused "calc: f: at '': a ) is missing" 'f=(1+x'
refused "calc: f: at 'y': something follows the end" 'f=x y'
refused "calc: f: at '': an unknown function" 'f=nosuch(x)'
refused "calc: division by zero" 'f=1/x' f:0
refused "calc: f: it is bound in calc.so: unbind it first" 'f=1' 'f=2'
expect_no_files

jit_object
dl_cxx_host cross jit.o -rdynamic <<'C'
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <execinfo.h>
#include <stdexcept>
#include "dlbind.h"
#include "jit.h"
extern "C" long thrower(long x) { throw std::runtime_error("thrown " + std::to_string(x)); }
extern "C" long tracer(long x)
{
	void *at[20];
	int n = backtrace(at, 20);
	for (int i = 0; i < n; i++) {
		Dl_info info;
		if (dlbind_addr((char *)at[i] - 1, &info) && info.dli_sname)
			printf(" %s", info.dli_sname);
		if (info.dli_sname && strcmp(info.dli_sname, "main") == 0)
			break;
	}
	printf("\n");
	return x;
}
static void zero() { throw std::domain_error("division by zero"); }
int main(int argc, char **)
{
	jit *j = jit_new("cross.so", zero);
	void *lib = jit_library(j);
	if (argc > 1) {	/* code without a table */
		unsigned char code[] = { 0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 16,
			0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd0, 0xc9, 0xc3 };
		long (*f)(long) = thrower;
		memcpy(code + 10, &f, 8);
		void *at = dlalloc(lib, sizeof code, SHF_EXECINSTR);
		memcpy(dlwritable(lib, at), code, sizeof code);
		dlbind(lib, "bare", at, sizeof code, STT_FUNC);
		try { ((long (*)(long))dlsym(lib, "bare"))(1); } catch (std::exception &) { }
		return 0;
	}
	jit_compile(j, "inner", "thrower(x)+1");
	jit_compile(j, "outer", "1+2*inner(x+1)");
	jit_compile(j, "divide", "1+10/x");
	jit_compile(j, "traced", "x+(1+tracer(x))");
	jit_compile(j, "tracing", "5*(x+traced(x))");
	for (const char *name : { "outer", "divide", "outer" })
		try {
			((jit_function *)dlsym(lib, name))(0);
			puts("returned");
		} catch (std::exception &e) {
			printf("%s: %s\n", name, e.what());
		}
	printf("%ld\n", ((jit_function *)dlsym(lib, "tracing"))(4));
	jit_delete(j);
}
C
expect_output ./cross <<'E'
outer: thrown 1
divide: division by zero
outer: thrown 1
 tracer traced tracing main
65
E
status=0
(ulimit -c 0; exec ./cross bare) >out.txt 2>&1 || status=$?
[ $status = 134 ] || fail "an exception crossed code without a table: status $status"
rm -rf "$DLBIND_FOLDER"		# a crash leaves its files, for its core dump

# A live process: its file resolves addresses.
dl_host live jit.o <<'C'
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include "dlbind.h"
#include "jit.h"
int main(int argc, char **argv)
{
	struct jit *j = jit_new("live.so", abort);
	jit_function *f = jit_compile(j, "heavy_function", "x*x*x*x%7*x*x*x%5+x*x%3*x*x");
	Dl_info info;
	long n = argc > 1 ? atol(argv[1]) : 0, sum = 0;

	dladdr((void *)f, &info);
	printf("%s %#lx\n", info.dli_fname,
	       (unsigned long)((char *)f + 5 - (char *)info.dli_fbase));
	fflush(stdout);
	for (long i = 0; i < n; i++)
		sum += f(i);
	if (!n)
		getchar();
	return sum == 1;
}
C
mkfifo hold
./live <hold >where.txt &
pid=$!
exec 3>hold
while [ ! -s where.txt ]; do kill -0 $pid; read -r -t 0.01 <>/dev/null || true; done
read -r file address <where.txt
tool=$(command -v eu-addr2line || command -v addr2line)
$tool -f -e "$file" "$address" >resolved.txt
grep -q '^heavy_function' resolved.txt || fail "$tool: $(cat resolved.txt)"
grep -q "r-xp .*$file" /proc/$pid/maps || fail "its code is not mapped from the file"
grep -q ' .wx.* ' /proc/$pid/maps && fail "a page is writable and executable"
readelf -W --syms "$file" | grep -q 'FUNC .* heavy_function' || fail "readelf"
readelf -aW "$file" >readelf.txt 2>&1
grep -Ei 'warning|error' readelf.txt && fail "readelf complains"
echo >&3; exec 3>&-
wait $pid
expect_no_files

# perf writes its report after the end of the process: the file has to stay.
command -v perf >/dev/null || skip "no perf; all else is right"
if ! perf record -q -e cpu-clock -o perf.data ./calc 'f=x' >/dev/null 2>&1; then
	skip "perf cannot record here; all else is right"
fi
DLBIND_KEEP=1 perf record -q -e cpu-clock -o perf.data ./live 40000000 >where.txt
perf report --stdio -i perf.data --comm live 2>/dev/null | grep -v '^#' >report.txt
grep -Eq 'live\.so\.[0-9]+ +\[\.\] heavy_function' report.txt || fail "perf: $(head report.txt)"
