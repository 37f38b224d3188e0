#!/bin/bash
# Flags, which std keeps in maps without a lock, and other registers of std are used
# by package inits and by other code of the program while generations are unloaded
# that have some of their own: nothing crashes, nobody's flag is lost.  Control: an
# unload that does not care who is in the midst of an operation on a map.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

export GODEBUG=clobberfree=1	# gccheckmark stops the world too long for this

go_file flags/main.go <<'GO'
package main

import "C"

import (
	"encoding/gob"
	"expvar"
	"flag"
	"strconv"
)

var build = "build:one"

type shape struct{ N int }

func init() {
	for i := 0; i < 40; i++ {
		flag.Int("guest-"+strconv.Itoa(i), i, build)
	}
	flag.Set("guest-7", "77")
	gob.Register(shape{})
	expvar.NewInt("guest-count")
	if build[6] == 'x' {
		panic("a bad build")
	}
}

//export Flags
func Flags() (n int64) {
	for i := 0; i < 40; i++ {
		if f := flag.Lookup("guest-" + strconv.Itoa(i)); f != nil && f.Usage == build {
			n++
		}
	}
	if flag.Lookup("guest-7").Value.String() != "77" {
		return -1
	}
	return
}

func main() {}
GO
# Flags of another name for each; the host closes them while the user sets one.
go_file many/main.go <<'GO'
package main

import "C"

import (
	"flag"
	"strconv"
)

var name = "many:A"

func init() {
	for i := 0; i < 40; i++ {
		flag.Int(name+"-"+strconv.Itoa(i), i, name)
		flag.Set(name+"-"+strconv.Itoa(i), "1")
	}
}

//export Flags
func Flags() {}

func main() {}
GO
go_file plain/main.go <<'GO'
package main

import "C"

var build = "build:one"

//export Build
func Build() *C.char { return C.CString(build) }

func main() {}
GO
go_file user/main.go <<'GO'
package main

import "C"

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"expvar"
	"flag"
	"io"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	stop, enough  atomic.Bool
	users         sync.WaitGroup
	defined, used int
)

// A name that takes long to compare: who sets it is in the midst of writing to a map
// for most of the time, and who walks over all flags meets that.
const length = 8 << 20

