#include "api/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/globs.h"
#include "api/goaudit.h"
#include "core/arch.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "dlbind.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "guest/stamp.h"
#include "loader/host.h"
#include "reload/needed.h"
#include "reload/reload.h"

/* A build is done when its file has been left alone for so long. */
#define QUIET_NS 20000000ull

/* As many as the kernel follows (path_resolution(7)). */
#define LINKS_MAX 40

/* What appears in a folder, and what is written there. */
#define APPEARS (IN_CREATE | IN_MOVED_TO)
#define WRITTEN (IN_CLOSE_WRITE | IN_MODIFY)

/* A part of the file's name: a folder, and what of it leads on.  Any of them may be
 * replaced: a symbolic link turned, a folder moved away and made again. */
struct part {
	int wd; /* inotify's number of the folder */
	char name[NAME_MAX + 1];
};

/* A file as it was when it was looked at last. */
struct seen {
	char *name;
	bool there;
	struct file_stamp stamp;
};

struct watch {
	struct goaudit *ga;
	struct watch *next;
	struct guest *guest;
	void *handle;
	goaudit_watch_function *callback; /* NULL: by GOAUDIT_WATCH */
	void *arg;
	int events;        /* inotify, on the folders of `part` */
	int stop;          /* eventfd */
	struct part *part; /* malloc'ed */
	unsigned n, room;
	struct seen *seen; /* its file and those that it needs, malloc'ed */
	unsigned files;
	const void *thread; /* who runs it, for a stop from the callback */
	bool ended;         /* the thread is about to return; with ga->core.lock */
	bool parents;       /* it runs in the process that this one was forked
					 * from; with ga->core.lock */
	bool abandoned;     /* it frees the watch itself; with ga->core.lock */
};

static void forget(struct seen *seen, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(seen[i].name);
	free(seen);
}

static void free_watch(struct watch *w)
{
	if (w->events >= 0)
		close(w->events);
	if (w->stop >= 0)
		close(w->stop);
	forget(w->seen, w->files);
	free(w->part);
	free(w);
}

/* --- the way to a file ------------------------------------------------------ */

struct way {
	char at[PATH_MAX]; /* resolved so far, "" is the root */
	char rest[PATH_MAX];
	char link[PATH_MAX];
};

/* Returns 0 or an error number. */
static int add_part(struct watch *w, const char *folder, const char *name, bool last)
{
	struct part *more;
	int wd;

	if (w->n == w->room) {
		more = realloc(w->part, (w->room + 16) * sizeof *more);
		if (!more)
			return ENOMEM;
		w->part = more;
		w->room += 16;
	}
	wd = inotify_add_watch(w->events, *folder ? folder : "/",
			       APPEARS | (last ? WRITTEN : 0) | IN_MASK_ADD | IN_ONLYDIR);
	if (wd < 0)
		/* What may be passed and not read is not seen to change. */
		return errno == EACCES && !last ? 0 : errno;
	w->part[w->n].wd = wd;
	text_copy(w->part[w->n++].name, sizeof w->part->name, name);
	return 0;
}

/* Puts a link's text in front of the rest.  false: too long. */
static bool follow_link(struct way *way, ssize_t length)
{
	size_t rest = strlen(way->rest);

	if (length + rest + 2 > PATH_MAX)
		return false;
	memmove(way->rest + length + 1, way->rest, rest + 1);
	memcpy(way->rest, way->link, length);
	way->rest[length] = '/';
	if (way->link[0] == '/')
		way->at[0] = 0;
	return true;
}

/* The next part of the rest, moved to `name`.  false: it is the end, or too long. */
static bool next_part(struct way *way, char *name)
{
	size_t skip = strspn(way->rest, "/");
	size_t n = strcspn(way->rest + skip, "/");

	if (!n || n > NAME_MAX)
		return false;
	memcpy(name, way->rest + skip, n);
	name[n] = 0;
	memmove(way->rest, way->rest + skip + n, strlen(way->rest + skip + n) + 1);
	return true;
}

