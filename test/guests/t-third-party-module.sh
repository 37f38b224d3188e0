#!/bin/bash
# A guest that uses modules of others: their packages are part of the guest and
# come and go with it.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file third/go.mod <<'E'
module example.com/third

go 1.22

require (
	github.com/google/uuid v1.6.0
	golang.org/x/text v0.14.0
)
E
go_file third/main.go <<'GO'
package main

import "C"

import (
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/text/cases"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

const generation = "generation 1"

//export Test
func Test() *C.char {
	words := []string{"zebra", "Äpfel", "apple"}
	collate.New(language.German).SortStrings(words)
	return C.CString(fmt.Sprint(generation, " ", uuid.NewSHA1(uuid.NameSpaceDNS, []byte("example.com")), " ",
		uuid.New() != uuid.New(), " ", cases.Title(language.Dutch).String("ijsland"), " ", words, " ",
		message.NewPrinter(language.German).Sprintf("%d", 1234567)))
}

func main() {}
GO
(cd src/third && timeout 60 go mod tidy) >tidy.log 2>&1 || skip "the modules cannot be had: $(tail -n 1 tidy.log)"
build_guest third.so third
mv third.so third.1
variant third.1 third.2 "generation 1" "generation 2"
build_host cycle
expect_output run_audited ./cycle third <<'E'
generation 1 cfbff0d1-9375-5685-968c-48ce8b15ae17 true IJsland [Äpfel apple zebra] 1.234.567
generation 2 cfbff0d1-9375-5685-968c-48ce8b15ae17 true IJsland [Äpfel apple zebra] 1.234.567
generation 2 cfbff0d1-9375-5685-968c-48ce8b15ae17 true IJsland [Äpfel apple zebra] 1.234.567
generation 1 cfbff0d1-9375-5685-968c-48ce8b15ae17 true IJsland [Äpfel apple zebra] 1.234.567
generation 1 cfbff0d1-9375-5685-968c-48ce8b15ae17 true IJsland [Äpfel apple zebra] 1.234.567
guests in the runtime: 1
E
