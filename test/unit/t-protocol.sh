#!/bin/bash
# The requests from C to Go are the same on both sides: each struct of audit/go/protocol.h
# field by field, with its place and size, as the overlay's own source declares it, and each
# number that has a name.
. "$(dirname "$0")/../lib.sh"
[ -f "$ROOT/audit/go/protocol.h" ] || skip "the sources are not here"
export GOFLAGS=-mod=mod GO111MODULE=off

# --- the C side ----------------------------------------------------------------------------

# struct go_move_op -> goauditMoveOp; a request has Req at its end, and the first one the
# protocol's number.
declare -A go_name=([go_hello]=Hello$(sed -n 's/#define GO_PROTOCOL \([0-9]*\)/\1/p' "$ROOT/audit/go/protocol.h")Req)
for s in register init module held unlink settle guard stats move; do go_name[go_$s]=${s^}Req; done
for s in range move_op move_var move_type; do go_name[go_$s]=$(sed -E 's/(^|_)([a-z])/\U\2/g' <<<"$s"); done
# Words of Go, or names that are taken there.
declare -A field=([go_move_op.type]=typ [go_move.var]=failed)

# C's name and Go's of each number.
numbers() {
	cat <<'N'
GO_PROTOCOL goauditProtocol
GO_OK goauditOK
GO_NOT_FOUND goauditNotFound
GO_PANIC goauditPanicked
GO_HELD goauditHeld
GO_HOLDER_NONE goauditNoHolder
GO_HOLDER_FRAME goauditFrame
GO_HOLDER_START goauditStart
GO_HOLDER_DEFER goauditDefer
GO_HOLDER_TIMER goauditTimer
GO_HOLDER_FINALIZER goauditFinal
GO_HOLDER_CLEANUP goauditCleanup
GO_HOLDER_POINTER goauditPointer
GO_HOLDER_TYPE goauditType
GO_HOLDER_FUNC goauditFunc
GO_HOLDER_OBJECT goauditObjectOf
GO_HOLDER_CHAN goauditChan
GO_HOLDER_STACK goauditStack
GO_HOLDER_STRING goauditString
GO_HOLDER_BUSY goauditBusy
GO_HOLDER_LISTED goauditListed
GO_HOLDER_PROFILE goauditProfile
GO_HELD_MAX goauditMaxHeld
GO_UNLINK_PROVE goauditProve
GO_UNLINK_STOPPED goauditStopped
GO_UNLINK_NO_TYPE_WORDS goauditNoTypeWords
GO_UNLINK_NO_CLOSURES goauditNoClosures
GO_UNLINK_NO_HEADERS goauditNoHeaders
GO_UNLINK_NO_CHANS goauditNoChans
GO_UNLINK_NO_STRINGS goauditNoStrings
GO_UNLINK_NO_SCRUB goauditNoScrub
GO_UNLINK_NO_FRAMES goauditNoFrames
GO_UNLINK_NO_TIMERS goauditNoTimers
GO_UNLINK_NO_FINALIZERS goauditNoFinal
GO_UNLINK_NO_POINTERS goauditNoPointers
GO_UNLINK_NO_VERDICT goauditNoVerdict
GO_UNLINK_NO_GHOSTS goauditNoGhosts
GO_UNLINK_NO_BETWEEN goauditNoBetween
GO_UNLINK_NO_HOLD_OFF goauditNoHoldOff
GO_PANIC_SIZE goauditPanicSize
GO_MOVE_COPY goauditMoveCopy
GO_MOVE_STRING goauditMoveString
GO_MOVE_SLICE goauditMoveSlice
GO_MOVE_LOOP goauditMoveLoop
GO_MOVE_POINTER goauditMovePointer
GO_MOVE_MAP goauditMoveMap
GO_MOVE_CHAN goauditMoveChan
GO_MOVE_FUNC goauditMoveFunc
GO_MOVE_EFACE goauditMoveEface
GO_MOVE_IFACE goauditMoveIface
GO_MOVE_IDLE goauditMoveIdle
GO_MOVE_PLAIN goauditMovePlain
GO_MOVE_OPAQUE goauditMoveOpaque
N
}

