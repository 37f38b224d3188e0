#!/bin/bash
# Two guests of the same package path with types of the same names and other
# layouts live side by side; each encodes its own, and closing, changing or
# unmapping one leaves the other right.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

guest() { # FIELDS VALUES METHOD
	cat <<GO
package main

import "C"

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"
)

type T struct { $1 }
type Wrapped struct { Inner T; All map[string]T; Any any }
type Iface interface { $3(T) string }

func (t T) $3(o T) string { return fmt.Sprintf("$3 %v", o) }

var kept = []any{T{$2}, &T{$2}, map[T]int{{$2}: 1}}

//export Test
func Test() *C.char {
	t := T{$2}
	b, err := json.Marshal(Wrapped{t, map[string]T{"k": t}, &t})
	var back Wrapped
	err2 := json.Unmarshal(b, &back)
	var names []string
	for _, k := range kept {
		names = append(names, reflect.TypeOf(k).String())
		if m, ok := k.(map[T]int); ok {
			names = append(names, fmt.Sprint(m[t]))
		}
	}
	sort.Strings(names)
	_, ok := any(t).(Iface)
	made := reflect.MapOf(reflect.TypeOf(t), reflect.TypeOf(0)) == reflect.TypeOf(map[T]int{})
	return C.CString(fmt.Sprint(string(b), " ", err, err2, " ", back.Inner == t, ok, made, " ", Iface(t).$3(t), " ",
		strings.Join(names, ","), " ", reflect.TypeOf(t).Size()))
}

func main() {}
GO
}
guest "A int; B string" '1, "one"' First | go_file one/main.go
guest "S string; F float64; N [3]int8; P uint16" '"two", 2.5, [3]int8{1, 2, 3}, 9' Second | go_file two/main.go
guest "B bool" 'true' Third | go_file three/main.go
for name in one two three; do
	printf 'module example.com/same\n\ngo 1.22\n' >src/$name/go.mod
done
build_guests one two three
cc_host host <<'C'
#include "gohost.h"
int main(void)
{
	void *one, *two;

	setvbuf(stdout, NULL, _IONBF, 0);
	replace("one.so", "a.so");
	replace("two.so", "b.so");
	one = open_guest("./a.so");
	two = open_guest("./b.so");
	CHECK(one != two);
	print_text(one, "Test");
	print_text(two, "Test");
	print_text(one, "Test");
	/* a becomes another guest of the same name; b does not mind. */
	close_guest(one);
	replace("three.so", "a.so");
	one = open_guest("./a.so");
	reclaim_all();
	check_gone("a.so", 1);
	runtime_now(20);
	print_text(two, "Test");
	print_text(one, "Test");
	/* b takes a's first layout, a takes b's. */
	close_guest(two);
	replace("one.so", "b.so");
	two = open_guest("./b.so");
	print_text(two, "Test");
	replace("two.so", "a.so");
	one = dlreload(one);
	CHECK(one != NULL);
	print_text(one, "Test");
	reclaim_all();
	check_gone("b.so", 1);
	check_gone("a.so", 2);
	runtime_now(20);
	print_text(two, "Test");
	print_text(one, "Test");
	CHECK(runtime_now(0).modules == 3);
	return 0;
}
C
one='{"Inner":{"A":1,"B":"one"},"All":{"k":{"A":1,"B":"one"}},"Any":{"A":1,"B":"one"}} <nil> <nil> true true true First {1 one} *main.T,1,main.T,map[main.T]int 24'
two='{"Inner":{"S":"two","F":2.5,"N":[1,2,3],"P":9},"All":{"k":{"S":"two","F":2.5,"N":[1,2,3],"P":9}},"Any":{"S":"two","F":2.5,"N":[1,2,3],"P":9}} <nil> <nil> true true true Second {two 2.5 [1 2 3] 9} *main.T,1,main.T,map[main.T]int 32'
three='{"Inner":{"B":true},"All":{"k":{"B":true}},"Any":{"B":true}} <nil> <nil> true true true Third {true} *main.T,1,main.T,map[main.T]int 1'
printf '%s\n' "$one" "$two" "$one" "$two" "$three" "$one" "$two" "$one" "$two" >same.expected
expect_output run_audited ./host <same.expected
