// Signals: received, ignored, blocked in calls, between threads, the numbers' names.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	all := []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGCHLD,
		syscall.SIGWINCH, syscall.SIGINFO, syscall.SIGEMT, syscall.SIGIO, syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGSYS}
	for _, s := range all {
		c := make(chan os.Signal, 1)
		signal.Notify(c, s)
		syscall.Kill(os.Getpid(), s)
		select {
		case got := <-c:
			if got != s {
				fmt.Println("wrong:", got, "for", s)
			}
		case <-time.After(time.Minute):
			fmt.Println("lost:", s)
		}
		signal.Stop(c)
	}
	fmt.Println("received", len(all))

	signal.Ignore(syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println("ignored", signal.Ignored(syscall.SIGUSR1))

	// A read that waits goes on after a signal.
	var p [2]int
	syscall.Pipe(p[:])
	c := make(chan os.Signal, 100)
	signal.Notify(c, syscall.SIGUSR2)
	done := make(chan string)
	go func() {
		runtime.LockOSThread()
		b := make([]byte, 8)
		n, err := syscall.Read(p[0], b)
		done <- fmt.Sprint(string(b[:n]), " ", err)
	}()
	for i := 0; i < 50; i++ {
		syscall.Kill(os.Getpid(), syscall.SIGUSR2)
		<-c
	}
	syscall.Write(p[1], []byte("all"))
	fmt.Println("read", <-done)

	old, _ := os.StartProcess("/bin/sh", []string{"sh", "-c", "trap 'exit 7' USR2; kill -USR2 $$; exit 1"}, &os.ProcAttr{})
	st, err := old.Wait()
	fmt.Println(st, err)

	// The profiler's timer, while something works.
	tv := [2]syscall.Timeval{}
	var before, after syscall.Rusage
	syscall.Getrusage(0, &before)
	for i := 0; i < 3e7; i++ {
		tv[0].Sec += int64(i)
	}
	syscall.Getrusage(0, &after)
	fmt.Println("usage", after.Utime.Nano() >= before.Utime.Nano(), after.Maxrss > 0)
	var lim syscall.Rlimit
	fmt.Println("nofile", syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim), lim.Cur > 0 && lim.Cur <= lim.Max)
	lim.Cur = 100
	fmt.Println(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim), syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim), lim.Cur)
}
