// require github.com/lmittmann/tint v1.2.1
package main

import (
	"bytes"
	"log/slog"

	"github.com/lmittmann/tint"
)

func test() string {
	var out bytes.Buffer
	log := slog.New(tint.NewHandler(&out, &tint.Options{NoColor: true, TimeFormat: "-"}))
	log.With("name", "you").Info("hello")
	return out.String()
}
