#include "reload/farewell.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/core.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "loader/host.h"
#include "reload/hooks.h"
#include "reload/reloads.h"
#include "reload/retire.h"

/* The generation is kept for it. */
struct farewell {
	struct reloads *rl;
	struct generation *gen;
	goaudit_close_function *close;
};

static void tell(struct farewell f)
{
	if (f.close)
		f.close();
	retire_let_go(f.rl, f.gen);
}

static void *thread(void *arg)
{
	struct farewell f = *(struct farewell *)arg;

	free(arg);
	tell(f);
	return NULL;
}

static struct generation *next_to_tell(struct reloads *rl)
{
	struct generation *gen;

	pthread_mutex_lock(&rl->core->lock);
	for (gen = rl->guests->registry.live; gen && !gen->tell; gen = gen->next_live)
		;
	if (gen) {
		gen->tell = false;
		rl->tell--;
	}
	pthread_mutex_unlock(&rl->core->lock);
	return gen;
}

void farewell_tell(struct reloads *rl)
{
	struct generation *gen;
	struct farewell f, *its;

	while (__atomic_load_n(&rl->tell, __ATOMIC_RELAXED) && (gen = next_to_tell(rl))) {
		f = (struct farewell){
			rl, gen, (goaudit_close_function *)hooks_find(rl, gen, "goaudit_close")
		};
		its = malloc(sizeof *its);
		if (its)
			*its = f;
		if (!its || host_start_thread(rl->loader, thread, its) != 0) {
			free(its);
			tell(f);
		}
	}
}
