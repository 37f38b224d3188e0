// require github.com/google/uuid v1.6.0
package main

import (
	"fmt"

	"github.com/google/uuid"
)

func test() string {
	return fmt.Sprint(uuid.NewSHA1(uuid.NameSpaceDNS, []byte("example.com")), uuid.New() != uuid.New())
}
