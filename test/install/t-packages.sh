#!/bin/bash
# make alone installs nothing: it names what is missing, for three kinds of systems.
. "$(dirname "$0")/../lib.sh"

needs="$ROOT/test/packages"
"$needs" sh:dash:dash:dash /:base:base:base >out 2>&1 || fail "what is there is missing: $(cat out)"
[ ! -s out ] || fail "says something: $(cat out)"
! "$needs" no-such-command:aa:bb:cc sh:dash:dash:dash /no/such/file.h:dd:ee:ff >out 2>err || fail "all is there"
[ ! -s out ] || fail "says something: $(cat out)"
cat >want <<'E'
make: missing: no-such-command file.h: install it as root and run make again:
  Debian, Ubuntu: apt-get install aa dd
  Fedora:         dnf install bb ee
  Arch:           pacman -S cc ff
E
diff want err || fail "the text"
# No apt-get, or one that fails: named all the same.
mkdir bin
printf '#!/bin/sh\necho "$*" >>calls; exit 1\n' >bin/apt-get
chmod +x bin/apt-get
! PATH=$PWD/bin:$PATH "$needs" -i no-such-command:aa:bb:cc >out 2>err || fail "installed"
grep -q 'apt-get install aa$' err || fail "$(cat err)"
grep -q update calls || fail "-i does not try"
# The three that the build wants, and nothing of apt-get.
rm calls
make -s -n -C "$ROOT" all >out 2>&1 || fail "make -n: $(cat out)"
! grep -q 'packages -i\|apt-get' out || fail "make installs"
grep -q 'test/packages gcc' out || fail "make asks for nothing"
E=$(make -s -n -C "$ROOT" check 2>&1) || fail "make -n check"
grep -q 'test/packages -i' <<<"$E" || fail "make check installs nothing"
