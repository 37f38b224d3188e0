#!/bin/bash
# README's two walks, as C and as Go, word for word: the files as it has them and the commands
# as it has them, with another port.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
command -v curl >/dev/null || skip "no curl"
wants_guest_package
unset GODEBUG
export PATH=$GOAUDIT_BUILD:$PATH GOFLAGS= GOPROXY=off

# walk SECTION: the section's files are made, its commands go to the file `commands'.
walk() {
	python3 - "$ROOT/README.md" "$1" <<'P'
import os, re, sys
text = re.search(r"^## %s\n(.*?)^## " % re.escape(sys.argv[2]), open(sys.argv[1]).read(), re.S | re.M).group(1)
for name, code in re.findall(r"`([\w/.]+\.(?:go|c))`[^`]*:\n\n```\w+\n(.*?)```", text, re.S):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    open(name, "w").write(code)
commands = re.findall(r"^    \$ (.*)$", text, re.M)
open("commands", "w").write("\n".join(commands) + "\n")
P
	sed -i 's/[ \t]*#.*//' commands
}

mkdir c && cd c
walk 'Ten lines'
[ "$(wc -l <commands)" = 4 ] || fail "commands: $(cat commands)"
sed -i "s|^gcc |gcc -I$ROOT/include |; s|goaudit run .*|goaudit run ./a.out <in >out 2>\&1 \& host=\$!|" commands
mkfifo in out
# shellcheck source=/dev/null
. ./commands >log 2>&1 || fail "$(cat log)"
exec 3>in 4<out
read -r line <&4 && [ "$line" = "generation 1" ] || fail "$line"
(cd guest && sed -i 's/generation 1/generation 2/' guest.go && goaudit build -o ../guest.so .) || fail "build"
echo >&3
read -r line <&4 && [ "$line" = "generation 2" ] || fail "$line"
exec 3>&-
# shellcheck disable=SC2154	# by a command
wait "$host" || fail "the host: $?"
exec 4<&-
cd ..

mkdir go && cd go
walk 'Go hosts'
[ "$(wc -l <commands)" = 7 ] || fail "commands: $(cat commands)"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("localhost", 0)); print(s.getsockname()[1])')
sed -i "s/localhost:8080/localhost:$port/" main.go commands
sed -i "s/^curl /curl -s --retry 60 --retry-delay 1 --retry-connrefused --noproxy '*' /" commands
# shellcheck source=/dev/null
. ./commands >text 2>log || { cat log; fail "$(cat text)"; }
# shellcheck disable=SC2154	# by a command
kill "$server"; wait "$server" || :
grep -v '^/' text | diff - <(printf 'hello, first\nhello, second\n') || fail "$(cat text log)"
grep -qxF "$PWD/handlers.so: generation 2" text || fail "$(cat text)"
