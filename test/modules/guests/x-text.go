// require golang.org/x/text v0.14.0
package main

import (
	"fmt"

	"golang.org/x/text/cases"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

func test() string {
	words := []string{"zebra", "Äpfel", "apple"}
	collate.New(language.German).SortStrings(words)
	return fmt.Sprint(words, cases.Title(language.Dutch).String("ijsland"), message.NewPrinter(language.German).Sprintf("%d", 1234567))
}
