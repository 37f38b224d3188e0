#!/bin/bash
# Flags, which std keeps in maps without a lock, and other registers of std are used
# by package inits and by other code of the program while generations are unloaded
# that have some of their own: nothing crashes, nobody's flag is lost.
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
	"sync"
	"sync/atomic"
)

var (
	stop          atomic.Bool
	users         sync.WaitGroup
	defined, used int
)

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
build_guests flags plain user
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

int main(int argc, char **argv)
{
	void *user, *flags, *plain;
	pthread_t t;

	reloads = atoi(argv[1]);
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
expect_output run_audited ./host "${RELOADS:-150}" <<'END'
lost: 0
END
