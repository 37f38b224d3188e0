// require github.com/klauspost/compress v1.18.0
package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

func test() string {
	text := []byte(strings.Repeat("hello you ", 100))
	e := must(zstd.NewWriter(nil))
	d := must(zstd.NewReader(nil))
	z := must(d.DecodeAll(e.EncodeAll(text, nil), nil))
	check(e.Close())
	d.Close()
	s := must(s2.Decode(nil, s2.Encode(nil, text)))
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	must(w.Write(text))
	check(w.Close())
	g := must(io.ReadAll(must(gzip.NewReader(&b))))
	return fmt.Sprint(bytes.Equal(z, text), bytes.Equal(s, text), bytes.Equal(g, text))
}
