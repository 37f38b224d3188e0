// require golang.org/x/image v0.48.0
package main

import (
	"bytes"
	"fmt"
	"image"

	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	"golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

func test() string {
	var b, t bytes.Buffer
	im := image.NewRGBA(image.Rect(0, 0, 4, 4))
	draw.BiLinear.Scale(im, im.Bounds(), image.White, image.Rect(0, 0, 2, 2), draw.Over, nil)
	check(bmp.Encode(&b, im))
	check(tiff.Encode(&t, im, nil))
	_, one, err := image.Decode(&b)
	check(err)
	_, two, err := image.Decode(&t)
	check(err)
	return fmt.Sprint(one, " ", two)
}
