#include "api/open.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/languages.h"
#include "api/globs.h"
#include "api/goaudit.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "dlbind.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/instances.h"
#include "guest/registry.h"
#include "guest/stamp.h"
#include "loader/elf.h"
#include "loader/folder.h"
#include "loader/host.h"
#include "loader/loader.h"
#include "loader/real.h"
#include "loader/transaction.h"
#include "reload/reload.h"
#include "reload/reloads.h"

static bool known_guest(struct goaudit *ga, const char *path, const char *name,
			const struct stat *st)
{
	struct guest *g;
	bool known;

	pthread_mutex_lock(&ga->core.lock);
	g = registry_find_path_locked(&ga->guests, path);
	if (!g && st)
		g = registry_find_file_locked(&ga->guests, st);
	if (!g && name)
		g = registry_find_name_locked(&ga->guests, name);
	known = g && g->current;
	pthread_mutex_unlock(&ga->core.lock);
	return known;
}

/* Is the open file fd, named path, for us to load? */
static bool is_ours(struct goaudit *ga, const char *path, const char *name, int fd,
		    bool flagged)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	if (flagged || globs_mean(ga, path))
		return true;
	return known_guest(ga, path, name, &st) || languages_claim(&ga->adapters, fd);
}

/* The folder of the object that makes a call; for one of ours, that of the
 * user's file. */
static bool caller_folder(struct goaudit *ga, const void *caller, char *out, size_t size,
			  bool *ours)
{
	struct generation *gen;
	const struct link_map *map;
	char *slash;
	ssize_t n;

	pthread_mutex_lock(&ga->core.lock);
	gen = registry_find_address_locked(&ga->guests, (uintptr_t)caller);
	*ours = gen != NULL;
	if (gen)
		registry_origin(gen, out, size);
	pthread_mutex_unlock(&ga->core.lock);
	if (*ours)
		return true;
	map = elf_object_at(caller);
	/* ld.so knows it of every object but the program (elf/dl-object.c),
	 * also when l_name is relative to where the process was then. */
	if (map && map != ga->loader.head)
		return dlinfo((void *)map, RTLD_DI_ORIGIN, out) == 0;
	n = readlink("/proc/self/exe", out, size - 1);
	if (n <= 0 || !map)
		return false;
	out[n] = 0;
	slash = strrchr(out, '/');
	slash[slash == out] = 0;
	return true;
}

/* Paths are large, and hosts have threads with small stacks: they live on the
 * heap for as long as one call takes. */
struct names {
	char path[PATH_MAX];     /* settled */
	char expanded[PATH_MAX]; /* the host's, with $ORIGIN expanded */
	char asked[PATH_MAX];    /* absolute, links not followed */
	char folder[PATH_MAX];
	bool loaded; /* the process has the file already, not from us */
};

/* Expands "$ORIGIN/x".  Other names with a dollar are ld.so's business. */
static bool expand_origin(struct goaudit *ga, const char *file, const void *caller,
			  struct names *names, bool *ours)
{
	size_t skip = path_origin(file);

	if (!skip || strchr(file + skip, '$') || ga->core.settings.secure ||
	    !caller_folder(ga, caller, names->folder, PATH_MAX, ours))
		return false;
	return snprintf(names->expanded, PATH_MAX, "%s%s", names->folder, file + skip) <
	       PATH_MAX;
}

/* realpath, also for a file that is gone: its folder's, and its name. */
static bool settle(const char *file, struct names *names)
{
	const char *base = strrchr(file, '/');
	char *path = names->path, *folder = names->folder;
	size_t n;

	if (realpath(file, path))
		return true;
	if (errno != ENOENT || !base || base - file + 2 > PATH_MAX)
		return false;
	n = base - file + 1;
	memcpy(folder, file, n);
	folder[n] = 0;
	if (!realpath(folder, path) || strlen(path) + strlen(base) >= PATH_MAX)
		return false;
	strcat(path, path[1] ? base : base + 1);
	return true;
}

/* The name that leads to a path, absolute: later it may lead elsewhere.  That of a
 * descriptor says nothing then. */
