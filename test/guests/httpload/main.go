// Load for the HTTP example: four clients, a server, and reloads of its handlers.
//
//	httpload RELOADS BUILDS handlers.so COMMAND...
//
// COMMAND is the server, which serves handlers.so; BUILDS/00 to BUILDS/09 are builds of
// it that differ in "generation NN".  The clients run without reloads, with, and without again.
// Each answer is compared with its question, and must be of a generation that was
// current at some time between the two.  It ends with status 1 and a text if anything
// is wrong.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	clients = 4
	builds  = 10
	quiet   = 4000 // requests without reloads, before and after
	between = 40   // requests from one reload to the next, at least
)

var (
	begun, done atomic.Int64 // reloads
	requests    atomic.Int64
	reloading   atomic.Bool
	stop        atomic.Bool
)

func fail(format string, a ...any) {
	fmt.Printf("httpload: "+format+"\n", a...)
	os.Exit(1)
}

// A server is the process under test and the lines that it prints.
type server struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func start(argv []string) (*server, string) {
	s := &server{cmd: exec.Command(argv[0], argv[1:]...)}
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		fail("%v", err)
	}
	s.lines = bufio.NewScanner(out)
	return s, strings.TrimPrefix(s.line(), "listening on ")
}

func (s *server) line() string {
	if !s.lines.Scan() {
		fail("the server has ended: %v", s.cmd.Wait())
	}
	return s.lines.Text()
}

// resident returns its resident memory in KB.
func (s *server) resident() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		fail("%v", err)
	}
	pages, _ := strconv.Atoi(strings.Fields(string(text))[1])
	return pages * os.Getpagesize() / 1024
}

// put brings a file in, as a build would.
func put(b []byte, err error, file string) {
	if err == nil {
		err = os.WriteFile(file+".new", b, 0o755)
	}
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		fail("%v", err)
	}
}

func (s *server) reload(n int64, from, file string) {
	b, err := os.ReadFile(filepath.Join(from, fmt.Sprintf("%02d", n%builds)))
	put(b, err, file)
	begun.Store(n)
	s.cmd.Process.Signal(syscall.SIGHUP)
	if text := s.line(); text != "reloaded" {
		fail("reload %d: %s", n, text)
	}
	done.Store(n)
}

// refuse has the server try half a file: the current generation goes on.
func (s *server) refuse(from, file string) {
	b, err := os.ReadFile(filepath.Join(from, "00"))
	put(b[:len(b)/2], err, file)
	s.cmd.Process.Signal(syscall.SIGHUP)
	if text := s.line(); !strings.HasPrefix(text, "not reloaded: ") {
		fail("half a file: %s", text)
	}
}

var answer = regexp.MustCompile(`^hello (\S+) from generation (\d\d), request \d+\n$`)

func ask(c *http.Client, address, name, path string) time.Duration {
	oldest, at := done.Load(), time.Now()
	r, err := c.Get("http://" + address + path)
	if err != nil {
		fail("%s: %v", path, err)
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	took := time.Since(at)
	newest := begun.Load()
	m := answer.FindSubmatch(body)
	if err != nil || r.StatusCode != 200 || m == nil || string(m[1]) != name ||
		r.Header.Get("X-Generation") != "generation "+string(m[2]) {
		fail("%s: status %d, %v, %v: %s", path, r.StatusCode, err, r.Header, body)
	}
	g, _ := strconv.ParseInt(string(m[2]), 10, 64)
	for n := oldest; n%builds != g; n++ {
		if n >= newest {
			fail("%s: generation %d, current were %d to %d", path, g, oldest, newest)
		}
	}
	return took
}

// client asks until it is told to stop; each 50th request is a slow one, which is not
// timed, over a connection of its own.
func client(id int, address string, quiet, busy *[]time.Duration) {
	c := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	defer c.CloseIdleConnections()
	var slow sync.WaitGroup
	defer slow.Wait()
	for n := 0; !stop.Load(); n++ {
		name := fmt.Sprintf("%d-%d", id, n)
		into := quiet
		if reloading.Load() {
			into = busy
		}
		*into = append(*into, ask(c, address, name, "/hello/"+name))
		requests.Add(1)
		if n%50 == 0 {
			slow.Add(1)
			go func() {
				defer slow.Done()
				ask(c, address, "slow", "/slow")
			}()
		}
	}
}

func show(what string, all []time.Duration) {
	slices.Sort(all)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	fmt.Printf("%-16s %7d requests: median %8.1f us, 99%% %9.1f us, worst %9.1f us\n", what,
		len(all), us(all[len(all)/2]), us(all[len(all)*99/100]), us(all[len(all)-1]))
}

func await(n int64) {
	for n += requests.Load(); requests.Load() < n; {
		time.Sleep(100 * time.Microsecond)
	}
}

func main() {
	reloads, err := strconv.ParseInt(os.Args[1], 10, 64)
	if err != nil || reloads < 20 {
		fail("RELOADS: a number, at least 20")
	}
	from, file := os.Args[2], os.Args[3]
	s, address := start(os.Args[4:])
	var wg sync.WaitGroup
	var calm, busy [clients][]time.Duration
	for i := range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			client(i, address, &calm[i], &busy[i])
		}()
	}
	await(quiet)
	var early, late int
	reloading.Store(true)
	for n := int64(1); n <= reloads; n++ {
		s.reload(n, from, file)
		if n%10 == 0 {
			s.refuse(from, file)
		}
		await(between)
		switch r := s.resident(); {
		case n > reloads/4 && n <= reloads/2:
			early = max(early, r)
		case n > reloads*3/4 && (late == 0 || r < late):
			late = r
		}
	}
	reloading.Store(false)
	await(quiet)
	stop.Store(true)
	wg.Wait()
	s.cmd.Process.Signal(syscall.SIGTERM)
	left := s.line()
	if err := s.cmd.Wait(); err != nil {
		fail("the server ends with %v", err)
	}
	show("without reloads", slices.Concat(calm[:]...))
	show(fmt.Sprint(reloads, " reloads"), slices.Concat(busy[:]...))
	fmt.Printf("resident: %d KB at most in the second quarter, %d KB at least in the last\n", early, late)
	fmt.Println(left)
	if left != "old generations left: 0" {
		fail("generations are held")
	}
	if late > early+1024 {
		fail("memory grows")
	}
}
