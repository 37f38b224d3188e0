#!/bin/bash
# goaudit reload in hosts that are not ours and know nothing of it: Python (ctypes) and, where
# they are, Java (JNI) and node (an addon, loaded again).
. "$(dirname "$0")/../lib.sh"
tool=$GOAUDIT_BUILD/goaudit
command -v python3 >/dev/null || skip "no python3"

# host LIBRARY COMMAND...: prints its number, then a value for each line; LIBRARY.1 and .2 are
# its two builds.
host() {
	local library=$1 pid value
	shift
	cp "$library.1" "$library"
	rm -f in out && mkfifo in out
	"$tool" run -r "$library" "$@" <in >out 2>err &
	exec 3>in 4<out
	read -r pid <&4 && echo >&3 && read -r value <&4 && [ "$value" = 1 ] || fail "$1: ${value:-} $(cat err)"
	cp "$library.2" new && mv new "$library"
	echo >&3 && read -r value <&4 && [ "$value" = 1 ] || fail "$1: reloaded by itself"	# the control
	[ "$("$tool" reload "$pid" "$library")" = "$PWD/$library: generation 2" ] || fail "$1: $("$tool" status "$pid")"
	echo >&3 && read -r value <&4 && [ "$value" = 2 ] || fail "$1: $value $(cat err)"
	exec 3>&-
	wait $! || fail "$1: $?: $(cat err)"
	exec 4<&-
}

for n in 1 2; do
	cc_so p.so.$n <<<"int value(void) { return $n; }"
	cc_so libj.so.$n <<<"int Java_Host_value(void *env, void *class) { return $n; }"
	cc_so addon.node.$n -DVALUE=$n <<'C'
	/* What of node_api.h is used. */
	typedef struct env *env;
	typedef struct value *value;
	int napi_create_function(env, const char *, unsigned long, value (*)(env, void *), void *, value *);
	int napi_create_int32(env, int, value *);
	static value call(env e, void *info)
	{
		value v;

		napi_create_int32(e, VALUE, &v);
		return v;
	}
	value napi_register_module_v1(env e, value exports)
	{
		value f;

		napi_create_function(e, "value", 5, call, 0, &f);
		return f;
	}
C
done
cat >host.py <<'P'
import ctypes, os, sys
value = ctypes.CDLL("./p.so").value
print(os.getpid(), flush=True)
for _ in sys.stdin:
    print(value(), flush=True)
P
host p.so python3 host.py
if command -v javac >/dev/null && command -v java >/dev/null; then
	cat >Host.java <<'J'
import java.io.*;

public class Host {
	static native int value();

	public static void main(String[] arguments) throws IOException {
		System.load(arguments[0]);
		System.out.println(ProcessHandle.current().pid());
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		while (in.readLine() != null)
			System.out.println(value());
	}
}
J
	javac Host.java
	host libj.so java -Xmx64m Host "$PWD/libj.so"
fi
if command -v node >/dev/null; then
	# An addon hands its functions over at each require, and node keeps what it has got.
	cat >host.js <<'J'
const load = () => { delete require.cache[require.resolve('./addon.node')]; return require('./addon.node'); };
load();
console.log(process.pid);
require('readline').createInterface({ input: process.stdin }).on('line', () => console.log(load()()));
J
	host addon.node node host.js
fi
