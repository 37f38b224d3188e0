#!/bin/bash
# Rust guests: thread-locals with Drop, threads, panics and statics; each changed build is a
# fresh one, and the last one goes.  In main's thread, which goes on, ld.so would keep all.
. "$(dirname "$0")/../lib.sh"
rustc=$(command -v rustc || echo "$HOME/.cargo/bin/rustc")
"$rustc" --version >/dev/null 2>&1 || skip "no rustc"

cat >guest.rs <<'R'
use std::cell::RefCell;
use std::sync::atomic::{AtomicI32, Ordering};
struct D(i32);
extern "C" { fn host_note(); fn host_wait(); }
impl Drop for D { fn drop(&mut self) { unsafe { host_note() } } }
thread_local! { static LOCAL: RefCell<D> = RefCell::new(D(0)); }
static COUNT: AtomicI32 = AtomicI32::new(0);
#[no_mangle] pub extern "C" fn count() -> i32 { COUNT.fetch_add(1, Ordering::SeqCst) + 1 + if cfg!(second) { 100 } else { 0 } }
#[no_mangle] pub extern "C" fn local() -> i32 { LOCAL.with(|l| { l.borrow_mut().0 += 1; l.borrow().0 }) }
#[no_mangle] pub extern "C" fn joined() -> i32 { std::thread::spawn(|| local()).join().unwrap() }
#[no_mangle] pub extern "C" fn panics() -> i32 {
    std::panic::set_hook(Box::new(|_| {}));
    std::panic::catch_unwind(|| panic!("once")).is_err() as i32
}
#[no_mangle] pub extern "C" fn detached() -> i32 { std::thread::spawn(|| unsafe { host_wait() }); 1 }
R
for v in first second; do
	"$rustc" --edition 2021 -O --crate-type cdylib --cfg $v -o $v.so guest.rs >rustc.log 2>&1 ||
		fail "rustc: $(cat rustc.log)"
done
cc_host host -pthread -rdynamic <<'C'
#include "host.h"
#include <semaphore.h>

static int dropped;
static sem_t begun, go_on;

void host_note(void) { __atomic_add_fetch(&dropped, 1, __ATOMIC_SEQ_CST); }
void host_wait(void) { sem_post(&begun); sem_wait(&go_on); }

static void *next(int i)
{
	void *h;

	replace(i % 2 ? "second.so" : "first.so", "guest.so");
	h = open_guest("./guest.so");
	CHECK(call(h, "count") == 1 + i % 2 * 100);
	return h;
}

int main(int argc, char **argv)
{
	int n = atoi(argv[1]), mapped = 0;
	long rss = 0;
	void *h;

	sem_init(&begun, 0, 0);
	sem_init(&go_on, 0, 0);
	for (int i = 0; i < n; i++) {
		h = next(i);
		CHECK(call(h, "local") == 1);
		CHECK(call(h, "joined") == 1);
		CHECK(call(h, "panics") == 1);
		close_guest(h);
		if (i == n / 2) {
			mapped = maps_with("guest.so");
			rss = rss_kb();
		}
	}
	printf("%s\n", maps_with("guest.so") == mapped ? "mappings flat" : "mappings grow");
	printf("%s\n", rss_kb() - rss < 4 * n ? "memory flat" : "memory grows");
	printf("dropped %s\n", dropped == 2 * n - 1 ? "all but the last" : "not all");
	if (argc > 2)
		return 0;
	h = next(n);
	CHECK(call(h, "detached") == 1);
	sem_wait(&begun);
	close_guest(h);
	h = next(n + 1);
	printf("%d left\n", goaudit_reclaim(NULL, -1));
	sem_post(&go_on);
	while (goaudit_reclaim(NULL, 0))
		usleep(1000);
	puts("gone");
	return 0;
}
C
expect_output run_audited ./host 1000 <<'E'
mappings flat
memory flat
dropped all but the last
1 left
gone
E
expect_no_snapshots

# ld.so counts them, and keeps every generation while the thread lives.
control_module control threads_register <<<'int __wrap_threads_register(void *rl, void (*f)(void *), void *o, void *d) { return 0; }'
LD_AUDIT=$PWD/control/libgoaudit.so ./host 20 control >out 2>&1
grep -qx 'mappings grow' out || fail "the control: $(cat out)"
