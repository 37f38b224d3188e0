#!/bin/bash
# make install with DESTDIR: what it installs, that the installed tree works
# wherever it is (t-works.sh runs tests against it), and that make uninstall
# takes all of it away.  The version script, the headers and the manual name the same
# functions; the package holds the same files.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

make() { command make -s --no-print-directory -C "$ROOT" B="$GOAUDIT_BUILD" "$@" >make.out 2>&1 || fail "make $*: $(cat make.out)"; }
make install DESTDIR="$PWD/root" prefix=/usr
version=$("$GOAUDIT_BUILD/goaudit" --version | cut -d' ' -f2)
lib=usr/lib/$(gcc -print-multiarch)
lib=${lib%/}
files() { find "$1" ! -type d ! -path '*/overlay/*' ! -path '*/linker/*' ! -path '*/man3/*' -printf '%P\n' | sed "s|$lib|LIB|g; s|$version|VERSION|" | LC_ALL=C sort; }
expect_output files root <<'E'
LIB/goaudit/exe/exe.list
LIB/goaudit/exe/exe.o
LIB/goaudit/goaudit-dfly
LIB/goaudit/guest/go.mod
LIB/goaudit/guest/guest.go
LIB/goaudit/guest/guest_other.go
LIB/goaudit/guest/state/example_test.go
LIB/goaudit/guest/state/state.go
LIB/goaudit/guest/state/state_other.go
LIB/goaudit/libgoaudit-dwarf.so
LIB/goaudit/libgoaudit-entries.so
LIB/goaudit/libgoaudit-image.so
LIB/libdlbind.a
LIB/libdlbind.so
LIB/libdlbind.so.1
LIB/libgoaudit.so
LIB/libgoaudit.so.0
LIB/libgoaudit.so.VERSION
LIB/pkgconfig/dlbind.pc
LIB/pkgconfig/goaudit.pc
usr/bin/goaudit
usr/include/dlbind.h
usr/include/goaudit-debug.h
usr/include/goaudit.h
usr/share/bash-completion/completions/goaudit
usr/share/fish/vendor_completions.d/goaudit.fish
usr/share/gdb/auto-load/LIB/libgoaudit.so.VERSION-gdb.py
usr/share/goaudit/goaudit.lldb
usr/share/goaudit/goaudit.star
usr/share/man/man1/goaudit-dfly.1
usr/share/man/man1/goaudit.1
usr/share/man/man7/goaudit.7
usr/share/zsh/site-functions/_goaudit
E
diff -r -x README "$ROOT/audit/go/overlay" root/$lib/goaudit/overlay || fail "the overlay differs"
diff -r -x README "$ROOT/audit/go/linker" root/$lib/goaudit/linker || fail "the linker's files differ"
diff -r "$ROOT/audit/go/guest" "root$(PKG_CONFIG_PATH=root/$lib/pkgconfig pkg-config --variable=goguest goaudit)" ||
	fail "the package for Go hosts differs"
readelf -d root/$lib/libgoaudit.so | grep -q 'SONAME.*\[libgoaudit.so.0\]' || fail "soname"
! grep -rl -e "$ROOT" -e "$PWD" root/$lib/pkgconfig root/usr/share || fail "names the build's folders"
(cd root && find . ! -type d | LC_ALL=C sort) >installed.txt
[ "$(PKG_CONFIG_PATH=root/$lib/pkgconfig pkg-config --define-variable=prefix=/usr --cflags --modversion goaudit | tr -s ' \n' ' ')" = "$version " ] ||
	[ "$(PKG_CONFIG_PATH=root/$lib/pkgconfig PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 pkg-config --cflags goaudit)" = "-I/usr/include " ] ||
	fail "pkg-config: $(PKG_CONFIG_PATH=root/$lib/pkgconfig pkg-config --cflags --modversion goaudit)"

