# What the tests of package libraries share; after lib.sh and go.sh.
# shellcheck shell=bash

unset GOAUDIT_SHARE
# shellcheck disable=SC2034
PACKAGES=$(dirname "$("$GOAUDIT_BUILD/goaudit" runtime --print)")/packages

# A salt makes this run's packages others than those of any run before.
SALT=$$.$RANDOM

# The dependency: two packages, one over the other.
go_file lib/reg/reg.go <<GO
package reg

const Salt = "$SALT"

var All = map[string]any{}
GO
go_file lib/lib.go <<'GO'
package lib

import (
	"fmt"

	"example.com/lib/reg"
)

type Thing interface{ Name() string }

type Key struct{ N int }

var Count = 40

func init() { Count++; reg.All["lib"] = "lib" }

func Describe(t Thing) string { return fmt.Sprint(t.Name(), " of ", len(reg.All)) }
GO

# needs NAME MODULE[=FOLDER]...: the module src/NAME needs those modules, of src/FOLDER
needs() {
	local name=$1 m
	shift
	printf 'module example.com/%s\n\ngo 1.22\n' "$name" | go_file "$name/go.mod"
	for m; do
		printf 'require example.com/%s v0.0.0\nreplace example.com/%s => ../%s\n' \
			"${m%=*}" "${m%=*}" "${m#*=}" >>"src/$name/go.mod"
	done
}

# The package libraries that an object needs.
libraries_of() { readelf -d "$1" | sed -n 's/.*NEEDED.*\[\(libgo-.*\)\]/\1/p' | sort; }

# A Go host over the packages of lib: for each argument, that file becomes guest.so, which is
# opened or reloaded; then Test is called.
go_host() { # NAME [MODULE[=FOLDER]...]
	local name=$1
	needs "$@"
	imports_guest_package "$name"
	go_file "$name/main.go" <<-'GO'
	package main

	import (
		"errors"
		"fmt"
		"os"
		"strings"

		"example.com/lib"
		"goaudit/guest"
	)

	func main() {
		var g *guest.Guest
		var test *guest.Bound[func() string]
		dir, _ := os.Getwd()
		lib.Count = 100
		for _, name := range os.Args[1:] {
			b, err := os.ReadFile(name)
			err = errors.Join(err, os.WriteFile("guest.new", b, 0o755), os.Rename("guest.new", "guest.so"))
			if err == nil && g == nil {
				g, err = guest.Open("guest.so")
				if err == nil {
					test, err = guest.Bind[func() string](g, "Test")
				}
			} else if err == nil {
				err = g.Reload()
			}
			if err != nil {
				fmt.Println(strings.ReplaceAll(err.Error(), dir+"/", ""))
			}
			if test != nil {
				fmt.Println(test.Get()())
			}
		}
		fmt.Println(lib.Count)
	}
	GO
}

# build_host_program OUT FOLDER [flag...]
build_host_program() {
	local out=$TEST_DIR/$1 folder=$2
	shift 2
	(cd "src/$folder" && "$GOAUDIT_BUILD/goaudit" build -exe "$@" -o "$out" .) || fail "$out: does not build"
}