func set() {
	names := [2]string{strings.Repeat("x", length), strings.Repeat("x", length)}
	flag.Int(names[0], 0, "a flag of the user")
	for i := 0; i < 20000; i++ {
		name := "set-" + strconv.Itoa(i)
		flag.Int(name, i, "a flag of the user")
		flag.Set(name, "7")
	}
	users.Done()
	for i := 0; !enough.Load(); i++ {
		if flag.Set(names[i%2], strconv.Itoa(i)) != nil {
			panic("set")
		}
		if i%2 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	users.Done()
}

//export Set
func Set() {
	users.Add(1)
	go set()
	users.Wait()
	users.Add(1)
}

// Returns how many of the flags that were set are not there.
//
//export Enough
func Enough() (lost int64) {
	enough.Store(true)
	users.Wait()
	lost = 20001
	flag.Visit(func(f *flag.Flag) {
		if f.Value.String() == "7" || len(f.Name) == length {
			lost--
		}
	})
	return
}

// As is the rule, one thread at a time uses flags: the one that loads the guest
// which defines some.
//
//export Flags
func Flags() {
	for i := 0; i < 200; i++ {
		if defined < 3000 {
			flag.Int("user-"+strconv.Itoa(defined), i, "a flag of the user")
			defined++
		}
		name := "user-" + strconv.Itoa(i*7%defined)
		if flag.Set(name, strconv.Itoa(i)) != nil || flag.Lookup(name) == nil {
			panic(name)
		}
		if i%20 == 0 {
			flag.VisitAll(func(f *flag.Flag) { used++ })
			flag.Visit(func(f *flag.Flag) { used++ })
		}
	}
}

func others() {
	for i := 0; !stop.Load(); i++ {
		t := reflect.StructOf([]reflect.StructField{{
			Name: "F" + strconv.Itoa(i%500), Type: reflect.TypeOf([5]int32{}),
		}})
		v := reflect.New(t)
		var b bytes.Buffer
		for _, err := range []error{
			gob.NewEncoder(&b).EncodeValue(v),
			gob.NewDecoder(&b).DecodeValue(v),
			json.NewEncoder(io.Discard).Encode(v.Interface()),
			xml.NewEncoder(io.Discard).Encode([]int{i}),
			binary.Write(io.Discard, binary.LittleEndian, v.Interface()),
		} {
			if err != nil {
				panic(err)
			}
		}
		expvar.Do(func(kv expvar.KeyValue) { _ = kv.Value.String() })
		if i < 500 {
			expvar.NewInt("user-" + strconv.Itoa(i))
		}
	}
}

//export Use
func Use() {
	users.Add(1)
	go func() { others(); users.Done() }()
}

// Returns how many of its flags are not there.
//
//export Rest
func Rest() (lost int64) {
	stop.Store(true)
	users.Wait()
	for i := 0; i < defined; i++ {
		if flag.Lookup("user-"+strconv.Itoa(i)) == nil {
			lost++
		}
	}
	return
}

func main() {}
GO
build_guests flags many plain user
for n in B C D E F G H; do variant many.so many$n.so many:A many:$n; done
mv many.so manyA.so
for g in flags plain; do
	variant $g.so $g.2 build:one build:two
	variant $g.so $g.bad build:one build:xxx
	cp $g.so $g.1
done

cc_host host -pthread <<'C'
#include "gohost.h"
#include <pthread.h>

static int reloads;
static void (*use_flags)(void);

/* Each of the guests is reloaded on a thread of its own. */
static void *reload(void *guest)
{
	char path[64], file[64];
	void *h;

	snprintf(path, sizeof path, "./%s.so", (char *)guest);
	h = open_guest(path);
	for (int i = 1; i <= reloads; i++) {
		int bad = i % 10 == 9 && strcmp(guest, "flags") == 0;

		snprintf(file, sizeof file, "%s.%s", (char *)guest, bad ? "bad" : i % 2 ? "2" : "1");
		replace(file, path);
		CHECK((dlreload(h) == NULL) == bad);
		if (strcmp(guest, "flags") == 0) {
			CHECK(((long (*)(void))find(h, "Flags"))() == 40);
			use_flags();
		}
	}
	return h;
}

/* Closes guests with flags while another goroutine sets one. */
static void while_set(void)
{
	void *user, *h[8];
	char path[32];

	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof path, "./many%c.so", 'A' + i);
		h[i] = dlopen(path, RTLD_NOW);	/* to be unloaded */
		CHECK(h[i]);
	}
	user = open_guest("./user.so");
	((void (*)(void))find(user, "Set"))();
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof path, "./many%c.so", 'A' + i);
		close_guest(h[i]);
		CHECK(goaudit_reclaim(NULL, -1) == 0);
		check_gone(path + 2, 1);
	}
	printf("lost while set: %ld\n", ((long (*)(void))find(user, "Enough"))());
	fflush(stdout);
}

int main(int argc, char **argv)
{
	void *user, *flags, *plain;
	pthread_t t;

	reloads = atoi(argv[1]);
	while_set();
	user = open_guest("./user.so");
	((void (*)(void))find(user, "Use"))();
	use_flags = (void (*)(void))find(user, "Flags");
	CHECK(pthread_create(&t, NULL, reload, "plain") == 0);
	flags = reload("flags");
	CHECK(pthread_join(t, &plain) == 0);
	printf("lost: %ld\n", ((long (*)(void))find(user, "Rest"))());
	CHECK(((long (*)(void))find(flags, "Flags"))() == 40);
	close_guest(flags);
	close_guest(plain);
	CHECK(goaudit_reclaim(NULL, -1) == 0);
	return 0;
}
C
expect_output run_audited ./host "${RELOADS:-80}" <<'END'
lost while set: 0
lost: 0
END

# GO_UNLINK_NO_BETWEEN
{ GOAUDIT_TEST_UNLINK=$((1 << 28)) LD_AUDIT=$GOAUDIT_BUILD/test/switches/libgoaudit.so \
	./host 0 >control.txt 2>&1 </dev/null && fail "it goes well without: $(cat control.txt)"; } 2>/dev/null
grep -q '^fatal error: concurrent map' control.txt || fail "$(cat control.txt)"
