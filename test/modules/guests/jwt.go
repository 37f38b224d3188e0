// require github.com/golang-jwt/jwt/v5 v5.3.1
package main

import (
	"github.com/golang-jwt/jwt/v5"
)

type claims struct {
	Name string
	jwt.RegisteredClaims
}

func test() string {
	s := must(jwt.NewWithClaims(jwt.SigningMethodHS256, claims{Name: "you"}).SignedString([]byte("k")))
	t := must(jwt.ParseWithClaims(s, &claims{}, func(*jwt.Token) (any, error) { return []byte("k"), nil }))
	return "hello " + t.Claims.(*claims).Name
}
