#!/bin/bash
# No deadline goes by the clock that is set: nothing that is built here waits by an
# absolute time of CLOCK_REALTIME.
. "$(dirname "$0")/../lib.sh"

by_realtime='pthread_(cond|mutex)_timed|pthread_rwlock_timed|sem_timedwait|mq_timed|pthread_timedjoin'
for f in "$GOAUDIT_BUILD"/lib*.so "$GOAUDIT_BUILD/goaudit"; do
	nm -D --undefined-only "$f" >symbols
	! grep -E "$by_realtime" symbols || fail "$f waits by CLOCK_REALTIME"
done
nm -D --undefined-only "$AUDIT" | grep pthread_cond_clockwait >/dev/null || fail "it does not wait at all?"
if [ -d "$ROOT/audit" ]; then
	! grep -rnE 'time\(NULL\) *\+' "$ROOT/audit" "$ROOT/dlbind" --include='*.[ch]' ||
		fail "a deadline by the clock that is set"
fi
# The control: such a wait is seen.
cc_so control.so -pthread <<'C'
#include <pthread.h>
int f(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *t) { return pthread_cond_timedwait(c, m, t); }
C
nm -D --undefined-only control.so | grep -E "$by_realtime" >/dev/null || fail "the control is not seen"
