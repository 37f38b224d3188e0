#include "reload/forget.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/core.h"
#include "entry/entry.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/instances.h"
#include "guest/registry.h"
#include "loader/ldso.h"
#include "loader/transaction.h"
#include "reload/recover.h"
#include "reload/reloads.h"
#include "reload/retire.h"

#define FORGET_AT_ONCE 32

struct forget {
	struct reloads *rl;
	struct guest *guest[FORGET_AT_ONCE]; /* that nobody finds any more */
	unsigned n;
	bool more;
};

/* Who uses a guest without core.lock is in a transaction or keeps it. */
static void forget_step(void *arg)
{
	struct forget *f = arg;
	struct reloads *rl = f->rl;
	struct generation *parked;
	struct guest *guest;

	recover(rl);
	if (ldso_validate(rl->loader))
		return;
	for (unsigned i = 0; i < FORGET_AT_ONCE; i++) {
		pthread_mutex_lock(&rl->core->lock);
		guest = registry_surplus_locked(rl->guests);
		parked = guest && guest->live ? guest->current : NULL;
		if (guest && !parked) {
			registry_forget_locked(rl->guests, guest);
			if (guest->instances)
				instances_leave_locked(rl->guests, guest);
			f->guest[f->n++] = guest;
		}
		pthread_mutex_unlock(&rl->core->lock);
		if (!guest)
			return;
		if (parked) {
			retire_generation(rl, parked);
			retire_replaced(rl, guest);
		}
	}
	f->more = true;
}

void forget_surplus(struct reloads *rl)
{
	struct forget f = { .rl = rl, .more = true };

	while (f.more && registry_has_surplus(rl->guests) && !rl->core->exiting) {
		f.n = 0;
		f.more = false;
		transaction_run(rl->loader, forget_step, &f);
		for (unsigned i = 0; i < f.n; i++)
			entry_release(rl->entries, f.guest[i]);
		pthread_mutex_lock(&rl->core->lock);
		for (unsigned i = 0; i < f.n; i++)
			registry_give_locked(rl->guests, f.guest[i]);
		pthread_mutex_unlock(&rl->core->lock);
	}
}
