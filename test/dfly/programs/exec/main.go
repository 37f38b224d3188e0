// Other programs: native ones, this one, and a script of this one.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "child":
			fmt.Println("child", os.Args[2], "named", filepath.Base(os.Args[0]))
			os.Exit(4)
		case "wait":
			c := make(chan os.Signal, 1)
			signal.Notify(c, syscall.SIGTERM)
			fmt.Println("ready")
			fmt.Println("got", <-c)
			os.Exit(0)
		case "die":
			syscall.Kill(os.Getpid(), syscall.SIGTERM)
			time.Sleep(time.Minute)
		default: // a script's name
			data, _ := os.ReadFile(os.Args[1])
			fmt.Println("script", len(data) > 0)
			os.Exit(0)
		}
	}
	self, _ := os.Executable()
	out, err := exec.Command("/bin/echo", "native").CombinedOutput()
	fmt.Printf("%q %v\n", out, err)
	cat := exec.Command("/bin/cat")
	cat.Stdin = strings.NewReader(strings.Repeat("x", 300000))
	var b bytes.Buffer
	cat.Stdout = &b
	fmt.Println(cat.Run(), b.Len())
	out, err = exec.Command(self, "child", "one").CombinedOutput()
	fmt.Printf("%q %v\n", out, err)
	named := exec.Command(self, "child", "two")
	named.Args[0] = "/another/name"
	out, err = named.CombinedOutput()
	fmt.Printf("%q %v\n", out, err)

	// Numbers of signals in a status are DragonFly's, of native children as well.
	for _, argv := range [][]string{{self, "die"}, {"/bin/sh", "-c", "kill -USR2 $$"}} {
		err = exec.Command(argv[0], argv[1:]...).Run()
		var ee *exec.ExitError
		errors.As(err, &ee)
		fmt.Println(int(ee.Sys().(syscall.WaitStatus).Signal()), err)
	}

	dir, _ := os.MkdirTemp("", "dfly")
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "script")
	os.WriteFile(script, []byte("#!"+self+"\n"), 0755)
	out, err = exec.Command(script).CombinedOutput()
	fmt.Printf("%q %v\n", out, err)

	ctx, cancel := context.WithCancel(context.Background())
	slow := exec.CommandContext(ctx, "/bin/sleep", "60")
	err = slow.Start()
	cancel()
	fmt.Println(err, slow.Wait())
	_, err = exec.LookPath("no-such-program")
	fmt.Println(err)
	fmt.Println(exec.Command(dir).Run() != nil, exec.Command(filepath.Join(dir, "none")).Run() != nil)

	w := exec.Command(self, "wait")
	pipe, _ := w.StdoutPipe()
	w.Start()
	line := make([]byte, 6)
	pipe.Read(line)
	w.Process.Signal(syscall.SIGTERM)
	rest := make([]byte, 64)
	n, _ := pipe.Read(rest)
	fmt.Printf("%q %v\n", rest[:n], w.Wait())
}
