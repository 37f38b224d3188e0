#!/bin/bash
# signal.Notify in a guest gets the signal, and after signal.Stop the guest can
# be unmapped; the host's own handler for another signal stays in place.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file signals/main.go <<'GO'
package main

import "C"

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

const generation = "generation 1"

//export Test
func Test() *C.char {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	got := <-c
	signal.Stop(c)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGUSR2)
	syscall.Kill(os.Getpid(), syscall.SIGUSR2)
	<-ctx.Done()
	stop()
	out, err := exec.Command("/bin/echo", "child").CombinedOutput()
	return C.CString(fmt.Sprintf("%s %v %v %q %v", generation, got, ctx.Err(), out, err))
}

func main() {}
GO
build_guest signals.so signals
mv signals.so signals.1
variant signals.1 signals.2 "generation 1" "generation 2"
{
	sed 's/^int main(.*/static int cycle_main(int argc, char **argv)/' "$HOSTS/cycle.c"
	cat <<'C'
#include <signal.h>
static volatile sig_atomic_t hups;
static void on_hup(int s) { hups++; }
int main(int argc, char **argv)
{
	signal(SIGHUP, on_hup);
	cycle_main(argc, argv);
	raise(SIGHUP);
	printf("the host's handler ran: %d\n", hups);
	return 0;
}
C
} | cc_host host
expect_output run_audited ./host signals <<'E'
generation 1 user defined signal 1 context canceled "child\n" <nil>
generation 2 user defined signal 1 context canceled "child\n" <nil>
generation 2 user defined signal 1 context canceled "child\n" <nil>
generation 1 user defined signal 1 context canceled "child\n" <nil>
generation 1 user defined signal 1 context canceled "child\n" <nil>
guests in the runtime: 1
the host's handler ran: 1
E
