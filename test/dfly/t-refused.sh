#!/bin/bash
# What goaudit dfly cannot run, and why, in one line each; and that without this check, or
# without goaudit, it is another thing that happens.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/dfly.sh"

dfly_build hello
(cd "$PROGRAMS" && CGO_ENABLED=0 GOOS=linux go build -o "$TEST_DIR/native" ./hello &&
	CGO_ENABLED=0 GOOS=freebsd GOARCH=amd64 go build -o "$TEST_DIR/freebsd" ./hello &&
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -o "$TEST_DIR/arm64" ./hello) >build.log 2>&1 ||
	fail "$(cat build.log)"
refuses() { # STATUS LINE COMMAND...: this line and no other
	ends_saying "$@"
	[ "$(wc -l <out.txt)" = 1 ] || fail "more than one line: $(cat out.txt)"
}
other='not built for DragonFly BSD: build it with GOOS=dragonfly'
refuses 126 "goaudit: ./native: $other" dfly ./native
refuses 126 "goaudit: ./freebsd: $other" dfly ./freebsd
refuses 126 "goaudit: /bin/sh: $other" dfly /bin/sh
refuses 126 'goaudit: ./arm64: built for another processor: build it with GOOS=dragonfly GOARCH=amd64' dfly ./arm64
refuses 126 'goaudit: ./build.log: not an ELF program' dfly ./build.log
refuses 127 'goaudit: ./nothing: no such program: give its path' dfly ./nothing
refuses 127 'goaudit: nothing-in-path: no such program: give its path' dfly nothing-in-path
refuses 126 'goaudit: ./: not a file' dfly ./
# shellcheck disable=SC2238	# a file
head -c 3000 hello >cut
refuses 126 'goaudit: ./cut: a broken ELF program' dfly ./cut
python3 - <<'P'
b = bytearray(open("hello", "rb").read())
b[16] = 3                       # ET_DYN
open("moved", "wb").write(b)
P
refuses 126 'goaudit: ./moved: not linked for a fixed address: build it with -buildmode=exe' dfly ./moved
mkdir empty && cp "$DFLY" empty/goaudit
refuses 126 'goaudit: goaudit-dfly: not found beside goaudit: install it with make install' empty/goaudit dfly ./hello

# A kernel without the facility says EINVAL (before 5.11), a sandbox any other error.
dispatch=157:59		# prctl(PR_SET_SYSCALL_USER_DISPATCH)
refuses 126 'goaudit: syscall user dispatch: this kernel has none: use Linux 5.11 or later' \
	refusing $dispatch 22 "$DFLY" dfly ./hello
refuses 126 'goaudit: syscall user dispatch: EPERM: let the sandbox (seccomp) allow prctl(PR_SET_SYSCALL_USER_DISPATCH)' \
	refusing $dispatch 1 "$DFLY" dfly ./hello
refusing 157:4711 1 "$DFLY" dfly ./hello >out.txt || fail "under a filter for something else: $(cat out.txt)"

# Stripped, and without build information, it is known by its calls.
(cd "$PROGRAMS" && for_dragonfly go build -ldflags='-s -w' -o "$TEST_DIR/stripped" ./hello) 2>build.log || fail "$(cat build.log)"
dfly ./stripped >out.txt || fail "stripped: $(cat out.txt)"
python3 - <<'P'
b = open("stripped", "rb").read().replace(b"\tGOOS=dragonfly\n", b"\tGOXX=dragonfly\n")
open("untold", "wb").write(b)
P
chmod +x untold
dfly ./untold | grep -q '^hello from dragonfly' || fail "without build information"
