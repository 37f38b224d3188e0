# What the tests of goaudit dfly share, after ../lib.sh.
# shellcheck shell=bash
DFLY=$GOAUDIT_BUILD/goaudit
PROGRAMS=$ROOT/test/dfly/programs

for_dragonfly() { env GOOS=dragonfly GOARCH=amd64 CGO_ENABLED=0 GOFLAGS=-mod=mod GOTOOLCHAIN=local "$@"; }

# dfly_build PROGRAM...: builds test/dfly/programs/PROGRAM into the test's folder.
dfly_build() {
	local p packages=()
	for p; do packages+=("./$p"); done
	(cd "$PROGRAMS" && for_dragonfly go build -o "$TEST_DIR/" "${packages[@]}") >build.log 2>&1 ||
		fail "go build: $(cat build.log)"
}

# The runner as goaudit starts it, with an end that only what hangs comes to.
dfly() { timeout -k 5 300 "$DFLY" dfly "$@"; }

# refusing NUMBER[:FIRST] ERRNO COMMAND...: under a filter that answers this system call, with
# this first argument, by the error (0: by nothing done).
refusing() {
	[ -x ./refuse ] || cc_host refuse -I"$ROOT/audit" <"$ROOT/test/dfly/refuse.c"
	./refuse "$@"
}
