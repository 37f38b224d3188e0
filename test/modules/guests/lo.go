// require github.com/samber/lo v1.53.0
package main

import (
	"fmt"

	"github.com/samber/lo"
)

type pair struct{ A, B int }

func test() string {
	p := lo.Map([]int{1, 2, 3}, func(n, i int) pair { return pair{n, i} })
	g := lo.GroupBy(p, func(p pair) bool { return p.A%2 == 0 })
	return fmt.Sprint(g, lo.Uniq([]string{"a", "a"}), lo.Zip2([]int{1}, []pair{{1, 2}}))
}
