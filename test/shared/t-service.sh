#!/bin/bash
# The example with real packages, copied out of the tree: a router, a logger, metrics and a
# database in one library that server and handlers share.  The handlers are below 100 KB, are
# reloaded under load without a failed request, and their metrics count on.
#
#   GOAUDIT_RELOADS   default 100
#
# Without network, so only where the module cache has its packages: `make modules' fetches them.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/shared/shared.sh"
unset GODEBUG GOAUDIT_SHARE	# latencies are shown
wants_guest_package
cp -r "$ROOT/audit/examples/service" src/service
cp -r "$ROOT/test/guests/httpload" src/httpload
cd src/service
[ -n "${GOAUDIT_FETCH:-}" ] || export GOPROXY=off
go mod edit -replace=goaudit/guest="$ROOT/audit/go/guest"
go list -deps ./... >list.txt 2>&1 || skip "its modules are not in the module cache: make modules fetches them: $(tail -n 1 list.txt)"
cd "$TEST_DIR"

program_and_guest() { # OUT FOLDER [flag...]
	local out=$TEST_DIR/$1 folder=$2
	shift 2
	(cd src/service && "$GOAUDIT_BUILD/goaudit" build -share deps,./app "$@" -o "$out" "$folder") || fail "$out: does not build"
}
program_and_guest server ./server -exe
mkdir builds
program_and_guest builds/00 ./handlers -ldflags=-s
[ "$(stat -c %s builds/00)" -lt 100000 ] || fail "the handlers have $(stat -c %s builds/00) bytes"
[ "$(libraries_of server)" = "$(libraries_of builds/00)" ] || fail "they do not share their library"
# It is of this folder's package app, and nobody else's.
library=$PACKAGES/$(libraries_of server)
trap 'rm -f "$library" "${library%.so}.list"; cleanup' EXIT
for i in 1 2 3 4 5 6 7 8 9; do variant builds/00 "builds/0$i" "generation 00" "generation 0$i"; done
(cd src/httpload && go build -o "$TEST_DIR/httpload" .)
cp builds/00 handlers.so
./httpload "${GOAUDIT_RELOADS:-100}" builds handlers.so env LD_AUDIT="$AUDIT" ./server ./handlers.so 127.0.0.1:0

# Metrics: five requests, a reload, five more.
cp builds/00 handlers.so
mkfifo lines
LD_AUDIT=$AUDIT ./server ./handlers.so 127.0.0.1:0 service.db >lines &
server=$!
exec 5<lines
read -r _ _ address <&5
ask() {
	exec 6<>"/dev/tcp/${address%:*}/${address#*:}"
	printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&6
	tr -d '\r' <&6
}
five() {
	for _ in 1 2 3 4 5; do ask /hello/you; done | grep '^hello' | tail -n 1
	ask /metrics | grep '^service_requests_total'
}
{
	five
	cp builds/01 handlers.new
	mv handlers.new handlers.so
	kill -HUP $server
	read -r said <&5
	echo "$said"
	five
	kill $server
	read -r said <&5
	echo "$said"
} >out.txt
expect_output cat out.txt <<'E2'
hello you from generation 00, request 5
service_requests_total{path="/hello/:name"} 5
reloaded
hello you from generation 01, request 5
service_requests_total{path="/hello/:name"} 10
old generations left: 0
E2
wait $server || fail "the server ends with $?"