static void make_absolute(const char *file, const char *path, char *asked)
{
	size_t n = 0;

	while (file[0] == '.' && file[1] == '/')
		file += 2 + strspn(file + 2, "/");
	if (file[0] != '/' && getcwd(asked, PATH_MAX) && asked[0] == '/')
		n = strlen(asked);
	else if (file[0] != '/')
		file = path;
	if (strncmp(file, "/proc/", 6) == 0 || strncmp(file, "/dev/fd/", 8) == 0 ||
	    n + strlen(file) + 2 > PATH_MAX) {
		file = path;
		n = 0;
	}
	if (n)
		asked[n++] = '/';
	strcpy(asked + n, file);
}

/* A host may open by the name that the link map shows.  ld.so would give it a reference
 * that we do not know of. */
static bool is_snapshot(struct goaudit *ga, const char *file, struct names *names)
{
	struct generation *gen;

	if (!folder_has(&ga->loader, file))
		return false;
	pthread_mutex_lock(&ga->core.lock);
	gen = registry_find_snapshot_locked(&ga->guests, file);
	if (gen) {
		text_copy(names->path, PATH_MAX, gen->guest->path);
		text_copy(names->asked, PATH_MAX, gen->guest->name);
	}
	pthread_mutex_unlock(&ga->core.lock);
	return gen != NULL;
}

/* Bits of dlopen's mode that glibc does not know. */
#define OUR_BITS (RTLD_RELOADABLE | RTLD_PANIC_RETURN | RTLD_RAW)

/* Has the process this file already, by whatever name, as an object that is none of
 * ours?  ld.so is asked again only after it has opened others. */
static bool is_loaded(struct goaudit *ga, const char *path, const void *caller)
{
	uint32_t others = __atomic_load_n(&ga->loader.others, __ATOMIC_ACQUIRE);
	struct call call = { .kind = CALL_ASK };
	struct guest *guest;
	bool asked, ours;
	void *h;

	pthread_mutex_lock(&ga->core.lock);
	guest = registry_find_path_locked(&ga->guests, path);
	asked = guest && guest->current && guest->others == others;
	if (guest)
		guest->others = others;
	pthread_mutex_unlock(&ga->core.lock);
	if (asked)
		return false;
	call_push(&ga->loader, &call);
	h = real_dlopen_as(&ga->loader, path, RTLD_LAZY | RTLD_NOLOAD, caller);
	call_pop(&ga->loader, &call);
	if (!h) {
		real_forget_error(); /* that it is not there is no error */
		return false;
	}
	ours = reload_knows(&ga->reloads, h);
	((int (*)(void *))real_dlclose)(h);
	return !ours;
}

/* Opens a file whose path is settled.  false: glibc's. */
static bool open_path(struct goaudit *ga, struct names *names, const char *file, int mode,
		      const void *caller, void **handle)
{
	bool flagged = mode & RTLD_RELOADABLE, ours;
	char *path = names->path;
	struct open_request request = {
		.mode = mode & ~OUR_BITS,
		.panic_return = mode & RTLD_PANIC_RETURN,
		.raw = mode & RTLD_RAW,
	};

	if (is_snapshot(ga, file, names))
		file = path;
	if (file == path)
		; /* settled, and `asked` is set */
	else if (file[0] == '/' && strlen(file) < PATH_MAX && known_guest(ga, file, NULL, NULL))
		strcpy(path, file); /* settled when it was first opened */
	else if (!settle(file, names))
		return false;
	if (file != path)
		make_absolute(file, path, names->asked);
	request.path = path;
	request.name = names->asked;
	request.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (request.fd < 0) {
		/* The file is gone; glibc finds an open object by its name. */
		ours = known_guest(ga, path, NULL, NULL) && errno == ENOENT &&
		       reload_open_existing(&ga->reloads, path, handle);
		return ours;
	}
	ours = is_ours(ga, path, names->asked, request.fd, flagged);
	names->loaded = ours && is_loaded(ga, path, caller);
	ours = ours && !names->loaded;
	if (ours) {
		request.reloadable = flagged || globs_mean(ga, path);
		*handle = reload_open(&ga->reloads, &request);
	}
	close(request.fd);
	return ours;
}

/* Not ours after all, but the host's arguments cannot be passed on as they are;
 * the failure, if it is one, is glibc's own.  What the process has already is what it
 * is; if ld.so loads the object only now, it is no reloadable one, and nobody shall
 * believe that it is. */
