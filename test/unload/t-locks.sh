#!/bin/bash
# Each variable of std's packages that the overlay uses has an entry in its list of
# locks, and this release of Go has no writer of one that the list does not know.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

(cd "$ROOT/test/unload/locks" && GOFLAGS= go build -o "$TEST_DIR/locks" .)
goroot=$(go env GOROOT)

# Prints what is missing in the list.
missing() { # OVERLAY
	./locks "$goroot" "$1" | sort >used.txt
	awk '
	NR == FNR {
		if ($0 ~ /^[a-z][a-z0-9\/]* [A-Za-z0-9_.]+:( |$)/) {
			split($0, part, ":")
			listed[part[1]] = part[2] " "
		}
		next
	}
	{
		split($0, part, ":")
		if (!(part[1] in listed)) {
			print part[1] ": no entry"
			next
		}
		n = split(part[2], by, " ")
		for (i = 1; i <= n; i++)
			if (listed[part[1]] != " * " && !index(listed[part[1]], " " by[i] " "))
				print part[1] ": " by[i] " writes to it"
	}' "$1/LOCKS" used.txt
}

missing "$ROOT/audit/go/overlay" >missing.txt
[ "$(wc -l <used.txt)" -gt 40 ] || fail "too few variables: $(cat used.txt)"
! [ -s missing.txt ] || fail "audit/go/overlay/LOCKS: $(cat missing.txt)"

# It does see a new use, and a new writer.
cp -r "$ROOT/audit/go/overlay" changed
chmod -R u+w changed
printf 'package runtime\n\nfunc goauditNew() { forcegc.idle.Store(true) }\n' >changed/runtime/goaudit_new.go
sed -i 's/^runtime memstats.enablegc: gcenable/runtime memstats.enablegc:/' changed/LOCKS
missing changed >missing.txt
diff - missing.txt <<'E'
runtime forcegc: no entry
runtime memstats.enablegc: gcenable writes to it
E
