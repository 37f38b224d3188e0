#include "loader/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../dlbind/private.h"
#include "core/cancel.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "goaudit.h"
#include "loader/loader.h"

#define KIND "goaudit"

/* Removes what crashed processes have left. */
static void collect(struct loader *ld, const char *root)
{
	DIR *dir = opendir(root);
	struct dirent *e;
	int claim;

	while (dir && (e = readdir(dir))) {
		claim = private_claim(dirfd(dir), e->d_name, KIND);
		if (claim < 0)
			continue;
		private_discard(dirfd(dir), e->d_name, claim);
		log_line(ld->core, "%s/%s: removed: left by a process that is gone", root,
			 e->d_name);
	}
	if (dir)
		closedir(dir);
}

static bool choose_root(struct loader *ld, char *root, size_t size)
{
	char absolute[PATH_MAX];

	if (ld->core->settings.snapshots) {
		/* Asked for: no second choice. */
		if ((size_t)snprintf(root, size, "%s", ld->core->settings.snapshots) >= size ||
		    !private_folder(root) || !realpath(root, absolute) ||
		    strlen(absolute) >= size)
			return false;
		strcpy(root, absolute);
		return true;
	}
	return private_root("goaudit", root, size);
}

/* One of this process's folders that lies in `root` and is there. */
static struct process_folder *folder_in(const struct process_folders *s, const char *root)
{
	size_t n = strlen(root);
	struct process_folder *f;
	struct stat st;

	for (f = __atomic_load_n(&s->all, __ATOMIC_ACQUIRE); f; f = f->next)
		if (strncmp(f->own->path, root, n) == 0 && f->own->path[n] == '/' &&
		    lstat(f->own->path, &st) == 0 && S_ISDIR(st.st_mode) &&
		    st.st_uid == geteuid())
			return f;
	return NULL;
}

static struct process_folder *make_folder(struct loader *ld, const char *root)
{
	struct process_folder *f = calloc(1, sizeof *f);

	collect(ld, root);
	if (f)
		f->own = private_make(root, KIND);
	if (!f || !f->own) {
		error_set(ld->core,
			  "%s: cannot make a folder for snapshots: %m: free "
			  "space, or name another one in GOAUDIT_SNAPSHOTS",
			  root);
		free(f);
		return NULL;
	}
	snprintf(f->made, sizeof f->made, "%s" FOLDER_MADE, f->own->path);
	if (ld->core->settings.keep)
		private_keep(f->own);
	return f;
}