# STRUCT FIELD of all, in their order.
gcc -fpreprocessed -dD -E -P "$ROOT/audit/go/protocol.h" >plain.h
awk '/^struct go_[a-z_]* \{/ { s = $2; next } /^\}/ { s = "" }
	s { gsub(/\(\*/, " "); gsub(/\)\(.*\)/, ""); gsub(/\[[^]]*\]|[*;,]/, " ");
	    n = split($0, w, " "); for (i = (w[1] == "struct") ? 3 : 2; i <= n; i++) print s, w[i] }' plain.h >fields
{
	printf '#include <stddef.h>\n#include <stdio.h>\n#include "go/protocol.h"\nint main(void)\n{\n'
	while read -r s f; do
		[ "${go_name[$s]:-}" ] || fail "protocol.h: struct $s has no name of Go's here"
		g=${field[$s.$f]:-$(sed -E 's/_([a-z])/\U\1/g' <<<"$f")}
		printf '\tprintf("goaudit%s %s %%zu %%zu\\n", offsetof(struct %s, %s), sizeof ((struct %s *)0)->%s);\n' \
			"${go_name[$s]}" "$g" "$s" "$f" "$s" "$f"
	done <fields
	numbers | while read -r c g; do printf '\tprintf("%s %%d\\n", (int)%s);\n' "$g" "$c"; done
	echo '}'
} | cc_host c-side -I"$ROOT/audit"
./c-side >c.txt

# No number is left out: holders from 64 on are not of the Go side's finding.
{ grep -oE '^\s*GO_[A-Z_]+' plain.h | tr -d '\t '; sed -n 's/^#define \(GO_[A-Z_]*\) [0-9]*$/\1/p' plain.h; } |
	grep -vxE 'GO_HOLDER_(CALL|LOADER|KEPT)' | sort >all
numbers | cut -d' ' -f1 | sort | diff - all || fail "a number of protocol.h that is not compared"

# --- the Go side -----------------------------------------------------------------------------

mkdir extract overlay
cat >extract/main.go <<'G'
// Prints a program that prints the wanted declarations: extract FOLDER NAME...
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"strings"
)

func main() {
	wanted := map[string]bool{}
	for _, name := range os.Args[2:] {
		wanted[name] = true
	}
	set := token.NewFileSet()
	packages, err := parser.ParseDir(set, os.Args[1], nil, 0)
	if err != nil {
		panic(err)
	}
	fmt.Println("package main\nimport (\"fmt\"; \"reflect\")")
	body := ""
	for _, file := range packages["runtime"].Files {
		for _, d := range file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			found := false
			for _, spec := range decl.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if strings.HasSuffix(s.Name.Name, "Req") && strings.HasPrefix(s.Name.Name, "goaudit") || wanted[s.Name.Name] {
						found = true
						body += fmt.Sprintf("show(%q, reflect.TypeOf(%s{}))\n", s.Name.Name, s.Name.Name)
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if wanted[n.Name] {
							found = true
							body += fmt.Sprintf("fmt.Println(%q, %s)\n", n.Name, n.Name)
						}
					}
				}
			}
			if found {
				printer.Fprint(os.Stdout, set, decl)
				fmt.Println()
			}
		}
	}
	fmt.Print("func show(name string, t reflect.Type) {\nfor i := 0; i < t.NumField(); i++ {\nf := t.Field(i)\n",
		"fmt.Println(name, f.Name, f.Offset, f.Type.Size())\n}\n}\nfunc main() {\n", body, "}\n")
}
G
go build -o go-extract ./extract
names() { printf 'goaudit%s\n' "${go_name[@]}"; numbers | cut -d' ' -f2; }
go_side() { # FOLDER
	mkdir -p side
	# shellcheck disable=SC2046
	./go-extract "$1" $(names) >side/main.go
	go run ./side
}
same() { # FOLDER
	go_side "$1" >go.txt && diff <(sort c.txt) <(sort go.txt)
}
# Files for other releases declare some of the same names.
overlay_file() { find "$ROOT/audit/go/overlay/runtime" -path "*/pprof" -prune -o -name "$1" -print; }
for f in goaudit goaudit_move goaudit_guard; do cp "$(overlay_file $f.go)" overlay; done
grep -lrE '^type goaudit[A-Za-z0-9]*Req ' "$ROOT/audit/go/overlay/runtime" | sed 's,.*/,,' >declaring
while read -r f; do [ -f "overlay/$f" ] || fail "$f declares a request: it is not compared"; done <declaring
same overlay || fail "C (<) and Go (>) differ"

# It can fail: two fields change places, one has another size, a number is another one.
control() { # FILE SED-EXPRESSION DIFFERENCE
	cp "$(overlay_file "$1")" overlay
	sed -i "$2" "overlay/$1"
	! same overlay >differs || fail "$2 is not seen"
	grep -qxF "$3" differs || { cat differs; fail "$2: another difference"; }
	cp "$(overlay_file "$1")" overlay
}
control goaudit.go 's/^	mergeNs    uint64/	registerNs uint64/; t; s/^	registerNs uint64/	mergeNs uint64/' '> goauditRegisterReq registerNs 168 8'
control goaudit.go 's/\[1024\]byte/[1016]byte/' '> goauditInitReq text 72 1016'
control goaudit_move.go 's/^	goauditMoveLoop$/	goauditMovePointer2/' '< goauditMoveLoop 4'
control goaudit.go 's/goauditBusy     = 14/goauditBusy = 15/' '> goauditBusy 15'
