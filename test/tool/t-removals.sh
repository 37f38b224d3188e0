#!/bin/bash
# Every place that removes or moves a file, and why what it removes is ours.  A new one
# makes this test fail: see that it cannot meet somebody else's file, then name it here.
. "$(dirname "$0")/../lib.sh"

# File, function or target, what it calls: why.
cat >known.txt <<'E'
Makefile clean rm-rf : the build folder
audit/package/install.mk deb rm-rf : in the build folder
audit/package/install.mk install rm-rf : of the last installation, in the folder of goaudit's own
audit/package/install.mk uninstall rm-f : the names that install gives
audit/package/install.mk uninstall rmdir--ignore-fail-on-non-empty : goaudit's own folder
audit/package/install.mk uninstall rm-rf : the folders that install makes anew
audit/loader/folder.c folder_remove_place unlinkat : in a snapshot's own folder, the links beside it
audit/loader/folder.c folder_remove_place rmdir : snapshot_make's, and only if it is empty
audit/loader/folder.c folder_remove unlink : a snapshot of this process's
audit/guest/snapshot.c write_file unlink : has just made it, O_EXCL
audit/tool/runtime/cached.c cached_remove remove_tree : runtime_is_ours
audit/tool/runtime/cached.c cached_remove unlink : a link in by-abi that leads to it
audit/tool/cmd_toolexec.c answer_link unlink : what go asks the linker to write
audit/tool/live/session.c build_program rename : the program that the user has named
audit/tool/live/session.c close_session remove_tree : mkdtemp's
audit/tool/live/session.c end_like_host remove_tree : mkdtemp's
audit/tool/live/session.c place rename : the output that the user has named, and its header
audit/tool/build/header.c header_keep rename : named by the build ID
audit/tool/build/header.c header_keep unlink : its part, with this process's number
audit/tool/build/header.c header_sweep unlinkat : is_header
audit/tool/runtime/linker.c run_go unlink : in a runtime's folder, which is marked
audit/tool/runtime/build.c place_library rename : in a runtime's folder, which is marked
audit/tool/runtime/build.c build remove_tree : runtime_is_ours
audit/tool/base/files.c remove_marked remove_tree : is_marked
audit/tool/base/files.c remove_tree remove : its callers
audit/tool/base/files.c replace_symlink rename : its callers: by-abi
audit/tool/base/files.c replace_symlink unlink : with this process's number
audit/tool/build/pkgdir.c fill_folder remove_tree : in a folder that is_marked
audit/tool/build/pkgdir.c view_close remove_tree : the folder that take_folder has taken
audit/tool/build/pkgdir.c view_close rmdir : in it, and only if it is empty
audit/tool/build/pkgdir.c view_open unlink : in it
audit/tool/build/pkgdir.c view_sweep remove_tree : is_marked
audit/tool/deploy/bundle.c take_place remove_tree : is_marked
audit/tool/deploy/bundle.c take_place rename : in a place where nothing is by then
audit/tool/deploy/bundle.c take_place rmdir : only if it is empty
audit/tool/share/library.c library_keep_order rename : in a runtime's folder, which is marked
audit/tool/share/library.c library_sweep unlink : in a runtime's folder: what a list of ours names
audit/tool/share/make.c make_library remove_tree : with this process's number, in a runtime's folder
audit/tool/share/make.c place rename : in a runtime's folder, which is marked
dlbind/build.mk - rm-f : in the build folder
dlbind/ldso.c ldso_relist unlink : tiny_make's
dlbind/ldso.c run_job unlink : tiny_make's
dlbind/library.c discard unlink : folder_file's, O_EXCL
dlbind/library.c make_file unlink : has just made it, O_EXCL
dlbind/private.c empty unlinkat : private_discard's
dlbind/private.c make_marked rmdir : has just made it
dlbind/private.c make_marked unlinkat : has just made it
dlbind/private.c private_discard unlinkat : private_claim
dlbind/tiny.c tiny_make unlink : has just made it, O_EXCL
E

# Calls in C, by function; commands in makefiles and shell, by target or function; and what
# Go and Python have for it.
calls() {
	awk '
	FNR == 1 { where = "-"; make = FILENAME ~ /(Makefile|\.mk)$/; c = FILENAME ~ /\.[ch]$/ }
	c && /^[A-Za-z_].*\(/ && !/;[ \t]*$/ { where = $0; sub(/\(.*/, "", where); sub(/.*[ \t*]/, "", where) }
	make && /^[a-z][a-z-]*:/ { where = $1; sub(/:.*/, "", where) }
	{ line = $0; sub(/\/\*.*/, "", line) }
	make && match(line, /rm(dir)? -[-a-z]*/) { found = substr(line, RSTART, RLENGTH); sub(/ /, "", found); print FILENAME, where, found; next }
	make || /^[ \t]*\*/ { next }
	c { while (match(line, /(^|[^A-Za-z0-9_.>"])(unlink|unlinkat|rmdir|rename|renameat|renameat2|remove|remove_tree|nftw)\(/)) {
		found = substr(line, RSTART, RLENGTH - 1); sub(/^[^a-z]/, "", found)
		if (line !~ /^[A-Za-z_]/ && found != "") print FILENAME, where, found
		line = substr(line, RSTART + RLENGTH) } }
	/os\.(Remove|RemoveAll|Rename)\(|shutil\.|os\.(remove|unlink|rmdir|rename)\(|system\("?(rm|mv)/ { print FILENAME, where, "other" }
	' "$@" | sort -u
}
cd "$ROOT"
mapfile -t files < <(find audit dlbind gdb-scripts include Makefile -type f \
	\( -name '*.[chS]' -o -name '*.mk' -o -name '*.go' -o -name '*.py' -o -name Makefile \) \
	! -path '*/examples/*' | sort)
calls "${files[@]}" >"$TEST_DIR/found.txt"
cd "$TEST_DIR"
sed 's/ : .*//' known.txt | sort -u >expected.txt
diff -u expected.txt found.txt || fail "other places than those known remove files"

# It sees a new one of each kind.
mkdir probe
cat >probe/new.c <<'C'
static void first(const char *name)
{
	if (name)
		unlink(name);
}
int
second(void)
{
	return rename("a", "b") == 0 ? 0 : remove("c");
}
C
printf 'gone:\n\t@rm -rf $(HOME)\n' >probe/new.mk
printf 'func f() { os.RemoveAll("x") }\n' >probe/new.go
expect_output calls probe/new.c probe/new.mk probe/new.go <<'E'
probe/new.c first unlink
probe/new.c second remove
probe/new.c second rename
probe/new.go - other
probe/new.mk gone rm-rf
E
