#!/bin/bash
# The HTTP example, with a Go host and with a C host, under load from 4 clients while
# its handlers are reloaded: no failed or mixed-up answer, none of a generation that was
# not current, memory flat, all old generations unmapped.  A host that keeps a handler
# is found out.
#
#   GOAUDIT_RELOADS   default 100
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
unset GODEBUG	# latencies are shown
reloads=${GOAUDIT_RELOADS:-100}

mkdir src
cp -r "$ROOT/audit/examples/http" src/http
cp -r "$ROOT/test/guests/httpload" src/httpload
sed -i "s|=> .*guest|=> $ROOT/audit/go/guest|" src/http/gohost/go.mod
build_guest handlers.so http/handlers
build_guest server.so http/server
gcc -O1 -Wall -Wextra -Werror -I"$ROOT/include" -o host src/http/host.c
(cd src/httpload && go build -o "$TEST_DIR/httpload" .)
mkdir builds
mv handlers.so builds/00
for i in 1 2 3 4 5 6 7 8 9; do
	variant builds/00 "builds/0$i" "generation 00" "generation 0$i"
done

load() { # RELOADS HOST...
	local n=$1
	shift
	cp builds/00 handlers.so
	./httpload "$n" builds handlers.so env LD_AUDIT="$AUDIT" "$@"
}
echo "C host"
load "$reloads" ./host ./handlers.so ./server.so 0
case $(go env GOVERSION) in go1.2[2-5]*) skip "the C host passes, a Go host wants Go 1.26 or later" ;; esac

cp -r src/http/gohost src/http/keeps
sed -i 's/^	server := /	kept := serve.Get()\n&/; s/serve\.Get()(w, r)/kept(w, r)/' src/http/keeps/main.go
for host in gohost keeps; do
	(cd "src/http/$host" && "$GOAUDIT_BUILD/goaudit" build -exe -o "$TEST_DIR/$host" .) ||
		fail "$host: does not build"
done
echo "Go host"
load "$reloads" ./gohost ./handlers.so 127.0.0.1:0

text=$(load 20 ./keeps ./handlers.so 127.0.0.1:0) && fail "a kept handler is not noticed: $text"
case $text in
*": generation 0, current were "*) ;;
*) fail "a kept handler: $text" ;;
esac
