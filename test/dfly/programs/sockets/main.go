// tcp, udp, unix sockets with control messages, sendfile, interfaces, http.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func serve() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Write(b)
	}))
	var wg sync.WaitGroup
	var mu sync.Mutex
	right := 0
	for g := 0; g < 8; g++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < 20; i++ {
				text := strings.Repeat("z", i*1000)
				r, err := http.Post("http://"+l.Addr().String(), "text/plain", strings.NewReader(text))
				check(err)
				b, err := io.ReadAll(r.Body)
				check(err)
				r.Body.Close()
				mu.Lock()
				if string(b) == text {
					right++
				}
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	fmt.Println("http", right)
}

func datagrams() {
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	check(err)
	c, err := net.Dial("udp", u.LocalAddr().String())
	check(err)
	c.Write([]byte("ping"))
	b := make([]byte, 16)
	n, from, err := u.ReadFrom(b)
	fmt.Println("udp", string(b[:n]), from.String() == c.LocalAddr().String(), err)
}

// A file's descriptor goes over a unix socket.
func unix(dir string) {
	path := filepath.Join(dir, "socket")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	check(err)
	f, err := os.CreateTemp(dir, "")
	check(err)
	f.WriteString("through the socket")
	go func() {
		c, err := l.AcceptUnix()
		check(err)
		_, _, err = c.WriteMsgUnix([]byte("m"), syscall.UnixRights(int(f.Fd())), nil)
		check(err)
		c.Close()
	}()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	check(err)
	b, oob := make([]byte, 8), make([]byte, 64)
	n, oobn, flags, _, err := c.ReadMsgUnix(b, oob)
	check(err)
	msgs, err := syscall.ParseSocketControlMessage(oob[:oobn])
	check(err)
	fds, err := syscall.ParseUnixRights(&msgs[0])
	check(err)
	got := os.NewFile(uintptr(fds[0]), "")
	text := make([]byte, 64)
	k, _ := got.ReadAt(text, 0)
	fmt.Println("unix", string(b[:n]), flags, len(fds), string(text[:k]), c.RemoteAddr().String() == path)
	c.SetReadDeadline(time.Now().Add(time.Minute))
	_, err = c.Read(b)
	fmt.Println("then", err)
}

func stream(dir string) {
	data := bytes.Repeat([]byte("0123456789"), 100000)
	path := filepath.Join(dir, "data")
	check(os.WriteFile(path, data, 0644))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() {
		c, err := net.Dial("tcp", l.Addr().String())
		check(err)
		f, err := os.Open(path)
		check(err)
		io.Copy(c, f) // sendfile
		c.Close()
	}()
	c, err := l.Accept()
	check(err)
	got, err := io.ReadAll(c)
	fmt.Println("sendfile", bytes.Equal(got, data), err)
}

func main() {
	dir, err := os.MkdirTemp("", "dfly")
	check(err)
	defer os.RemoveAll(dir)
	serve()
	datagrams()
	unix(dir)
	stream(dir)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	addr := l.Addr().String()
	l.Close()
	_, err = net.Dial("tcp", addr)
	fmt.Println(strings.HasSuffix(err.Error(), "connection refused"))
	_, err = net.Listen("tcp", "192.0.2.1:0")
	fmt.Println(strings.HasSuffix(err.Error(), "assign requested address"))
	a, err := net.ListenTCP("tcp", nil)
	check(err)
	a.SetDeadline(time.Now().Add(time.Millisecond))
	_, err = a.Accept()
	fmt.Println(err.(net.Error).Timeout())
	ifs, err := net.Interfaces()
	check(err)
	for _, i := range ifs {
		if i.Flags&net.FlagLoopback != 0 {
			addrs, err := i.Addrs()
			check(err)
			has := false
			for _, a := range addrs {
				has = has || a.String() == "127.0.0.1/8"
			}
			fmt.Println("loopback", i.Name, i.Index > 0, i.MTU > 0, has, i.Flags&net.FlagUp != 0)
		}
	}
}