static void *pass_on(struct goaudit *ga, const char *file, int mode, bool loaded,
		     const void *caller)
{
	int known = mode & RTLD_RELOADABLE ? mode & ~OUR_BITS : mode;
	void *h = real_dlopen_as(&ga->loader, file, known, caller);

	if (!h || !(mode & RTLD_RELOADABLE))
		return h;
	if (loaded) {
		log_line(&ga->core, "%s: the process has it already, so it is not reloadable",
			 file);
		return h;
	}
	((int (*)(void *))real_dlclose)(h);
	error_set(&ga->core,
		  "%s: its path cannot be settled, so it cannot be reloadable: open it "
		  "by its absolute path",
		  file);
	return NULL;
}

/* A bare name is looked for by ld.so itself, in the caller's name; what it
 * finds is ours to load if it is a guest (open_watch). */
static bool open_bare(struct goaudit *ga, struct names *names, const char *file, int mode,
		      const void *caller, void **handle)
{
	char *path = names->path;
	struct call call = {
		.kind = CALL_WATCH,
		.name = file,
		.flagged = mode & RTLD_RELOADABLE,
		.path = path,
		.asked = names->asked,
	};
	void *h;

	call_push(&ga->loader, &call);
	h = real_dlopen_as(&ga->loader, file, mode & ~OUR_BITS, caller);
	call_pop(&ga->loader, &call);
	if (call.found) {
		if (h) /* found elsewhere after all */
			((int (*)(void *))real_dlclose)(h);
		else
			real_forget_error(); /* refused by us: no error of the host */
		if (open_path(ga, names, path, mode, caller, handle))
			return true;
		h = pass_on(ga, path, mode, names->loaded, caller);
	} else if (h) {
		/* ld.so may know one of our generations by its SONAME; then the
		 * reference is to be counted by us. */
		if (!reload_adopt(&ga->reloads, &h, path)) {
			strcpy(names->asked, path);
			return open_path(ga, names, path, mode, caller, handle);
		}
		if ((mode & OUR_BITS) && !reload_knows(&ga->reloads, h)) {
			((int (*)(void *))real_dlclose)(h);
			h = pass_on(ga, file, mode, true, caller);
		}
	} else if ((mode & OUR_BITS) && !(mode & RTLD_RELOADABLE)) {
		pass_on(ga, file, mode, false, caller); /* fails in glibc's words */
	}
	*handle = h;
	return true;
}

static bool open_named(struct goaudit *ga, struct names *names, const char *file, int mode,
		       const void *caller, void **handle)
{
	const char *name = file;
	bool from_snapshot = false;

	if (strchr(file, '$') && expand_origin(ga, file, caller, names, &from_snapshot))
		name = names->expanded;
	if (!strchr(name, '/') || strchr(name, '$'))
		return open_bare(ga, names, file, mode, caller, handle);
	if (open_path(ga, names, name, mode, caller, handle))
		return true;
	if (!from_snapshot && !(mode & RTLD_RELOADABLE))
		return false;
	*handle = pass_on(ga, from_snapshot ? name : file, mode, names->loaded, caller);
	return true;
}

bool open_call(struct goaudit *ga, const char *file, int mode, const void *caller,
	       void **handle)
{
	struct names *names;
	bool ours;

	host_init(&ga->loader);
	error_clear(&ga->core);
	if (!file || !*file || !(names = malloc(sizeof *names)))
		return false;
	names->loaded = false;
	ours = open_named(ga, names, file, mode, caller, handle);
	free(names);
	return ours;
}

