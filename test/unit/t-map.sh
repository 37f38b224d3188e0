#!/bin/bash
# The maps are the listing: audit/HACKING names each file of the layers, and whatever it
# and README.md ("Where things are") name is there.
. "$(dirname "$0")/../lib.sh"
[ -d "$ROOT/audit" ] || skip "the sources are not here"

# Files of the layers that HACKING has no word for in its layer's part: unnamed HACKING
unnamed() {
	local layer file name
	for layer in core loader guest entry adapter adapter/go reload api; do
		sed -n "/^${layer/\//\\/}\/	/,/^\$/p" "$1" >part
		[ -s part ] || echo "$layer/"
		for file in "$ROOT/audit/$layer"/*.[chS]; do
			name=$(basename "$file")
			name=${name%.*}
			grep -qw -e "$name" -e "${name%_x86_64}" part || echo "$layer/${file##*/}"
		done
	done
}

# What README's table names and its folder has not: missing README
missing() {
	local folder text name
	sed -n '/^## Where things are/,$s/^| `\([a-z/-]*\)\/` | \(.*\) |$/\1 \2/p' "$1" |
		while read -r folder text; do
			[ -d "$ROOT/$folder" ] || echo "$folder"
			for name in $(grep -oE '`[a-z_]+\.(c|h|\[ch\])`' <<<"$text" | tr -d '`' | sed 's/\[ch\]/c/'); do
				[ -e "$ROOT/$folder/$name" ] || echo "$folder/$name"
			done
		done
}

# Paths in HACKING that lead nowhere: gone HACKING
gone() {
	grep -oE '\b(core|loader|guest|entry|adapter|reload|api|image|go|tool|test|dlbind)/[a-z_0-9/-]*\.(c|h|S|go|sh)\b' "$1" |
		sort -u | while read -r path; do
			[ -e "$ROOT/audit/$path" ] || [ -e "$ROOT/$path" ] || echo "$path"
		done
}

unnamed "$ROOT/audit/HACKING" >out
[ ! -s out ] || fail "audit/HACKING does not name: $(tr '\n' ' ' <out)"
missing "$ROOT/README.md" >out
[ ! -s out ] || fail "README.md names: $(tr '\n' ' ' <out)"
gone "$ROOT/audit/HACKING" >out
[ ! -s out ] || fail "audit/HACKING names: $(tr '\n' ' ' <out)"

# They can fail.
sed '/^	linger	/d' "$ROOT/audit/HACKING" >HACKING
unnamed HACKING >out
printf 'reload/linger.%s\n' c h | diff - out || fail "a file without a word is not seen"
sed 's/`adapter\.h`/`gone.h`/; s/`audit\/loader\/`/`audit\/gone\/`/' "$ROOT/README.md" >README
missing README >out
grep -qx audit/adapter/gone.h out && grep -qx audit/gone out || fail "a name of nothing is not seen"
sed 's/api\/process\.c/api\/gone.c/' "$ROOT/audit/HACKING" >HACKING
[ "$(gone HACKING)" = api/gone.c ] || fail "a path to nothing is not seen"
