#include "api/control.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/goaudit.h"
#include "core/control.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "goaudit-debug.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/records.h"
#include "guest/registry.h"
#include "loader/host.h"
#include "reload/reload.h"

/* Who reads no answer for so long is given up. */
#define PATIENCE_S 10

static bool is_named(const struct guest *guest, const char *name)
{
	return !*name || strcmp(guest->path, name) == 0 ||
	       strcmp(path_base(guest->path), name) == 0;
}

/* The open guests of a name, kept; *n of them.  NULL: out of memory. */
static struct guest **keep_named(struct goaudit *ga, const char *name, size_t *n)
{
	struct guest **kept;
	size_t room = 1;

	*n = 0;
	pthread_mutex_lock(&ga->core.lock);
	for (struct guest *g = ga->guests.registry.guests; g; g = g->next)
		room++;
	kept = malloc(room * sizeof(struct guest *));
	for (struct guest *g = kept ? ga->guests.registry.guests : NULL; g; g = g->next)
		if (!g->raw && guest_is_open_locked(g) && is_named(g, name)) {
			registry_keep_locked(&ga->guests, g);
			kept[(*n)++] = g;
		}
	pthread_mutex_unlock(&ga->core.lock);
	return kept;
}

static unsigned number_of(struct goaudit *ga, const struct guest *guest)
{
	unsigned number;

	pthread_mutex_lock(&ga->core.lock);
	number = guest->serving ? guest->serving->info->number : 0;
	pthread_mutex_unlock(&ga->core.lock);
	return number;
}

/* Sends up to three texts with their NULs as one packet. */
static bool answer(int fd, const char *kind, const char *path, const char *text)
{
	char packet[CONTROL_PACKET_MAX];
	size_t n = 0;

	for (const char *const *t = (const char *const[]){ kind, path, text, NULL }; *t; t++) {
		size_t size = strnlen(*t, sizeof packet - n - 1);

		memcpy(packet + n, *t, size);
		n += size;
		packet[n++] = 0;
		if (n == sizeof packet)
			break;
	}
	return send(fd, packet, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool reload_one(struct goaudit *ga, int fd, struct guest *guest)
{
	unsigned before = number_of(ga, guest), after;
	char text[ERROR_TEXT_MAX];
	bool good;

	error_clear(&ga->core);
	good = reload_reload(&ga->reloads, &guest->handle, NULL);
	after = number_of(ga, guest);
	if (good)
		snprintf(text, sizeof text, "%u", after);
	else
		text_copy(text, sizeof text, error_take(&ga->core));
	return answer(fd,
		      !good           ? "failed" :
		      after == before ? "same" :
					"new",
		      guest->path, text);
}

static void reload_named(struct goaudit *ga, int fd, const char *name)
{
	size_t n;
	struct guest **all = keep_named(ga, name, &n);
	bool heard = true;
	char count[24];

	for (size_t i = 0; i < n; i++) {
		heard = heard && reload_one(ga, fd, all[i]);
		registry_release(&ga->guests, all[i]);
	}
	free(all);
	snprintf(count, sizeof count, "%zu", n);
	if (!all)
		answer(fd, CONTROL_FAILED, name, "out of memory: try again");
	answer(fd, CONTROL_END, count, NULL);
}

static bool may_ask(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static void serve(struct goaudit *ga, int fd)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	char request[CONTROL_PACKET_MAX + 1];
	ssize_t n;

	if (!may_ask(fd))
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	n = recv(fd, request, CONTROL_PACKET_MAX, 0);
	if (n <= 0)
		return;
	request[n] = 0;
	/* What a later release may ask besides gets no answer here. */
	if (n > (ssize_t)sizeof CONTROL_RELOAD && strcmp(request, CONTROL_RELOAD) == 0)
		reload_named(ga, fd, request + sizeof CONTROL_RELOAD);
}

/* A host may close all descriptors and open its own under the same numbers: theirs are not
 * accepted from. */
static bool is_still(const struct control *c)
{
	struct stat st;

	return fstat(c->socket, &st) == 0 && st.st_dev == c->device && st.st_ino == c->inode;
}

static void publish(struct goaudit *ga, const char *name)
{
	pthread_mutex_lock(&ga->core.lock);
	records_begin_locked();
	text_copy(goaudit_debug.control, sizeof goaudit_debug.control, name);
	records_end_locked();
	pthread_mutex_unlock(&ga->core.lock);
}

static void *control_thread(void *arg)
{
	struct goaudit *ga = arg;
	struct control *c = &ga->control;

	while (is_still(c)) {
		int fd = accept4(c->socket, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			break;
		if (fd < 0)
			continue;
		serve(ga, fd);
		close(fd);
	}
	publish(ga, "");
	log_line(&ga->core, "goaudit reload is not answered any more: the program has closed "
			    "the descriptor: it is when a guest is opened again");
	__atomic_store_n(&c->begun, false, __ATOMIC_RELEASE);
	return NULL;
}

/* Returns 0 or an error number. */
static int listen_at(struct control *c, char *name, size_t size)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t length = sizeof at;
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	if (bind(fd, (struct sockaddr *)&at, sizeof at.sun_family) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &length) != 0 || listen(fd, 8) != 0 ||
	    fstat(fd, &st) != 0) {
		int error = errno;

		close(fd);
		return error;
	}
	/* Behind a NUL, and without one at the end. */
	snprintf(name, size, "%.*s", (int)(length - offsetof(struct sockaddr_un, sun_path) - 1),
		 at.sun_path + 1);
	c->socket = fd;
	c->device = st.st_dev;
	c->inode = st.st_ino;
	return 0;
}

void control_start(struct goaudit *ga)
{
	struct control *c = &ga->control;
	char name[sizeof goaudit_debug.control];
	int error;

	if (!ga->core.settings.control ||
	    __atomic_exchange_n(&c->begun, true, __ATOMIC_ACQ_REL))
		return;
	error = listen_at(c, name, sizeof name);
	if (!error) {
		publish(ga, name);
		error = host_start_thread(&ga->loader, control_thread, ga);
	}
	if (!error)
		return;
	if (*goaudit_debug.control) {
		publish(ga, "");
		close(c->socket);
	}
	__atomic_store_n(&c->begun, false, __ATOMIC_RELEASE);
	log_line(&ga->core, "goaudit reload is not answered: %s: free descriptors or threads",
		 strerror(error));
}

void control_forked(struct goaudit *ga)
{
	struct control *c = &ga->control;

	if (!c->begun)
		return;
	if (is_still(c))
		close(c->socket);
	records_begin_locked();
	goaudit_debug.control[0] = 0;
	records_end_locked();
	c->begun = false;
}