# The functions of a header are those that its library exports, and those of its
# version script, but for what goes between the two libraries (dlbind/embed.h) and for
# the auditor's malloc; each has a manual page.
private='^la_|^goaudit_debug|^dlbind_relist$|^(m|c|re)alloc$|^free$|^memalign$|_alloc$|_memalign$'
agree() { # HEADER LIBRARY MAP MANUAL
	gcc -D_GNU_SOURCE -I"$ROOT/include" -x c -fsyntax-only -aux-info prototypes "$ROOT/include/$1"
	sed -nE "s@^/\* [^ ]*/$1:[^*]*\*/ extern [^(]*[ *]([a-z_0-9]+) \(.*@\1@p" prototypes | sort -u >declared
	[ "$(wc -l <declared)" -ge 5 ] || fail "$1: declares only $(cat declared)"
	nm -D --defined-only "root/$lib/$2" | awk '$2 ~ /[TW]/ { print $3 }' | sed 's/@.*//' |
		grep -vE "$private" | sort -u >exported
	diff declared exported || fail "$1 and $2 differ"
	sed -n '/global:/,/local:/p' "$ROOT/$3" | grep -oE '[a-z_0-9]+;' | tr -d ';' |
		grep -vE "$private" | sort -u | diff declared - || fail "$1 and $3 differ"
	while read -r name; do
		[ -f "root/usr/share/man/man3/$name.3" ] || fail "$name: no page is installed"
		page=$(sed -n 's/^\.so //p' "root/usr/share/man/man3/$name.3")
		[ -f "root/usr/share/man/${page:-man3/$name.3}" ] || fail "$name: leads nowhere"
	done <declared
}
agree goaudit.h libgoaudit.so audit/libgoaudit.map
agree dlbind.h libdlbind.so dlbind/libdlbind.map

# --- it works by itself: moved, and without the build folder
mkdir away && mv root away/root
installed=$PWD/away/root/usr
go_file guest/main.go <<'GO'
package main

import "C"

//export value
func value() C.int { return 1 }

func main() {}
GO
"$installed/bin/goaudit" build -C src/guest -o "$PWD/guest.so" . || fail "the installed tool does not build"
gcc -I"$installed/include" -x c -o host - <<'C'
#include <dlfcn.h>
#include <stdio.h>
#include "goaudit.h"
int main(void)
{
	for (int i = 0; i < 2; i++) {
		void *h = dlopen("./guest.so", RTLD_NOW | RTLD_RELOADABLE);
		if (!h)
			return puts(dlerror());
		printf("%d\n", ((int (*)(void))dlsym(h, "value"))());
		dlclose(h);
	}
	return 0;
}
C
expect_output "$installed/bin/goaudit" run ./host <<<$'1\n1'
expect_output env LD_LIBRARY_PATH="$PWD/away/root/$lib" LD_AUDIT=libgoaudit.so ./host <<<$'1\n1'
"$installed/bin/goaudit" inspect -q guest.so || fail "inspect"
LD_LIBRARY_PATH=$PWD/away/root/$lib LD_AUDIT=libgoaudit.so "$BASH" -c 'cat /proc/$$/maps' >maps
grep -q "away/root/$lib/libgoaudit.so.$version" maps || fail "another libgoaudit.so is used"
! grep -q "$GOAUDIT_BUILD" maps || fail "the build folder is used"
mv away/root root
make uninstall DESTDIR="$PWD/root" prefix=/usr
[ -z "$(find root ! -type d)" ] || fail "left: $(find root ! -type d)"

# --- what make dist packs is what is committed, and it builds
if command -v git >/dev/null && git -C "$ROOT" rev-parse HEAD >/dev/null 2>&1; then
	make dist
	mkdir dist && tar -C dist -xf "$GOAUDIT_BUILD/goaudit-$version.tar.gz"
	(cd "dist/goaudit-$version" && find . ! -type d -printf '%P\n' | LC_ALL=C sort) >packed.txt
	git -C "$ROOT" ls-tree -r --name-only HEAD | LC_ALL=C sort | diff packed.txt - || fail "make dist packs other files"
	command make -s -C "dist/goaudit-$version" .build/goaudit >make.out 2>&1 || fail "make in what is packed: $(cat make.out)"
	[ "$("dist/goaudit-$version/.build/goaudit" --version)" = "goaudit $version" ] || fail "the packed one is of another version"
fi

# --- the package
make deb
mkdir package && dpkg-deb -x "$GOAUDIT_BUILD"/goaudit_"${version}"_amd64.deb package
(cd package && find . ! -type d | sed 's|\(/man/.*\)\.gz$|\1|; /usr.share.doc/d' | LC_ALL=C sort) | diff installed.txt - ||
	fail "the package has other files"
dpkg-deb -f "$GOAUDIT_BUILD"/goaudit_"${version}"_amd64.deb Depends | grep -q 'libc6.*libelf1' || fail "package: no dependencies"
expect_output package/usr/bin/goaudit run ./host <<<$'1\n1'
