# What the tests of this folder share; after lib.sh.
# shellcheck shell=bash
. "$ROOT/test/go/golib.sh"

case $(go env GOVERSION) in
go1.2[2-5]*) skip "the proof wants Go 1.26 or later" ;;
esac

# Go pointers go through C here on purpose.
export GODEBUG=$GODEBUG,cgocheck=0

mkdir -p src
cp -r "$ROOT"/test/unload/{guest,keeper} src
build_guests guest keeper
cc_host host -I"$GO_FOLDER" -I"$ROOT/audit" -pthread <"$ROOT/test/unload/host.c"
