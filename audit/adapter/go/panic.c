#include "adapter/go/panic.h"

#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "adapter/adapters.h"
#include "adapter/go/gort.h"
#include "core/cancel.h"
#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "dlbind.h"
#include "entry/entry.h"
#include "entry/panic_calls.h"
#include "go/protocol.h"
#include "goaudit.h"

/* panicked has no argument of ours. */
static struct adapters *adapters;

/* The text that is mapped there, malloc'ed. */
static char *take_text(uint64_t address)
{
	char *mapped = (char *)(uintptr_t)address, *text;

	if (address == 1)
		return strdup("panic (out of memory for its text)");
	text = strdup(mapped);
	munmap(mapped, GO_PANIC_SIZE);
	return text;
}

/* Takes the text over; returns its number. */
static uint64_t keep(struct panics *g, char *text)
{
	uint64_t number;

	pthread_mutex_lock(&g->lock);
	number = ++g->count;
	free(g->kept[number % PANICS_KEPT].text);
	g->kept[number % PANICS_KEPT].number = number;
	g->kept[number % PANICS_KEPT].text = text;
	pthread_mutex_unlock(&g->lock);
	return number;
}

/* Called on the thread whose call has ended so. */
static uint64_t panicked(uint64_t address)
{
	struct adapters *ad = adapters;
	CANCEL_OFF();
	char *text = take_text(address);

	log_text(ad->core, "a call of a guest has ended in a panic: ", text ? text : "");
	return keep(&ad->panics, text);
}

void panic_of_init(struct adapters *ad, const char *guest_path, uint64_t stack)
{
	char *text = stack ? take_text(stack) : NULL, subject[PATH_MAX + 2];

	if (!text)
		return;
	snprintf(subject, sizeof subject, "%s: ", guest_path);
	log_text(ad->core, subject, text);
	if (panic_prepare(ad, guest_path) == 0)
		ad->panics.set(keep(&ad->panics, text));
	else
		free(text);
}

int panic_prepare(struct adapters *ad, const char *guest_path)
{
	struct panic_calls *calls;
	void *entry, *last, *set, *symbol;

	if (__atomic_load_n(&ad->panics.entry, __ATOMIC_ACQUIRE))
		return 0;
	if (!entry_symbol(ad->entries, "goaudit_guard", &entry) ||
	    !entry_symbol(ad->entries, "goaudit_guard_last", &last) ||
	    !entry_symbol(ad->entries, "goaudit_guard_set", &set) ||
	    !entry_symbol(ad->entries, "goaudit_guard_calls", &symbol)) {
		error_set(ad->core,
			  "%s: panics cannot be returned from: "
			  "libgoaudit-entries.so is not beside libgoaudit.so: "
			  "install it",
			  guest_path);
		return -1;
	}
	adapters = ad;
	calls = symbol;
	calls->crosscall2 = ad->gort->crosscall2;
	calls->guard = ad->gort->guard;
	calls->panicked = panicked;
	ad->panics.last = (uint64_t(*)(void))last;
	ad->panics.set = (void (*)(uint64_t))set;
	__atomic_store_n(&ad->panics.entry, entry, __ATOMIC_RELEASE);
	return 0;
}

void *panic_entry(void)
{
	return adapters->panics.entry;
}

size_t panic_last(struct adapters *ad, char *text, size_t size)
{
	struct panics *g = &ad->panics;
	const char *found = NULL;
	uint64_t number = 0;
	size_t n;

	if (__atomic_load_n(&g->entry, __ATOMIC_ACQUIRE))
		number = g->last();
	pthread_mutex_lock(&g->lock);
	if (number && g->kept[number % PANICS_KEPT].number == number)
		found = g->kept[number % PANICS_KEPT].text;
	n = found ? strlen(found) : 0;
	if (size)
		text_copy(text, size, found ? found : "");
	pthread_mutex_unlock(&g->lock);
	return n;
}
