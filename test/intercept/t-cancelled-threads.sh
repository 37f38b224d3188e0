#!/bin/bash
# A thread with a cancellation pending comes back from every function of the module, and
# leaves no lock behind: each way in (a function by which a thread of the host comes in)
# begins with CANCEL_OFF.  They are taken from the sources: the table of intercepted
# functions, the version script, and what is given to others to call.
. "$(dirname "$0")/../lib.sh"
[ -d "$ROOT/audit" ] || skip "the sources are not here"

cd "$ROOT/audit"
sed -nE '/define TARGETS/,/^$/s/.*T\([0-9]+, "([a-z_0-9]+)", ([a-z_0-9]+),.*/\1 \2/p' api/targets.c >"$TEST_DIR/targets"
sed -n '/^GOAUDIT_1.0/,/^local/p' libgoaudit.map | grep -oE '[a-z_0-9]+;' | tr -d ';' |
	grep -vxE 'goaudit_debug(_event)?' >"$TEST_DIR/exports"
cd "$TEST_DIR"
[ "$(wc -l <targets)" -ge 18 ] || fail "intercepted functions: $(cat targets)"
[ "$(wc -l <exports)" -ge 13 ] || fail "exports: $(cat exports)"
{
	sed 's/.* //; s/^entry_/decide_/' targets
	cat exports
	# fork, exit, a collection, a panic, a module, the entries' library, ld.so's resolvers
	echo before_fork at_exit collected panicked gort_module_found calls_enlist called_in_vain unwound resolve
} | tr ' ' '\n' | sort -u >doors
# begins FILE... : the functions whose text has CANCEL_OFF (before_fork keeps it over the fork)
awk '/^[A-Za-z_].*\(/ && !/;$/ { head = $0; n = split(head, w, /\(/); name = "";
		for (i = 1; i < n && name == ""; i++) { m = split(w[i], v, /[ *]+/); if (v[m] != "__attribute__" && v[m] != "") name = v[m] } }
	/CANCEL_OFF\(\);|= cancel_off\(\)/ { print name }' $(module_sources '*.c') | sort -u >closed
# These two wait for nothing and call nothing: they read a table.
comm -23 doors closed | grep -vxE 'goaudit_(instance|context)_of' >open || :
[ ! -s open ] || fail "doors without CANCEL_OFF: $(tr '\n' ' ' <open)"

cc_so guest.so <<<'int value(void) { return 1; }'
cc_host host -pthread <<'C'
#include "host.h"
#include <pthread.h>
static void *h, *closed;
static int done;
static pthread_key_t key;
static void *idle(void *arg) { return arg; }
static int nothing(struct link_map *m) { return 0; }
#define ALL \
	DO(dlopen, dlopen("./nothing.so", FLAGS)) \
	DO(dlmopen, dlmopen(LM_ID_BASE, "./nothing.so", FLAGS)) \
	DO(dlclose, dlclose(closed)) \
	DO(dlsym, dlsym(h, "nothing")) \
	DO(dlvsym, dlvsym(h, "nothing", "V")) \
	DO(dlerror, dlerror()) \
	DO(dladdr, dladdr(h, &info)) \
	DO(dladdr1, dladdr1(h, &info, &extra, RTLD_DL_LINKMAP)) \
	DO(dlinfo, dlinfo(closed, RTLD_DI_ORIGIN, text)) \
	DO(dlreload, dlreload(closed)) \
	DO(dlreload2, dlreload2(closed, NULL)) \
	DO(goaudit_reclaim, goaudit_reclaim((void *)1, 0)) \
	DO(goaudit_generations, goaudit_generations(NULL, 0, 0)) \
	DO(goaudit_runtime_stats, goaudit_runtime_stats(&runtime, sizeof runtime, 0)) \
	DO(goaudit_last_panic, goaudit_last_panic(text, sizeof text)) \
	DO(goaudit_open_instance, goaudit_open_instance("./none.so", RTLD_NOW, NULL)) \
	DO(goaudit_instance_of, goaudit_instance_of(h)) \
	DO(goaudit_context_of, goaudit_context_of(h)) \
	DO(goaudit_reload_instances, goaudit_reload_instances("./none.so", NULL)) \
	DO(goaudit_watch, goaudit_watch(closed, NULL, NULL)) \
	DO(pthread_create, pthread_create(&other, NULL, idle, NULL)) \
	DO(pthread_key_create, pthread_key_create(&key, NULL)) \
	DO(pthread_key_delete, pthread_key_delete(key))
static const char *const names[] = {
#define DO(name, call) #name,
	ALL
};
#undef DO
static void *ask(void *arg)
{
	static char text[PATH_MAX];
	struct goaudit_runtime runtime;
	Dl_info info;
	pthread_t other;
	void *extra;
	int old;

	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old);
	pthread_cancel(pthread_self());
#define DO(name, call) if (strcmp(arg, #name) == 0) (void)!!call;
	ALL
	done++;
	if (strcmp(arg, "write") == 0 && write(1, "", 0) == 0)
		done = 100;
	pthread_testcancel();
	return NULL;
}
static void run(const char *name)
{
	pthread_t t;
	void *result;

	done = 0;
	CHECK(pthread_create(&t, NULL, ask, (void *)name) == 0 && pthread_join(t, &result) == 0);
	CHECK(result == PTHREAD_CANCELED);
	if (done != 1)
		printf("%s is a cancellation point\n", name);
	alarm(60);
	CHECK(!dlsym(h, "nope") && dlerror() && call(h, "value") == 1);
	CHECK(!dlopen("./nothing.so", FLAGS) && dlerror());
	alarm(0);
}
int main(void)
{
	unsigned n = sizeof names / sizeof *names;

	replace("guest.so", "closed.so");
	h = open_guest("./guest.so");
	closed = open_guest("./closed.so");
	close_guest(closed);
	for (unsigned i = 0; i < n; i++)
		run(names[i]);
	run("write");		/* the control: done is 1, for it ends in write(2) */
	for (unsigned i = 0; i < n; i++)
		puts(names[i]);
	return 0;
}
C
# A log makes them write.
expect_output env GOAUDIT_LOG="$PWD/log" LD_AUDIT="$AUDIT" ./host < <(sed -nE 's/^\tDO\(([a-z_0-9]+),.*/\1/p' "$SCRIPT")
# All that are intercepted are called, but for what goes between the libraries, and what is
# of guests alone.
{ cat actual.txt; printf '%s\n' __cxa_thread_atexit_impl dlbind_relist __cxa_atexit on_exit; } | sort >called
sed 's/ .*//' targets | sort | diff - called || fail "an intercepted function is not tried"
