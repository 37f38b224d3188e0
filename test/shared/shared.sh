# What the tests of package libraries share; after lib.sh and go.sh.
# shellcheck shell=bash

unset GOAUDIT_SHARE
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
