# A Go toolchain of programs for DragonFly, for make dfly and make bench.
# shellcheck shell=bash

# dfly_tools FOLDER GOAUDIT: makes FOLDER/go, a GOROOT whose go, compile, vet, asm, link and
# gofmt are programs for DragonFly, and FOLDER/native, the same folders with native tools.
dfly_tools() {
	local dir=$1 goaudit=$2 root tool
	root=$(go env GOROOT)
	mkdir -p "$dir/go/bin" "$dir/go/pkg/tool/dragonfly_amd64" "$dir/bin"
	for tool in "$root"/*; do
		case ${tool##*/} in bin | pkg) ;; *) ln -sfn "$tool" "$dir/go/" ;; esac
	done
	ln -sfn "$root/pkg/include" "$dir/go/pkg/"
	(cd "$root/src" && export GOOS=dragonfly GOARCH=amd64 CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS= &&
		go build -o "$dir/go/bin/" cmd/go cmd/gofmt &&
		go build -o "$dir/go/pkg/tool/dragonfly_amd64/" cmd/compile cmd/vet cmd/asm cmd/link cmd/cgo) || return 1
	printf '#!/bin/sh\nexec env GOROOT=%s GOTOOLCHAIN=local GOFLAGS= CGO_ENABLED=0 %s dfly %s "$@"\n' \
		"$dir/go" "$goaudit" "$dir/go/bin/go" >"$dir/bin/go-dragonfly"
	printf '#!/bin/sh\nexec env GOOS=dragonfly GOARCH=amd64 GOTOOLCHAIN=local GOFLAGS= CGO_ENABLED=0 go "$@"\n' \
		>"$dir/bin/go-native"
	chmod +x "$dir/bin/"*
}
