#include "guest/stamp.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "guest/guests.h"

/* File systems stamp changes with a clock that ticks every few milliseconds. */
#define RACY_NS 50000000ll

struct file_stamp stamp_of(const struct stat *st)
{
	struct file_stamp s = {
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
	};
	struct timespec now;
	long long age;

	clock_gettime(CLOCK_REALTIME, &now);
	age = (now.tv_sec - s.ctime.tv_sec) * 1000000000ll + now.tv_nsec - s.ctime.tv_nsec;
	s.racy = age < RACY_NS;
	return s;
}

bool stamp_same(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec &&
	       a->ctime.tv_sec == b->ctime.tv_sec && a->ctime.tv_nsec == b->ctime.tv_nsec;
}
