// Calls with memory that is not there, and calls that do not exist.
package main

import (
	"fmt"
	"syscall"
	"unsafe"
)

func main() {
	for _, n := range []uintptr{syscall.SYS_STAT, syscall.SYS_FSTAT, syscall.SYS_SIGACTION, syscall.SYS_OPEN, syscall.SYS_GETRLIMIT, syscall.SYS_KEVENT} {
		a := [3]uintptr{1, 8, 8}
		switch n {
		case syscall.SYS_STAT:
			path := []byte("/\x00")
			a[0] = uintptr(unsafe.Pointer(&path[0]))
		case syscall.SYS_OPEN:
			a[0] = 8
		case syscall.SYS_KEVENT:
			a[2] = 1
		}
		_, _, e := syscall.Syscall6(n, a[0], a[1], a[2], 8, 1, 8)
		fmt.Print(int(e), " ")
	}
	fmt.Println()
	for _, n := range []uintptr{syscall.SYS_MLOCKALL + 11, syscall.SYS_JAIL, syscall.SYS_JAIL, 599, 5000} {
		_, _, e := syscall.Syscall(n, 0, 0, 0)
		fmt.Print(int(e), " ")
	}
	fmt.Println()
	fmt.Println(syscall.ENOSYS, "|", syscall.EAGAIN, "|", syscall.Errno(45))
}
