// Files and folders.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	return v
}

func check(err error) { must(0, err) }

func main() {
	dir := must(os.MkdirTemp("", "dfly"))
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "a")
	check(os.WriteFile(path, []byte("one\ntwo\n"), 0644))
	f := must(os.OpenFile(path, os.O_APPEND|os.O_RDWR, 0))
	fmt.Fprintln(f, "three")
	must(f.Seek(0, io.SeekStart))
	lines := 0
	for s := bufio.NewScanner(f); s.Scan(); lines++ {
	}
	st := must(f.Stat())
	b := make([]byte, 3)
	must(f.ReadAt(b, 4))
	f.Close()
	fmt.Println("lines", lines, st.Size(), st.Mode(), time.Since(st.ModTime()) < time.Hour, string(b))

	check(os.Symlink("a", filepath.Join(dir, "link")))
	check(os.Link(path, filepath.Join(dir, "hard")))
	check(os.Rename(path, filepath.Join(dir, "b")))
	path = filepath.Join(dir, "b")
	check(os.Chmod(path, 0600))
	check(os.Truncate(path, 5))
	check(os.Chtimes(path, time.Unix(1e9, 5), time.Unix(1e9, 7000)))
	st = must(os.Stat(path))
	fmt.Println("link", must(os.Readlink(filepath.Join(dir, "link"))), st.Size(), st.Mode(), st.ModTime().UnixNano(), st.Sys().(*syscall.Stat_t).Nlink)

	for i := 0; i < 300; i++ {
		check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("many%d", i)), nil, 0644))
	}
	check(os.MkdirAll(filepath.Join(dir, "x/y/z"), 0755))
	walked := 0
	filepath.WalkDir(dir, func(string, fs.DirEntry, error) error { walked++; return nil })
	fmt.Println("entries", len(must(os.ReadDir(dir))), walked)

	_, err := os.Stat("/nonexistent")
	fmt.Println(errors.Is(err, fs.ErrNotExist), err)
	_, err = os.ReadFile(dir)
	fmt.Println(errors.Is(err, syscall.EISDIR), os.Remove(filepath.Join(dir, "x")) != nil)

	check(os.Chdir(dir))
	wd := must(os.Getwd())
	exe := must(os.Executable())
	host := must(os.Hostname())
	fmt.Println(filepath.Base(wd) == filepath.Base(dir), filepath.Base(exe), host != "")

	check(os.Mkdir("t", 0755))
	check(os.Symlink("t/new", "dangling"))
	check(os.Mkdir("dangling/", 0755)) // DragonFly follows the link
	fmt.Println("followed", must(os.Stat("t/new")).IsDir())

	one := must(os.OpenFile("lock", os.O_CREATE|os.O_RDWR, 0644))
	two := must(syscall.Open("lock", syscall.O_RDWR, 0))
	check(syscall.Flock(int(one.Fd()), syscall.LOCK_EX))
	fmt.Println("flock", syscall.Flock(two, syscall.LOCK_EX|syscall.LOCK_NB))
	_, err = syscall.Open("lock", syscall.O_RDWR|syscall.O_EXLOCK|syscall.O_NONBLOCK, 0)
	fmt.Println("exlock", err)
	held := syscall.Flock_t{Type: syscall.F_WRLCK, Start: 3, Len: 4}
	fmt.Println("fcntl", syscall.FcntlFlock(uintptr(two), syscall.F_SETLK, &held))
	var sf syscall.Statfs_t
	fmt.Println("statfs", syscall.Statfs("/", &sf), sf.Blocks > 0)
}
