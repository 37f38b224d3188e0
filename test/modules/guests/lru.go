// require github.com/hashicorp/golang-lru/v2 v2.0.7
package main

import (
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/hashicorp/golang-lru/v2/expirable"
)

type key struct{ s string }

func test() string {
	c := must(lru.New[key, []int](2))
	for i := range 3 {
		c.Add(key{fmt.Sprint(i)}, []int{i})
	}
	e := expirable.NewLRU[string, key](1, nil, time.Duration(0))
	e.Add("hello", key{"you"})
	v, ok := e.Get("hello")
	return fmt.Sprint(c.Len(), c.Contains(key{"0"}), v, ok)
}
