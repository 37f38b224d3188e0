# What the tests with Go guests share; after lib.sh.
# shellcheck shell=bash

command -v go >/dev/null || skip "no go command in PATH"

# The collector makes a use of freed memory visible, and marks twice.
export GODEBUG=clobberfree=1,gccheckmark=1

# go_file NAME/FILE: the file's text is on standard input.  Every first folder
# is a module of its own; it gets a go.mod unless it brings one.
go_file() {
	local folder=src/${1%%/*}
	mkdir -p "$(dirname "src/$1")"
	cat >"src/$1"
	[ -e "$folder/go.mod" ] ||
		printf 'module example.com/%s\n\ngo 1.22\n' "${1%%/*}" >"$folder/go.mod"
}

# Delve, the user's or one that is built once and kept in the cache: sets dlv.
need_delve() {
	local version=v1.27.2 cache=${GOAUDIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/goaudit}/tools
	for dlv in "$(command -v dlv)" "$(go env GOPATH)/bin/dlv" "$cache/dlv-$version/dlv"; do
		[ ! -x "$dlv" ] || return 0
	done
	mkdir -p "$cache"
	GOBIN=$cache/new.$$ GOFLAGS=-mod=mod go install "github.com/go-delve/delve/cmd/dlv@$version" >dlv.log 2>&1 ||
		skip "no dlv, and it cannot be fetched: $(tail -n 1 dlv.log)"
	mv -T "$cache/new.$$" "$cache/dlv-$version" 2>/dev/null || rm -rf "$cache/new.$$"
	[ -x "$dlv" ] || skip "no dlv"
}

wants_guest_package() {
	case $(go env GOVERSION) in go1.2[2-5]*) skip "the package goaudit/guest wants Go 1.26 or later" ;; esac
}

# imports_guest_package FOLDER: the module may import goaudit/guest, and goaudit/guest/state.
imports_guest_package() {
	(cd "src/$1" && go mod edit -go=1.26 -require=goaudit/guest@v0.0.0 \
		-replace=goaudit/guest="$ROOT/audit/go/guest")
}

# build_guest OUT.so FOLDER [go build flag...]
build_guest() {
	local out=$TEST_DIR/$1 folder=$2
	shift 2
	(cd "src/$folder" && "$GOAUDIT_BUILD/goaudit" build "$@" -o "$out" .) \
		>"$out.log" 2>&1 || {
		cat "$out.log" >&2
		fail "$out: does not build"
	}
	! grep -F 'goaudit: warning:' "$out.log" >&2 || fail "$out: built with a warning"
}

# build_guests NAME...: src/NAME becomes NAME.so; two at a time, for a build is
# half of the time one process.
build_guests() {
	local name pids=() pid
	for name; do
		if [ ${#pids[@]} -ge 2 ]; then
			wait "${pids[0]}" || exit 1
			pids=("${pids[@]:1}")
		fi
		build_guest "$name.so" "$name" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || exit 1
	done
}

# variant FROM.so TO.so OLD NEW: a changed guest without a build: a text of its
# constants is replaced by another one of the same length.
variant() {
	[ ${#3} = ${#4} ] || fail "variant: $3 and $4 differ in length"
	grep -qaF "$3" "$1" || fail "variant: no $3 in $1"
	perl -pe "s/\\Q$3\\E/$4/g" "$1" >"$2"
}

# build_host NAME [gcc option...]: test/hosts/NAME.c becomes ./NAME.
build_host() {
	local name=$1
	shift
	cc_host "$name" "$@" <"$HOSTS/$name.c"
}

# go_with_runtime OUT FOLDER [go build flag...]: what `goaudit build` does for
# guests, with the go command's own linking and any build mode.
go_with_runtime() {
	local out=$TEST_DIR/$1 from=$2 runtime f
	shift 2
	runtime=$(dirname "$("$GOAUDIT_BUILD/goaudit" runtime --print)")
	# go writes into its -pkgdir: a copy, in which the packages are links
	if [ ! -d view ]; then
		mkdir view
		cp -rl "$runtime/pkg" view/pkg 2>/dev/null || { rm -rf view/pkg; cp -r "$runtime/pkg" view/pkg; }
		while IFS= read -r -d '' f; do
			cp "$f" "$f.copy" && mv -f "$f.copy" "$f"
		done < <(find view/pkg -type f ! -name '*.a' -print0)
		cp "$runtime/libstd.so" view/pkg/libstd.so
		chmod u+w view/pkg/libstd.so
	fi
	(cd "src/$from" && GOAUDIT_LIBSTD=$runtime/libstd.so GOAUDIT_STD=keep \
		go build -linkshared -pkgdir "$TEST_DIR/view/pkg" -overlay "$runtime/overlay.json" \
		-toolexec "'$GOAUDIT_BUILD/goaudit' toolexec" "$@" -o "$out" .) >"$out.log" 2>&1 || {
		cat "$out.log" >&2
		fail "$out: does not build"
	}
}
