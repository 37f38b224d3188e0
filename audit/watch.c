#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "arch.h"
#include "host.h"
#include "reload.h"
#include "state.h"
#include "text.h"

/* A build is done when its file has been left alone for so long. */
#define QUIET_MS 20

struct watch {
	struct goaudit *ga;
	struct watch *next;
	void *handle;
	goaudit_watch_function *callback;
	void *arg;
	int events;			/* inotify, on the file's folder */
	int stop;			/* eventfd */
	const char *name;		/* of the file in it */
	const void *thread;		/* who runs it, for a stop from the callback */
	bool ended;			/* the thread is about to return; with ga->lock */
	bool abandoned;			/* it frees the watch itself; with ga->lock */
};

static void free_watch(struct watch *w)
{
	if (w->events >= 0)
		close(w->events);
	if (w->stop >= 0)
		close(w->stop);
	free(w);
}

/* Has one of the events to do with the file? */
static bool read_events(struct watch *w)
{
	_Alignas(struct inotify_event) char buffer[4096];
	ssize_t n = read(w->events, buffer, sizeof buffer);
	const struct inotify_event *e;
	bool ours = false;

	for (ssize_t at = 0; at < n; at += sizeof *e + e->len) {
		e = (const void *)(buffer + at);
		ours |= (e->len && strcmp(e->name, w->name) == 0) ||
			(e->mask & IN_Q_OVERFLOW);
	}
	return ours;
}

/* Waits for a change and for the end of changes.  false: stopped. */
static bool wait_for_change(struct watch *w)
{
	struct pollfd fds[2] = {
		{ .fd = w->events, .events = POLLIN }, { .fd = w->stop, .events = POLLIN },
	};
	bool changed = false;
	int n;

	for (;;) {
		n = poll(fds, 2, changed ? QUIET_MS : -1);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0 && fds[1].revents)
			return false;
		if (n > 0 && fds[0].revents)
			changed |= read_events(w);
		else if (n == 0 && changed)
			return true;
	}
}

static void *watch_thread(void *arg)
{
	struct watch *w = arg;
	struct goaudit *ga = w->ga;
	char text[1024];
	bool abandoned;
	void *h;

	w->thread = arch_thread_pointer();
	while (wait_for_change(w)) {
		error_clear(ga);
		h = reload_reload(ga, w->handle, NULL);
		if (!h)
			text_copy(text, sizeof text, error_take(ga));
		w->callback(w->handle, h ? NULL : text, w->arg);
	}
	pthread_mutex_lock(&ga->lock);
	w->ended = true;
	abandoned = w->abandoned;
	pthread_cond_broadcast(&ga->changed);
	pthread_mutex_unlock(&ga->lock);
	if (abandoned)
		free_watch(w);
	return NULL;
}

/* The guest of an open lasting handle; NULL, with dlerror set, if it is none. */
static struct guest *watchable(struct goaudit *ga, const void *handle)
{
	struct generation *gen;
	struct guest *guest;
	bool open;

	pthread_mutex_lock(&ga->lock);
	guest = registry_find_lasting(ga, handle);
	gen = guest ? guest->serving : NULL;
	open = gen && gen->info->references;
	pthread_mutex_unlock(&ga->lock);
	if (open)
		return guest;
	error_set(ga, "%p: not an open handle of a reloadable object: open it with "
		  "RTLD_RELOADABLE, without RTLD_RAW, first", handle);
	return NULL;
}

int watch_start(struct goaudit *ga, void *handle, goaudit_watch_function *callback,
		void *arg)
{
	struct guest *guest = watchable(ga, handle);
	struct watch *w = guest ? calloc(1, sizeof *w) : NULL;
	char folder[PATH_MAX], *slash;
	int error = 0;

	if (!guest)
		return -1;
	if (w) {
		*w = (struct watch){ .ga = ga, .handle = handle,
				     .callback = callback, .arg = arg };
		text_copy(folder, sizeof folder, guest->path);
		slash = strrchr(folder, '/');
		w->name = strrchr(guest->path, '/') + 1;
		slash[slash == folder] = 0;
		w->stop = eventfd(0, EFD_CLOEXEC);
		w->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (w->stop < 0 || w->events < 0 ||
		    inotify_add_watch(w->events, folder,
				      IN_CLOSE_WRITE | IN_MOVED_TO | IN_MODIFY |
					      IN_ONLYDIR) < 0)
			error = errno;
	}
	if (w && !error)
		error = host_start_thread(ga, watch_thread, w);
	if (!w || error) {
		errno = w ? error : ENOMEM;
		error_set(ga, "%s: cannot be watched: %m: see inotify(7) for the limits",
			  guest->path);
		if (w)
			free_watch(w);
		return -1;
	}
	pthread_mutex_lock(&ga->lock);
	w->next = ga->watches;
	ga->watches = w;
	pthread_mutex_unlock(&ga->lock);
	return 0;
}

int watch_stop(struct goaudit *ga, void *handle)
{
	struct watch **p, *w;
	uint64_t one = 1;
	bool own;

	pthread_mutex_lock(&ga->lock);
	for (p = &ga->watches; *p && (*p)->handle != handle; p = &(*p)->next)
		;
	w = *p;
	if (!w) {
		pthread_mutex_unlock(&ga->lock);
		error_set(ga, "%p: is not watched: start with goaudit_watch", handle);
		return -1;
	}
	*p = w->next;
	own = w->thread == arch_thread_pointer();
	w->abandoned = own;
	/* In a forked child there is no thread. */
	if (write(w->stop, &one, sizeof one) != sizeof one || ga->forked)
		w->ended = true;
	while (!own && !w->ended)
		pthread_cond_wait(&ga->changed, &ga->lock);
	pthread_mutex_unlock(&ga->lock);
	if (!own)
		free_watch(w);
	return 0;
}