/* Watches all folders on the way to a file; the way may end early, where something is
 * missing.  Returns 0 or an error number. */
static int add_way(struct watch *w, const char *file, struct way *way)
{
	char name[NAME_MAX + 1];
	unsigned links = 0;
	int error;

	way->at[0] = 0;
	text_copy(way->rest, sizeof way->rest, file);
	while (next_part(way, name)) {
		size_t n = strlen(way->at);
		ssize_t length;

		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			if (n)
				*strrchr(way->at, '/') = 0;
			continue;
		}
		/* First the watch, then the look: nothing is missed between them. */
		error = add_part(w, way->at, name, !way->rest[strspn(way->rest, "/")]);
		if (error)
			return error == ENOENT || error == ENOTDIR ? 0 : error;
		if (n + strlen(name) + 2 > PATH_MAX)
			return ENAMETOOLONG;
		way->at[n] = '/';
		strcpy(way->at + n + 1, name);
		length = readlink(way->at, way->link, sizeof way->link);
		if (length < 0)
			continue; /* no link, or nothing at all */
		way->at[n] = 0;
		if (++links > LINKS_MAX || !follow_link(way, length))
			return ELOOP;
	}
	return 0;
}

static bool is_watched(const struct watch *w, int wd)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->part[i].wd == wd)
			return true;
	return false;
}

static struct seen *find_seen(struct seen *seen, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(seen[i].name, name) == 0)
			return &seen[i];
	return NULL;
}

static bool look_at(struct seen *file)
{
	struct file_stamp before = file->stamp;
	bool was_there = file->there;
	struct stat st;

	file->there = stat(file->name, &st) == 0;
	if (!file->there)
		return false;
	file->stamp = stamp_of(&st);
	return !was_there || !stamp_same(&before, &file->stamp);
}

/* Learns which files there are now; what is known of one already stays.  Returns 0 or
 * ENOMEM. */
static int list_files(struct watch *w)
{
	unsigned n;
	char **names = needed_names(&w->ga->reloads, w->guest, &n);
	struct seen *seen = names ? calloc(n, sizeof *seen) : NULL, *known;

	for (unsigned i = 0; i < n && names; i++) {
		if (!seen) {
			free(names[i]);
			continue;
		}
		seen[i].name = names[i];
		known = find_seen(w->seen, w->files, names[i]);
		if (known) {
			seen[i].there = known->there;
			seen[i].stamp = known->stamp;
		} else {
			look_at(&seen[i]);
		}
	}
	free(names);
	if (!seen)
		return ENOMEM;
	forget(w->seen, w->files);
	w->seen = seen;
	w->files = n;
	return 0;
}

/* Watches the ways to the files as they are now.  Returns 0 or an error number. */
static int follow(struct watch *w)
{
	struct way *way = malloc(sizeof *way);
	struct part *old = w->part;
	unsigned n = w->n;
	int error = way ? list_files(w) : ENOMEM;

	w->part = NULL;
	w->n = w->room = 0;
	for (unsigned i = 0; i < w->files && !error; i++)
		error = add_way(w, w->seen[i].name, way);
	for (unsigned i = 0; i < n; i++)
		if (!is_watched(w, old[i].wd))
			inotify_rm_watch(w->events, old[i].wd);
	free(old);
	free(way);
	return error;
}

/* --- waiting ---------------------------------------------------------------- */

/* Is a file another one than at the last look?  One that is not there is none. */
static bool look(struct watch *w)
{
	bool changed = false;

	for (unsigned i = 0; i < w->files; i++)
		changed |= look_at(&w->seen[i]);
	return changed;
}

/* Has one of the events to do with the file? */
static bool read_events(struct watch *w)
{
	_Alignas(struct inotify_event) char buffer[4096];
	ssize_t n = read(w->events, buffer, sizeof buffer);
	const struct inotify_event *e;
	bool ours = false, moved = false;

	for (ssize_t at = 0; at < n; at += sizeof *e + e->len) {
		e = (const void *)(buffer + at);
		moved |= (e->mask & IN_Q_OVERFLOW) != 0;
		for (unsigned i = 0; e->len && i < w->n; i++)
			if (e->wd == w->part[i].wd && strcmp(e->name, w->part[i].name) == 0) {
				ours = true;
				moved |= (e->mask & APPEARS) != 0;
			}
	}
	if (moved)
		follow(w);
	return ours || moved;
}

