#include "guard.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cancel.h"
#include "go/protocol.h"
#include "state.h"
#include "text.h"

/* Called on the thread whose call has ended so. */
static void panicked(uint64_t address)
{
	struct goaudit *ga = &goaudit_state;
	struct guard *g = &ga->guard;
	char *mapped = (char *)(uintptr_t)address, *text;
	CANCEL_OFF();

	if (address == 1) {
		text = strdup("panic (out of memory for its text)");
	} else {
		text = strdup(mapped);
		munmap(mapped, GO_PANIC_SIZE);
	}
	goaudit_log(ga, "a call of a guest has ended in a panic: %s", text ? text : "");
	pthread_mutex_lock(&g->lock);
	free(g->kept[g->next].text);
	g->kept[g->next].tid = gettid();
	g->kept[g->next].text = text;
	g->next = (g->next + 1) % GUARD_KEPT;
	pthread_mutex_unlock(&g->lock);
}

int guard_prepare(struct goaudit *ga, const char *guest_path)
{
	struct guard_calls *calls;
	void *entry, *symbol;

	if (__atomic_load_n(&ga->guard.entry, __ATOMIC_ACQUIRE))
		return 0;
	if (!gate_find(ga, "goaudit_guard", &entry) ||
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
	__atomic_store_n(&ga->guard.entry, entry, __ATOMIC_RELEASE);
	return 0;
}

size_t guard_last(struct goaudit *ga, char *text, size_t size)
{
	struct guard *g = &ga->guard;
	const char *found = NULL;
	int tid = gettid();
	size_t n;

	pthread_mutex_lock(&g->lock);
	for (unsigned i = 1; i <= GUARD_KEPT && !found; i++) {
		unsigned k = (g->next + GUARD_KEPT - i) % GUARD_KEPT;

		if (g->kept[k].tid == tid)
			found = g->kept[k].text;
	}
	n = found ? strlen(found) : 0;
	if (size)
		text_copy(text, size, found ? found : "");
	pthread_mutex_unlock(&g->lock);
	return n;
}

void guard_forked(struct goaudit *ga, int tid)
{
	struct guard *g = &ga->guard;

	for (unsigned k = 0; k < GUARD_KEPT; k++)
		g->kept[k].tid = g->kept[k].tid == tid ? gettid() : 0;
}