bool open_watch(struct goaudit *ga, struct call *call, const char *candidate, unsigned int flag)
{
	int fd;

	if (flag == LA_SER_ORIG) {
		/* The first name asked for is the host's; any other one is of
		 * a dependency of what has been found. */
		call->over |= strcmp(candidate, call->name) != 0;
		return false;
	}
	if (call->over)
		return false;
	if (call->found)
		return true;
	fd = open(candidate, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	call->found = realpath(candidate, call->path) != NULL;
	if (call->found)
		make_absolute(candidate, call->path, call->asked);
	call->found = call->found && is_ours(ga, call->path, call->asked, fd, call->flagged);
	call->over = !call->found; /* ld.so takes the first that is there */
	close(fd);
	return call->found;
}

/* --- instances -------------------------------------------------------------------- */

char *open_name(const char *file)
{
	struct names *names = malloc(sizeof *names);
	char *asked = NULL;

	if (names && settle(file, names)) {
		make_absolute(file, names->path, names->asked);
		asked = strdup(names->asked);
	}
	free(names);
	return asked;
}

/* As is_loaded, for instances. */
static bool is_others(struct goaudit *ga, const struct names *names, const void *caller)
{
	uint32_t others = __atomic_load_n(&ga->loader.others, __ATOMIC_ACQUIRE);
	struct instances *all;
	bool asked;

	pthread_mutex_lock(&ga->core.lock);
	all = instances_find_locked(&ga->guests, names->asked);
	asked = all && all->others == others;
	if (all)
		all->others = others;
	pthread_mutex_unlock(&ga->core.lock);
	return !asked && is_loaded(ga, names->path, caller);
}

#define INSTANCE_MODES                                                            \
	(RTLD_LAZY | RTLD_NOW | RTLD_NODELETE | RTLD_DEEPBIND | RTLD_RELOADABLE | \
	 RTLD_PANIC_RETURN)

/* Does the name lead to the file that the last instance was made from?  Then its path is
 * known. */
static bool is_same_file(struct goaudit *ga, const char *file, struct names *names,
			 struct file_stamp *stamp)
{
	const struct instances *all;
	struct stat st;
	bool same;

	make_absolute(file, "", names->asked);
	if (!names->asked[0] || stat(file, &st) != 0)
		return false;
	*stamp = stamp_of(&st);
	pthread_mutex_lock(&ga->core.lock);
	all = instances_find_locked(&ga->guests, names->asked);
	same = all && all->first && all->stamped && !all->stamp.racy &&
	       stamp_same(&all->stamp, stamp);
	if (same)
		text_copy(names->path, PATH_MAX, all->first->path);
	pthread_mutex_unlock(&ga->core.lock);
	return same;
}

/* Settles the name of an instance's file and opens it, if need be.  Returns false if it is
 * no file that can be read. */
static bool find_file(struct goaudit *ga, const char *file, struct names *names,
		      struct open_request *r)
{
	struct stat st;

	if (!strchr(file, '/'))
		return false;
	if (is_same_file(ga, file, names, &r->stamp))
		return true;
	if (!settle(file, names))
		return false;
	make_absolute(file, names->path, names->asked);
	r->fd = open(names->path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0 || fstat(r->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	r->stamp = stamp_of(&st);
	return true;
}

static void *open_copy(struct goaudit *ga, struct names *names, const char *file, int mode,
		       void *context, const void *caller)
{
	struct open_request request = {
		.mode = mode & ~OUR_BITS,
		.panic_return = mode & RTLD_PANIC_RETURN,
		.reloadable = true,
		.instance = true,
		.context = context,
		.path = names->path,
		.name = names->asked,
		.fd = -1,
	};
	void *handle = NULL;

	if (!find_file(ga, file, names, &request))
		error_set(&ga->core,
			  "%s: no instance can be opened of it: it is no file that can be "
			  "read: give a path with a slash",
			  file);
	else if (!(mode & RTLD_DEEPBIND) && is_others(ga, names, caller))
		error_set(&ga->core,
			  "%s: the process has it already, and its instances would be bound "
			  "to that one's symbols: open it with RTLD_DEEPBIND",
			  file);
	else
		handle = reload_open(&ga->reloads, &request);
	if (request.fd >= 0)
		close(request.fd);
	return handle;
}

void *open_instance(struct goaudit *ga, const char *file, int mode, void *context,
		    const void *caller)
{
	struct names *names;
	void *handle;

	host_init(&ga->loader);
	if (mode & ~INSTANCE_MODES || !(mode & (RTLD_LAZY | RTLD_NOW))) {
		error_set(&ga->core,
			  "%s: mode %#x: not for an instance: RTLD_LAZY or RTLD_NOW, with "
			  "RTLD_DEEPBIND or RTLD_PANIC_RETURN",
			  file, (unsigned)mode);
		return NULL;
	}
	names = malloc(sizeof *names);
	if (!names) {
		error_set(&ga->core, "%s: out of memory: close some guests", file);
		return NULL;
	}
	handle = open_copy(ga, names, file, mode, context, caller);
	free(names);
	return handle;
}