bool folder_choose(struct loader *ld)
{
	struct process_folders *s = &ld->folders;
	struct process_folder *f, *old;
	char root[200];
	bool made;

	if (!choose_root(ld, root, sizeof root)) {
		error_set(ld->core,
			  "%s: not a folder that only this user can enter and "
			  "run programs from: remove it, or name another one in "
			  "GOAUDIT_SNAPSHOTS",
			  root);
		return false;
	}
	f = folder_in(s, root);
	made = !f;
	if (made)
		f = make_folder(ld, root);
	if (!f)
		return false;
	pthread_mutex_lock(&ld->core->lock);
	if (made) {
		/* Two threads may have made one each: both stay. */
		old = s->all;
		f->next = old;
		f->own->next = old ? old->own : NULL;
		__atomic_store_n(&s->all, f, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&s->current, f, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ld->core->lock);
	return true;
}

struct process_folder *folder_current(struct loader *ld)
{
	struct process_folders *s = &ld->folders;
	struct process_folder *f = __atomic_load_n(&s->current, __ATOMIC_ACQUIRE);

	/* Who has become another user does not run what the last one could exchange. */
	if ((!f || f->own->user != geteuid()) && !folder_choose(ld))
		return NULL;
	return __atomic_load_n(&s->current, __ATOMIC_ACQUIRE);
}

bool folder_is_out_of_reach(int error)
{
	return error == ENOENT || error == EACCES || error == EPERM || error == EROFS;
}

void folder_remove_place(const char *file)
{
	char place[512];
	struct dirent *e;
	DIR *dir;

	snprintf(place, sizeof place, "%s", file);
	*strrchr(place, '/') = 0;
	if (rmdir(place) == 0 || errno != ENOTEMPTY)
		return;
	dir = opendir(place);
	while (dir && (e = readdir(dir)))
		unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(place);
}

const char *folder_made(struct loader *ld)
{
	struct process_folder *f = NULL;

	errno = ESHUTDOWN;
	if (!ld->core->exiting)
		f = folder_current(ld);
	if (f && mkdir(f->made, 0700) != 0 && errno != EEXIST) {
		f = folder_is_out_of_reach(errno) && folder_choose(ld) ? folder_current(ld) :
									 NULL;
		if (f && mkdir(f->made, 0700) != 0 && errno != EEXIST)
			f = NULL;
	}
	return f ? f->made : NULL;
}

/* The folder that a snapshot's name lies in; NULL: it is none. */
static struct process_folder *folder_of(const struct loader *ld, const char *name)
{
	struct process_folder *f;
	size_t n;

	for (f = __atomic_load_n(&ld->folders.all, __ATOMIC_ACQUIRE); f; f = f->next) {
		n = strlen(f->own->path);
		if (strncmp(name, f->own->path, n) == 0 && name[n] == '/' &&
		    strncmp(name + n, FOLDER_MADE "/", sizeof FOLDER_MADE) != 0)
			return f;
	}
	return NULL;
}

bool folder_has(const struct loader *ld, const char *name)
{
	return folder_of(ld, name) != NULL;
}

bool folder_lost(const struct loader *ld, const char *name)
{
	const struct process_folder *f = folder_of(ld, name);

	return f && faccessat(AT_FDCWD, name, R_OK, AT_EACCESS) != 0 &&
	       (errno == EACCES || faccessat(AT_FDCWD, f->own->path, X_OK, AT_EACCESS) != 0);
}

/* N of ROOT/goaudit-PID.STARTTIME/HASH.N/NAME. */
static uint64_t serial_of(const struct process_folder *f, const char *file)
{
	const char *dot = strchr(file + strlen(f->own->path), '.');

	return dot ? strtoull(dot + 1, NULL, 10) : 0;
}

/* In a forked child: takes locks of its own in place of those that it shares with its
 * relatives.  Is it the folder's only user now?  With core.lock. */
static bool is_alone_locked(struct loader *ld, struct private_own *own)
{
	int fd = private_lock_file(own);
	void *held = NULL;
	bool alone;

	if (fd < 0)
		return false;
	if (private_lock(fd, F_RDLCK, 0, ld->folders.inherited + 1))
		held = private_hold(dup(fd));
	alone = held != NULL;
	if (alone) {
		private_release(&own->inherited);
		private_release(&own->held);
		own->held = held;
		alone = private_lock(fd, F_WRLCK, 0, 0);
	}
	if (alone) {
		private_lock(fd, F_UNLCK, 1, 0);
		private_lock(fd, F_RDLCK, 0, 1);
	}
	close(fd);
	return alone;
}

/* May a forked child, or whom this process was forked from, need the snapshot?  With
 * core.lock. */
static bool is_needed_locked(struct loader *ld, const struct snapshot_left *l)
{
	struct process_folders *s = &ld->folders;

	if (l->serial <= s->inherited && is_alone_locked(ld, l->folder->own))
		s->inherited = 0;
	return l->serial <= s->inherited || l->serial <= s->unheld ||
	       private_is_held(l->folder->own, l->serial);
}

/* Takes what nobody needs any more out of the list.  With core.lock. */
static struct snapshot_left *take_unneeded_locked(struct loader *ld)
{
	struct snapshot_left **link = &ld->folders.left, *l, *unneeded = NULL;

	while ((l = *link)) {
		if (is_needed_locked(ld, l)) {
			link = &l->next;
			continue;
		}
		*link = l->next;
		l->next = unneeded;
		unneeded = l;
	}
	return unneeded;
}

void folder_remove(struct loader *ld, const char *file)
{
	struct process_folder *f = folder_of(ld, file);
	struct snapshot_left *l, *next;

	if (ld->core->settings.keep || !f)
		return;
	/* Out of memory: it stays until the end. */
	l = malloc(sizeof *l + strlen(file) + 1);
	if (!l)
		return;
	l->folder = f;
	l->serial = serial_of(f, file);
	strcpy(l->file, file);
	pthread_mutex_lock(&ld->core->lock);
	l->next = ld->folders.left;
	ld->folders.left = l;
	l = take_unneeded_locked(ld);
	pthread_mutex_unlock(&ld->core->lock);
	for (; l; l = next) {
		next = l->next;
		unlink(l->file);
		folder_remove_place(l->file);
		free(l);
	}
}

void folder_finish(struct loader *ld)
{
	struct process_folder *f = __atomic_load_n(&ld->folders.all, __ATOMIC_ACQUIRE);

	if (f)
		private_finish(f->own, KIND);
}

/* A mapping with the locks of all snapshots that the child will have. */
static void *hold_for_child(struct loader *ld, const struct process_folder *f)
{
	struct process_folders *s = &ld->folders;
	int fd = s->serial ? private_lock_file(f->own) : -1;
	struct snapshot_left *l;

	if (fd < 0)
		return NULL;
	if (!private_lock(fd, F_RDLCK, 1, s->serial)) {
		close(fd);
		return NULL;
	}
	for (l = s->left; l; l = l->next)
		if (l->folder == f)
			private_lock(fd, F_UNLCK, l->serial, 1);
	return private_hold(fd);
}

void folder_forking(struct loader *ld)
{
	struct process_folders *s = &ld->folders;
	CANCEL_OFF();

	for (struct process_folder *f = s->all; f; f = f->next) {
		f->own->forking = hold_for_child(ld, f);
		/* No descriptor, say.  From a folder out of reach nothing is removed. */
		if (!f->own->forking && !folder_is_out_of_reach(errno))
			s->unheld = s->serial;
	}
}

void folder_forked_parent(struct loader *ld)
{
	for (struct process_folder *f = ld->folders.all; f; f = f->next)
		private_release(&f->own->forking);
}

void folder_forked_child(struct loader *ld)
{
	struct process_folders *s = &ld->folders;

	s->inherited = s->serial;
	s->unheld = 0;
	s->left = NULL; /* the parent's to remove */
	for (struct process_folder *f = s->all; f; f = f->next) {
		private_release(&f->own->inherited);
		f->own->inherited = f->own->forking;
		f->own->forking = NULL;
	}
}
