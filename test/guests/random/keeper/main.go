// The keeper of the random programs: a table of values, and a visit to all that
// they lead to.
package main

import "C"

import (
	"container/list"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
	"unsafe"
)

var table [32]any

//export Table
func Table() unsafe.Pointer { return unsafe.Pointer(&table) }

//export KeeperClear
func KeeperClear(i int) { table[i] = nil }

// End ends what Start of a guest has begun.
//
//export End
func End(i int) {
	switch x := table[i].(type) {
	case chan struct{}:
		close(x)
	case *time.Timer:
		x.Stop()
	}
	table[i] = nil
}

var visits int

// Visit uses all that is in the table.
//
//export Visit
func Visit() int {
	visits = 0
	for _, v := range table {
		visit(v, 8)
	}
	return visits
}

type visitor interface {
	Visit(int, func(any, int))
}

func visit(v any, deep int) {
	if deep--; deep < 0 || v == nil || visits > 20000 {
		return
	}
	visits++
	visits += len(fmt.Sprintf("%T", v)) & 1
	switch x := v.(type) {
	case visitor:
		if !reflect.ValueOf(x).IsNil() {
			x.Visit(deep, visit)
		}
	case []any:
		for _, e := range x {
			visit(e, deep)
		}
	case map[string]any:
		visit(x["a"], deep)
		visit(x["b"], deep)
	case *list.List:
		for e := x.Front(); e != nil; e = e.Next() {
			visit(e.Value, deep)
		}
	case *sync.Map:
		x.Range(func(k, v any) bool { visit(v, deep); return true })
	case func() any:
		visit(x(), deep)
	case error:
		visits += len(x.Error())
		visit(errors.Unwrap(x), deep)
	case string:
		if !strings.HasSuffix(x, " of the guest") {
			panic("a string has changed: " + x)
		}
	case []string:
		for _, s := range x {
			visit(s, deep)
		}
	case unsafe.Pointer:
		visit(*(*any)(x), deep)
	case reflect.Value:
		visit(x.Interface(), deep)
	case reflect.Type:
		visits += len(x.String()) + x.NumMethod()
	case *any:
		visit(*x, deep)
	case chan struct{}, *time.Timer, *[]byte:
	default:
		visitOther(reflect.ValueOf(v), deep)
	}
}

// visitOther is for types of a guest's.
func visitOther(v reflect.Value, deep int) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			visitOther(v.Elem(), deep)
		}
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			if f := v.Field(i); f.Kind() == reflect.Interface && f.CanInterface() {
				visit(f.Interface(), deep)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len(); i++ {
			visitOther(v.Index(i), deep)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if it.Value().Kind() == reflect.Interface && it.Value().CanInterface() {
				visit(it.Value().Interface(), deep)
			}
		}
	case reflect.Chan:
		visits += v.Len()
	}
}

func main() {}
