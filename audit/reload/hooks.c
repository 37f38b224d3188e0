#include "reload/hooks.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "adapter/adapter.h"
#include "core/core.h"
#include "core/text.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/records.h"
#include "loader/elf.h"
#include "reload/reloads.h"

void *hooks_find(struct reloads *rl, const struct generation *gen, const char *name)
{
	const struct adapter *a = gen->adapter;

	if (!gen->object.map || (a->runs_here && !a->runs_here(rl->adapters)))
		return NULL;
	return elf_lookup(gen->object.map, name);
}

void hooks_mark_closed(struct reloads *rl, struct generation *gen)
{
	static const char text[] = "its goaudit_close runs";

	if (gen->left || gen->leaver || gen->told || (gen->rolled_back && !gen->started) ||
	    rl->core->exiting || !hooks_find(rl, gen, "goaudit_close"))
		return;
	pthread_mutex_lock(&rl->core->lock);
	gen->told = true;
	gen->kept++;
	gen->tell = true;
	rl->tell++;
	records_begin_locked();
	gen->info->holder = HOLDER_RUNNING;
	text_copy(gen->info->holder_text, sizeof gen->info->holder_text, text);
	text_copy(gen->info->holders, sizeof gen->info->holders, text);
	records_end_locked();
	pthread_mutex_unlock(&rl->core->lock);
}
