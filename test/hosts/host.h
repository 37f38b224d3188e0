/* What the hosts of the tests share. */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "goaudit.h"

#ifdef TEST_RAW /* handles and addresses as glibc has them */
#define FLAGS (RTLD_NOW | RTLD_RELOADABLE | RTLD_RAW)
#else
#define FLAGS (RTLD_NOW | RTLD_RELOADABLE)
#endif

#define CHECK(condition)                                                               \
	do {                                                                           \
		if (!(condition)) {                                                    \
			printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			fflush(stdout);                                                \
			_exit(1);                                                      \
		}                                                                      \
	} while (0)

/* dlopen that must succeed. */
static inline void *open_mode(const char *name, int mode)
{
	void *h = dlopen(name, mode);

	if (!h) {
		printf("dlopen: %s\n", dlerror());
		fflush(stdout);
		_exit(1);
	}
	return h;
}

static inline void *open_guest(const char *name)
{
	return open_mode(name, FLAGS);
}

static inline void close_guest(void *h)
{
	if (dlclose(h) != 0) {
		printf("dlclose: %s\n", dlerror());
		fflush(stdout);
		_exit(1);
	}
}

static inline void *find(void *h, const char *name)
{
	void *p = dlsym(h, name);

	if (!p) {
		printf("dlsym: %s\n", dlerror());
		fflush(stdout);
		_exit(1);
	}
	return p;
}

/* Calls int name(void) of an open object. */
static inline int call(void *h, const char *name)
{
	return ((int (*)(void))find(h, name))();
}

/* Lines of /proc/self/maps with this text in them; "": all, but for the guests'
 * libraries of entries, which stay. */
static inline int maps_with(const char *text)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[PATH_MAX + 200];
	int n = 0;

	while (fgets(line, sizeof line, f))
		n += strstr(line, text) && !strstr(line, "/made/");
	fclose(f);
	return n;
}

static inline int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static inline long rss_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long size, resident;

	if (fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = -1;
	fclose(f);
	return resident * 4;
}

/* Entries below $GOAUDIT_SNAPSHOTS that are regular files; those in folders "made" are
 * no snapshots. */
static inline int snapshot_files_in(const char *folder)
{
	char name[PATH_MAX];
	struct dirent *e;
	struct stat st;
	DIR *dir = opendir(folder);
	int n = 0;

	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, "made") == 0)
			continue;
		snprintf(name, sizeof name, "%s/%s", folder, e->d_name);
		if (lstat(name, &st) == 0)
			n += S_ISDIR(st.st_mode) ? snapshot_files_in(name) : 1;
	}
	if (dir)
		closedir(dir);
	return n;
}

static inline int snapshot_files(void)
{
	return snapshot_files_in(getenv("GOAUDIT_SNAPSHOTS"));
}

/* Writes the bytes of one file into another, which stays the same file. */
static inline void overwrite(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	char bytes[65536];
	ssize_t n;

	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof bytes)) > 0)
		CHECK(write(out, bytes, n) == n);
	close(in);
	close(out);
}

/* Puts a copy of a file in the place of another, as a build does. */
static inline void replace(const char *from, const char *to)
{
	char fresh[PATH_MAX];

	snprintf(fresh, sizeof fresh, "%s.new", to);
	overwrite(from, fresh);
	CHECK(rename(fresh, to) == 0);
}

/* The record of an open or parked generation by its handle. */
static inline struct goaudit_generation generation_of(void *handle)
{
	static struct goaudit_generation all[1024], none;
	struct goaudit_generation *retired = &none;
	size_t n = goaudit_generations(all, 1024, sizeof *all);

	while (n-- > 0) {
		if (all[n].handle != (uintptr_t)handle || all[n].state == GOAUDIT_GONE)
			continue;
		if (all[n].state != GOAUDIT_RETIRED)
			return all[n];
		retired = &all[n];
	}
	return *retired;
}

#endif
