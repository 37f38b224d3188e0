#include "adapter/panic.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/cancel.h"
#include "go/protocol.h"
#include "api/goaudit.h"
#include "core/text.h"

/* Called on the thread whose call has ended so. */
static uint64_t panicked(uint64_t address)
{
	struct goaudit *ga = &goaudit_state;
	struct guard *g = &ga->guard;
	char *mapped = (char *)(uintptr_t)address, *text;
	uint64_t number;
	CANCEL_OFF();

	if (address == 1) {
		text = strdup("panic (out of memory for its text)");
	} else {
		text = strdup(mapped);
		munmap(mapped, GO_PANIC_SIZE);
	}
	goaudit_log(ga, "a call of a guest has ended in a panic: %s", text ? text : "");
	pthread_mutex_lock(&g->lock);
	number = ++g->count;
	free(g->kept[number % GUARD_KEPT].text);
	g->kept[number % GUARD_KEPT].number = number;
	g->kept[number % GUARD_KEPT].text = text;
	pthread_mutex_unlock(&g->lock);
	return number;
}

int guard_prepare(struct goaudit *ga, const char *guest_path)
{
	struct guard_calls *calls;
	void *entry, *last, *symbol;

	if (__atomic_load_n(&ga->guard.entry, __ATOMIC_ACQUIRE))
		return 0;
	if (!gate_find(ga, "goaudit_guard", &entry) ||
	    !gate_find(ga, "goaudit_guard_last", &last) ||
	    !gate_find(ga, "goaudit_guard_calls", &symbol)) {
		error_set(ga, "%s: panics cannot be returned from: "
			  "libgoaudit-entries.so is not beside libgoaudit.so: "
			  "install it", guest_path);
		return -1;
	}
	calls = symbol;
	calls->crosscall2 = ga->gort.crosscall2;
	calls->guard = ga->gort.guard;
	calls->panicked = panicked;
	ga->guard.last = (uint64_t (*)(void))last;
	__atomic_store_n(&ga->guard.entry, entry, __ATOMIC_RELEASE);
	return 0;
}

size_t guard_last(struct goaudit *ga, char *text, size_t size)
{
	struct guard *g = &ga->guard;
	const char *found = NULL;
	uint64_t number = 0;
	size_t n;

	if (__atomic_load_n(&g->entry, __ATOMIC_ACQUIRE))
		number = g->last();
	pthread_mutex_lock(&g->lock);
	if (number && g->kept[number % GUARD_KEPT].number == number)
		found = g->kept[number % GUARD_KEPT].text;
	n = found ? strlen(found) : 0;
	if (size)
		text_copy(text, size, found ? found : "");
	pthread_mutex_unlock(&g->lock);
	return n;
}
