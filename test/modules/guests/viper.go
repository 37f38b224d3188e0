// require github.com/spf13/viper v1.21.0
package main

import (
	"strings"

	"github.com/spf13/viper"
)

func test() string {
	v := viper.New()
	v.SetConfigType("yaml")
	check(v.ReadConfig(strings.NewReader("hello:\n  name: you\n")))
	var c struct{ Hello struct{ Name string } }
	check(v.Unmarshal(&c))
	return "hello " + c.Hello.Name
}
