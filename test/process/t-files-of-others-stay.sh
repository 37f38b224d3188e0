#!/bin/bash
# GOAUDIT_SNAPSHOTS and DLBIND_FOLDER name a folder in which the user keeps things of his
# own, of whatever names: only folders that the module has marked are removed.
. "$(dirname "$0")/../lib.sh"

cc_so guest.so <<<'int value(void) { return 1; }'
cc_host snapshots.host <<'C'
#include "host.h"
#include <signal.h>
int main(int argc, char **argv)
{
	open_guest("./guest.so");
	if (argc > 1)
		raise(SIGKILL);
	return 0;
}
C
cc_host dlbind.host -L"$GOAUDIT_BUILD" -ldlbind -Wl,-rpath,"$GOAUDIT_BUILD" <<'C'
#include <signal.h>
#include <stdio.h>
#include "dlbind.h"
int main(int argc, char **argv)
{
	if (!dlcreate("made.so"))
		return puts(dlbind_error()) != 0;
	if (argc > 1)
		raise(SIGKILL);
	return 0;
}
C
run() { env LD_AUDIT="$AUDIT" GOAUDIT_SNAPSHOTS="$PWD/snapshots" ./snapshots.host "$@"; }
make_one() { env DLBIND_FOLDER="$PWD/dlbind" ./dlbind.host "$@"; }

# What has the names and the looks of the module's own, but not its mark: FOLDER KIND
furnish() {
	local f=$1 number
	mkdir -p "$f"/{notes,2024.12/letters,1.26,99999999.1,99999999.2/made,7.8.9,5.6/0.1,6.6}
	for number in 2024.12/letters/x 1.26/y 99999999.2/user.99999999.1 99999999.2/made/z \
		99999999.3 letter notes/more 7.8.9/precious 5.6/.private 5.6/0.1/g.so elsewhere; do
		echo precious >"$f/$number"
	done
	# The mark of another folder, and a mark that is a link to a good one.
	number=$(stat -c %i "$f/notes")
	echo "$2: files of one process, folder $number: removed when it has ended" |
		tee "$f/6.6/.private" >"$f/elsewhere"
	number=$(stat -c %i "$f/7.8.9")
	echo "$2: files of one process, folder $number: removed when it has ended" >"$f/mark"
	ln -s ../mark "$f/7.8.9/.private"
	ln -s notes "$f/3.4"
}

for kind in goaudit:snapshots:run dlbind:dlbind:make_one; do
	IFS=: read -r word folder command <<<"$kind"
	mkdir -m 700 "$folder"
	"$command" killed 2>/dev/null && fail "$command: not killed"
	left=$(ls "$folder")
	[ -f "$folder/$left/.private" ] || fail "$command: no mark in $left"
	cp -a "$folder/$left" "$folder/4711.4711"	# the user's copy of a crash's files
	furnish "$folder" "$word"
	(cd "$folder" && find . -mindepth 1 ! -path "./$left*" | sort) >there.txt
	for _ in 1 2 3 4 5 6; do
		"$command" killed 2>/dev/null && fail "$command: not killed"
	done
	"$command" || fail "$command"
	# Of what it has left itself libdlbind keeps four.
	(cd "$folder" && find . -mindepth 1 | sort) >now.txt
	comm -23 there.txt now.txt >gone.txt
	[ ! -s gone.txt ] || fail "$command: removed: $(cat gone.txt)"
	[ ! -e "$folder/$left" ] || fail "$command: what was left is there still"
done
