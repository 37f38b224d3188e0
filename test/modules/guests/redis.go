// require github.com/redis/go-redis/v9 v9.23.0
// require github.com/alicebob/miniredis/v2 v2.40.0
package main

import (
	"context"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func test() string {
	s := must(miniredis.Run())
	defer s.Close()
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	defer c.Close()
	check(c.Set(context.Background(), "hello", "you", 0).Err())
	return must(c.Get(context.Background(), "hello").Result())
}
