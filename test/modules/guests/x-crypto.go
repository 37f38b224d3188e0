// require golang.org/x/crypto v0.54.0
package main

import (
	"crypto/rand"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/ssh"
)

func test() string {
	sum := blake2b.Sum256([]byte("hello"))
	a := must(chacha20poly1305.New(sum[:]))
	nonce := make([]byte, a.NonceSize())
	plain := must(a.Open(nil, nonce, a.Seal(nil, nonce, []byte("you"), nil), nil))
	h := must(bcrypt.GenerateFromPassword([]byte("hello"), bcrypt.MinCost))
	check(bcrypt.CompareHashAndPassword(h, []byte("hello")))
	_ = rand.Reader
	return fmt.Sprintf("%s %x %x %v", plain, sum[:4], argon2.IDKey(sum[:], nonce, 1, 64, 1, 4), ssh.ServerConfig{}.NoClientAuth)
}
