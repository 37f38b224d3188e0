// require github.com/spf13/cobra v1.10.2
// require github.com/spf13/pflag v1.1.0
package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"
)

func test() string {
	var out bytes.Buffer
	var name string
	root := &cobra.Command{Use: "root"}
	hello := &cobra.Command{Use: "hello", Run: func(c *cobra.Command, args []string) { fmt.Fprint(c.OutOrStdout(), "hello ", name) }}
	hello.Flags().StringVar(&name, "name", "", "who")
	root.AddCommand(hello)
	root.SetOut(&out)
	root.SetArgs([]string{"hello", "--name", "you"})
	check(root.Execute())
	return out.String()
}
