/* Clocks. */
#include "dfly.h"
#include "handlers.h"

#include <time.h>

/* DragonFly's sys/_clock_id.h; -1: no such clock. */
static int clock_to_linux(uint64_t id)
{
	static const int8_t to[] = {
		[0] = CLOCK_REALTIME,
		[1] = CLOCK_PROCESS_CPUTIME_ID, /* VIRTUAL */
		[2] = CLOCK_PROCESS_CPUTIME_ID, /* PROF */
		[3] = -1,
		[4] = CLOCK_MONOTONIC,
		[5] = CLOCK_MONOTONIC, /* UPTIME */
		[6] = -1,
		[7] = CLOCK_MONOTONIC,
		[8] = CLOCK_MONOTONIC_COARSE,
		[9] = CLOCK_REALTIME,
		[10] = CLOCK_REALTIME_COARSE,
		[11] = CLOCK_MONOTONIC,
		[12] = CLOCK_MONOTONIC_COARSE,
		[13] = CLOCK_REALTIME_COARSE, /* SECOND */
		[14] = CLOCK_THREAD_CPUTIME_ID,
		[15] = CLOCK_PROCESS_CPUTIME_ID,
	};

	return id < sizeof to ? to[id] : -1;
}

static long with_clock(long number, struct call *c)
{
	int id = clock_to_linux(c->a[0]);

	return id < 0 ? -EINVAL : sys2(number, id, c->a[1]);
}

long do_clock_gettime(struct call *c)
{
	return with_clock(__NR_clock_gettime, c);
}
long do_clock_settime(struct call *c)
{
	return with_clock(__NR_clock_settime, c);
}
long do_clock_getres(struct call *c)
{
	return with_clock(__NR_clock_getres, c);
}

/* select changes its timeout on Linux only. */
long do_select(struct call *c)
{
	struct timeval *from = (struct timeval *)c->a[4], tv;

	if (from != NULL)
		tv = *from;
	return block6(__NR_select, c->a[0], c->a[1], c->a[2], c->a[3],
		      from != NULL ? &tv : NULL, 0);
}

/* Neither of these is made again after a signal, whatever SA_RESTART says. */
long do_nanosleep(struct call *c)
{
	return block3(__NR_nanosleep, c->a[0], c->a[1], 0);
}
long do_poll(struct call *c)
{
	return block3(__NR_poll, c->a[0], c->a[1], (int)c->a[2]);
}