/* Waits for a change and for the end of changes.  What happens to other files of the
 * folders puts nothing off.  false: stopped. */
static bool wait_for_change(struct watch *w)
{
	struct pollfd fds[2] = {
		{ .fd = w->events, .events = POLLIN },
		{ .fd = w->stop, .events = POLLIN },
	};
	bool changed = false;
	uint64_t quiet = 0, now;
	int n, wait = -1;

	for (;;) {
		n = poll(fds, 2, wait);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0 && fds[1].revents)
			return false;
		now = clock_ns();
		if (n > 0 && fds[0].revents && read_events(w)) {
			changed = true;
			quiet = now + QUIET_NS;
		}
		if (changed && now >= quiet) {
			if (look(w))
				return true;
			changed = false;
		}
		wait = changed ? (int)((quiet - now + 999999) / 1000000) : -1;
	}
}

/* By GOAUDIT_WATCH: has it been told to stop, since the program has closed the guest? */
static bool is_told(struct watch *w)
{
	bool told;

	pthread_mutex_lock(&w->ga->core.lock);
	told = w->abandoned;
	pthread_mutex_unlock(&w->ga->core.lock);
	return told;
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
		error_clear(&ga->core);
		h = reload_reload(&ga->reloads, w->handle, NULL);
		if (!h)
			text_copy(text, sizeof text, error_take(&ga->core));
		follow(w); /* it may need others now */
		if (w->callback)
			w->callback(w->handle, h ? NULL : text, w->arg);
		else if (!h && !is_told(w))
			log_line(&ga->core, "%s", text);
	}
	pthread_mutex_lock(&ga->core.lock);
	w->ended = true;
	abandoned = w->abandoned;
	pthread_cond_broadcast(&ga->core.changed);
	pthread_mutex_unlock(&ga->core.lock);
	if (abandoned) {
		registry_release(&ga->guests, w->guest);
		free_watch(w);
	}
	return NULL;
}

/* The guest of an open lasting handle; NULL, with dlerror set, if it is none. */
static struct guest *watchable(struct goaudit *ga, const void *handle)
{
	struct guest *guest;
	bool open;

	pthread_mutex_lock(&ga->core.lock);
	guest = registry_find_lasting_locked(&ga->guests, handle);
	open = guest && guest_is_open_locked(guest);
	if (open)
		registry_keep_locked(&ga->guests, guest); /* until it is not watched */
	pthread_mutex_unlock(&ga->core.lock);
	if (open)
		return guest;
	error_set(&ga->core,
		  "%p: not an open handle of a reloadable object: open it with "
		  "RTLD_RELOADABLE, without RTLD_RAW, first",
		  handle);
	return NULL;
}

/* Takes the watch of a handle out of the list, the program's own or that by GOAUDIT_WATCH.
 * NULL: there is none. */
static struct watch *take_locked(struct goaudit *ga, const void *handle, bool own)
{
	struct watch **p, *w;

	for (p = &ga->watches; *p && ((*p)->handle != handle || !(*p)->callback == own);)
		p = &(*p)->next;
	w = *p;
	if (w)
		*p = w->next;
	return w;
}

/* Its thread ends, and frees it where it is abandoned. */
static void tell_locked(struct watch *w)
{
	uint64_t one = 1;

	if (!w->parents && write(w->stop, &one, sizeof one) != sizeof one)
		w->ended = true;
}

/* Those by GOAUDIT_WATCH, as a rule one: nobody waits for its thread, which may want ld.so's
 * lock. */
