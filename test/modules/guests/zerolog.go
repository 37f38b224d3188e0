// require github.com/rs/zerolog v1.35.1
package main

import (
	"bytes"

	"github.com/rs/zerolog"
)

func test() string {
	var out bytes.Buffer
	log := zerolog.New(&out).With().Str("name", "you").Logger()
	log.Info().Int("n", 1).Msg("hello")
	return out.String()
}
