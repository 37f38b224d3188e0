// Package own registers a name with each register of std's that others can write to, and
// says what answers under it.
package own

import (
	"archive/zip"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"database/sql/driver"
	"encoding/gob"
	"errors"
	"expvar"
	"flag"
	"fmt"
	"hash"
	"image"
	"io"
	"math/big"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/rpc"
	"reflect"
	"runtime/pprof"
	"strings"
	"time"
)

var build string

type drv struct{}

func (drv) Open(string) (driver.Conn, error) { return nil, errors.New(build) }

type trip struct{}

func (trip) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New(build) }

// Service is one of net/rpc's.
type Service struct{}

// Who answers a call.
func (*Service) Who(_ int, reply *string) error { *reply = build; return nil }

type sum struct{ hash.Hash }

func (sum) Sum([]byte) []byte { return []byte(build) }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New(build) }
func (failing) Close() error             { return nil }

type message struct{ N int }

// Register registers all of them, as of a build.
func Register(b string) {
	build = b
	sql.Register("own", drv{})
	http.HandleFunc("GET /own/{"+wildcard()+"}", handle)
	http.Handle("/own", http.StripPrefix("/own", http.HandlerFunc(handle)))
	image.RegisterFormat("own", "OWN!",
		func(io.Reader) (image.Image, error) { return nil, errors.New(build) },
		func(io.Reader) (image.Config, error) { return image.Config{}, errors.New(build) })
	x509.SetFallbackRoots(roots())
	pprof.NewProfile("own").Add(&build, 0)
	zip.RegisterCompressor(99, func(io.Writer) (io.WriteCloser, error) { return nil, errors.New(build) })
	zip.RegisterDecompressor(99, func(io.Reader) io.ReadCloser { return failing{} })
	http.DefaultTransport.(*http.Transport).RegisterProtocol("own", trip{})
	if err := rpc.RegisterName("Own", new(Service)); err != nil {
		panic(err)
	}
	mime.AddExtensionType(".own", "own/"+strings.Replace(build, ":", ".", 1))
	mime.AddExtensionType(".zip", "own/"+strings.Replace(build, ":", ".", 1))
	crypto.RegisterHash(crypto.MD4, func() hash.Hash { return sum{} })
	flag.String("own", build, "a flag")
	gob.RegisterName("own", message{})
	expvar.NewString("own").Set(build)
}

// wildcard makes patterns of two builds differ, and conflict.
func wildcard() string { return build[len(build)-3:] }

func handle(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, build) }

func roots() *x509.CertPool {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: build},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

func get(path string) string {
	w := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code == http.StatusNotFound {
		return "none"
	}
	return w.Body.String()
}

func called() (reply string) {
	here, there := net.Pipe()
	done := make(chan bool)
	go func() {
		rpc.ServeConn(there)
		close(done)
	}()
	c := rpc.NewClient(here)
	defer func() {
		c.Close()
		<-done
	}()
	if c.Call("Own.Who", 0, &reply) != nil {
		return "none"
	}
	return reply
}

func unzipped() string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.CreateRaw(&zip.FileHeader{Name: "f", Method: 99, CompressedSize64: 0})
	w.Close()
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		return err.Error()
	}
	f, err := r.File[0].Open()
	if err != nil {
		return "none"
	}
	_, err = f.Read(make([]byte, 1))
	return err.Error()
}

func decoded() string {
	var b bytes.Buffer
	v := any(message{1})
	if err := gob.NewEncoder(&b).Encode(&v); err != nil {
		return "none"
	}
	v = nil
	if gob.NewDecoder(&b).Decode(&v); v == nil {
		return "none"
	} else if reflect.TypeOf(v) != reflect.TypeFor[message]() {
		return "another's"
	}
	return build
}

// Names says what answers, all that say the same together.
func Names() string {
	said := map[string][]string{}
	var order []string
	say := func(what, who string) {
		who = strings.Replace(strings.TrimPrefix(who, "own/"), ".", ":", 1)
		if said[who] == nil {
			order = append(order, who)
		}
		said[who] = append(said[who], what)
	}
	failed := func(what string, err error, none string) {
		who := "none"
		if err != nil && !strings.Contains(err.Error(), none) {
			who = err.Error()
		}
		say(what, who[strings.LastIndexByte(who, '"')+1:])
	}

	db, err := sql.Open("own", "")
	if err == nil {
		err = db.Ping()
		db.Close()
	}
	failed("sql", err, "unknown driver")
	say("mux", get("/own/x"))
	say("mux", get("/own"))
	_, _, err = image.Decode(strings.NewReader("OWN!...."))
	failed("image", err, "unknown format")
	who := "none"
	if pool, err := x509.SystemCertPool(); err == nil {
		for _, s := range pool.Subjects() {
			if i := strings.Index(string(s), "build:"); i >= 0 {
				who = string(s[i : i+9])
			}
		}
	}
	say("x509", who)
	who = "none"
	if p := pprof.Lookup("own"); p != nil {
		var b bytes.Buffer
		p.WriteTo(&b, 1)
		who = "another's"
		if p.Count() == 1 && holdsMine(p) {
			who = build
		}
	}
	say("pprof", who)
	_, err = zip.NewWriter(io.Discard).CreateHeader(&zip.FileHeader{Name: "f", Method: 99})
	failed("zip", err, "unsupported")
	say("unzip", unzipped())
	_, err = http.DefaultTransport.RoundTrip(httptest.NewRequest("GET", "own://x/", nil))
	failed("transport", err, "unsupported protocol")
	say("rpc", called())
	if who = mime.TypeByExtension(".own"); who == "" {
		who = "none"
	}
	say("mime", who)
	if who = mime.TypeByExtension(".zip"); who == "application/zip" {
		who = "none"
	}
	say("mime", who)
	who = "none"
	if crypto.MD4.Available() {
		who = string(crypto.MD4.New().Sum(nil))
	}
	say("crypto", who)
	who = "none"
	if f := flag.Lookup("own"); f != nil {
		who = f.Value.String()
	}
	say("flag", who)
	say("gob", decoded())
	who = "none"
	if v := expvar.Get("own"); v != nil {
		who = strings.Trim(v.String(), `"`)
	}
	say("expvar", who)

	var text []string
	for _, who := range order {
		text = append(text, fmt.Sprintf("%s: %s", who, strings.Join(said[who], " ")))
	}
	return strings.Join(text, "; ")
}

// holdsMine: removing the build's own value changes the count.
func holdsMine(p *pprof.Profile) bool {
	p.Remove(&build)
	mine := p.Count() == 0
	if mine {
		p.Add(&build, 0)
	}
	return mine
}