static void abandon(struct goaudit *ga, const void *handle)
{
	struct watch *w;
	bool mine;

	do {
		pthread_mutex_lock(&ga->core.lock);
		w = take_locked(ga, handle, false);
		mine = w && w->ended;
		if (w) {
			w->abandoned = true;
			tell_locked(w);
		}
		pthread_mutex_unlock(&ga->core.lock);
		if (mine) {
			registry_release(&ga->guests, w->guest);
			free_watch(w);
		}
	} while (w);
}

static int begin(struct goaudit *ga, void *handle, goaudit_watch_function *callback, void *arg)
{
	struct guest *guest = watchable(ga, handle);
	struct watch *w = guest ? calloc(1, sizeof *w) : NULL;
	int error = 0;

	if (!guest)
		return -1;
	if (w) {
		*w = (struct watch){ .ga = ga,
				     .guest = guest,
				     .handle = handle,
				     .callback = callback,
				     .arg = arg };
		w->stop = eventfd(0, EFD_CLOEXEC);
		w->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		error = w->stop < 0 || w->events < 0 ? errno : follow(w);
	}
	if (w && !error)
		error = host_start_thread(&ga->loader, watch_thread, w);
	if (!w || error) {
		errno = w ? error : ENOMEM;
		error_set(&ga->core, "%s: cannot be watched: %m: see inotify(7) for the limits",
			  guest->path);
		if (w)
			free_watch(w);
		registry_release(&ga->guests, guest);
		return -1;
	}
	pthread_mutex_lock(&ga->core.lock);
	w->next = ga->watches;
	ga->watches = w;
	pthread_mutex_unlock(&ga->core.lock);
	return 0;
}

/* The descriptors are the parent's, too: its thread must not be told to stop. */
void watch_forked(struct goaudit *ga)
{
	const void *self = arch_thread_pointer();

	for (struct watch *w = ga->watches; w; w = w->next)
		w->parents = w->ended = w->thread != self;
}

int watch_start(struct goaudit *ga, void *handle, goaudit_watch_function *callback, void *arg)
{
	if (begin(ga, handle, callback, arg) != 0)
		return -1;
	abandon(ga, handle);
	return 0;
}

void watch_opened(struct goaudit *ga, void *handle)
{
	const char *globs = ga->core.settings.watch;
	struct guest *guest;
	bool wanted;

	if (!globs)
		return;
	pthread_mutex_lock(&ga->core.lock);
	guest = registry_find_lasting_locked(&ga->guests, handle);
	wanted = guest && !guest->raw && guest->serving &&
		 (globs_match(globs, guest->path) || globs_match(globs, guest->name));
	for (struct watch *w = ga->watches; wanted && w; w = w->next)
		wanted = w->handle != handle || w->parents;
	pthread_mutex_unlock(&ga->core.lock);
	if (wanted && begin(ga, handle, NULL, NULL) != 0)
		log_line(&ga->core, "%s", error_take(&ga->core));
}

void watch_closed(struct goaudit *ga, void *handle)
{
	struct guest *guest;
	bool closed;

	if (!ga->core.settings.watch)
		return;
	pthread_mutex_lock(&ga->core.lock);
	guest = registry_find_lasting_locked(&ga->guests, handle);
	closed = !guest || !guest_is_open_locked(guest);
	pthread_mutex_unlock(&ga->core.lock);
	if (closed)
		abandon(ga, handle);
}

int watch_stop(struct goaudit *ga, void *handle)
{
	struct watch *w;
	bool own;

	pthread_mutex_lock(&ga->core.lock);
	w = take_locked(ga, handle, true);
	if (!w) {
		pthread_mutex_unlock(&ga->core.lock);
		error_set(&ga->core, "%p: is not watched: start with goaudit_watch", handle);
		return -1;
	}
	own = w->thread == arch_thread_pointer();
	w->abandoned = own;
	tell_locked(w);
	while (!own && !w->ended)
		pthread_cond_wait(&ga->core.changed, &ga->core.lock);
	pthread_mutex_unlock(&ga->core.lock);
	if (!own) {
		registry_release(&ga->guests, w->guest);
		free_watch(w);
	}
	return 0;
}
