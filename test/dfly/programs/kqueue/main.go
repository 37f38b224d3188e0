// kqueue by hand, as programs use it that do without Go's net poller.
package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func wait(kq int, d time.Duration) []syscall.Kevent_t {
	out := make([]syscall.Kevent_t, 8)
	ts := syscall.NsecToTimespec(int64(d))
	n, err := syscall.Kevent(kq, nil, out, &ts)
	check(err)
	return out[:n]
}

func main() {
	kq, err := syscall.Kqueue()
	check(err)
	var p [2]int
	check(syscall.Pipe(p[:]))
	set := func(fd, filter, flags int) error {
		var k [1]syscall.Kevent_t
		syscall.SetKevent(&k[0], fd, filter, flags)
		_, err := syscall.Kevent(kq, k[:], nil, nil)
		return err
	}
	check(set(p[0], syscall.EVFILT_READ, syscall.EV_ADD))
	fmt.Println("nothing", len(wait(kq, 0)))
	syscall.Write(p[1], []byte("four"))
	e := wait(kq, time.Minute)
	fmt.Println("level", len(e), int(e[0].Ident) == p[0], e[0].Filter == syscall.EVFILT_READ, e[0].Data, len(wait(kq, 0)))
	check(set(p[0], syscall.EVFILT_READ, syscall.EV_ADD|syscall.EV_CLEAR))
	fmt.Println("edge", len(wait(kq, time.Minute)), len(wait(kq, 0)))
	syscall.Write(p[1], []byte("more"))
	fmt.Println("again", len(wait(kq, time.Minute)), len(wait(kq, 0)))
	check(set(p[0], syscall.EVFILT_READ, syscall.EV_DISABLE))
	syscall.Write(p[1], []byte("x"))
	fmt.Println("disabled", len(wait(kq, 0)))
	check(set(p[0], syscall.EVFILT_READ, syscall.EV_ENABLE))
	fmt.Println("enabled", len(wait(kq, time.Minute)))
	check(set(p[0], syscall.EVFILT_READ, syscall.EV_DELETE))
	fmt.Println("deleted", len(wait(kq, 0)), set(p[0], syscall.EVFILT_READ, syscall.EV_DELETE))
	check(set(p[0], syscall.EVFILT_READ, syscall.EV_ADD|syscall.EV_ONESHOT))
	fmt.Println("oneshot", len(wait(kq, time.Minute)), len(wait(kq, 0)))
	check(set(p[0], syscall.EVFILT_READ, syscall.EV_ADD|syscall.EV_CLEAR))
	syscall.Close(p[1])
	e = wait(kq, time.Minute)
	fmt.Println("eof", e[0].Flags&syscall.EV_EOF != 0)
	dup, _ := syscall.Dup(p[0])
	syscall.Close(p[0])
	fmt.Println("closed", len(wait(kq, 0)))
	syscall.Close(dup)
	fmt.Println("errors", set(999, syscall.EVFILT_READ, syscall.EV_ADD), set(1, syscall.EVFILT_TIMER, syscall.EV_ADD))

	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	check(err)
	check(set(pair[0], syscall.EVFILT_READ, syscall.EV_ADD|syscall.EV_CLEAR))
	check(set(pair[0], syscall.EVFILT_WRITE, syscall.EV_ADD|syscall.EV_CLEAR))
	syscall.Write(pair[1], []byte("y"))
	e = wait(kq, time.Minute)
	fmt.Println("both", len(e) >= 1)
	one := make([]syscall.Kevent_t, 1)
	n, err := syscall.Kevent(kq, nil, one, &syscall.Timespec{})
	fmt.Println("one", n, err)
	_, err = syscall.Kevent(1, nil, one, &syscall.Timespec{})
	fmt.Println("no queue", err)
}
