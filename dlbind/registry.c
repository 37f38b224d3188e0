/* The libraries of this process, by handle and by address; and what a fork and
 * the end of the process ask for. */
#include "registry.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "folder.h"

struct state dlbind_state = {
	/* Readers do not nest, and a stream of them is not to keep a writer out. */
	.lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP,
	.loader = { .open = dlopen, .close = dlclose, .error = dlerror },
	.jobs_lock = PTHREAD_MUTEX_INITIALIZER,
};

typedef uintptr_t key_of(const struct library *lib);

static uintptr_t handle_of(const struct library *lib)
{
	return (uintptr_t)lib->map;
}

static uintptr_t base_of(const struct library *lib)
{
	return lib->base;
}

/* How many have a key that is at most this one. */
static size_t position(struct library *const *sorted, size_t count, key_of *key,
		       uintptr_t wanted)
{
	size_t lo = 0, hi = count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (key(sorted[mid]) <= wanted)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void insert(struct library **sorted, size_t count, key_of *key, struct library *lib)
{
	size_t i = position(sorted, count, key, key(lib));

	memmove(&sorted[i + 1], &sorted[i], (count - i) * sizeof *sorted);
	sorted[i] = lib;
}

static void take(struct library **sorted, size_t count, key_of *key, struct library *lib)
{
	size_t i = position(sorted, count, key, key(lib)) - 1;

	memmove(&sorted[i], &sorted[i + 1], (count - i - 1) * sizeof *sorted);
}

static int reserve(void)
{
	struct state *s = &dlbind_state;
	size_t size = s->size ? 2 * s->size : 16;
	struct library **by_handle, **by_base;

	if (s->count < s->size)
		return 0;
	by_handle = realloc(s->by_handle, size * sizeof *by_handle);
	if (by_handle)
		s->by_handle = by_handle;
	by_base = realloc(s->by_base, size * sizeof *by_base);
	if (by_base)
		s->by_base = by_base;
	if (!by_handle || !by_base)
		return error_set(ENOMEM, "dlcreate: no memory for another library: "
					 "delete some");
	s->size = size;
	return 0;
}

int registry_add(struct library *lib)
{
	struct state *s = &dlbind_state;
	int result;

	pthread_rwlock_wrlock(&s->lock);
	result = reserve();
	if (result == 0) {
		insert(s->by_handle, s->count, handle_of, lib);
		insert(s->by_base, s->count, base_of, lib);
		s->count++;
	}
	pthread_rwlock_unlock(&s->lock);
	return result;
}

static struct library *find(void *handle)
{
	struct state *s = &dlbind_state;
	size_t i = position(s->by_handle, s->count, handle_of, (uintptr_t)handle);

	return i && s->by_handle[i - 1]->map == handle ? s->by_handle[i - 1] : NULL;
}

struct library *registry_take(void *handle)
{
	struct state *s = &dlbind_state;
	struct library *lib;

	pthread_rwlock_wrlock(&s->lock);
	lib = find(handle);
	if (lib) {
		take(s->by_handle, s->count, handle_of, lib);
		take(s->by_base, s->count, base_of, lib);
		s->count--;
	}
	pthread_rwlock_unlock(&s->lock);
	return lib;
}

static struct library *used(struct library *lib)
{
	if (lib)
		__atomic_add_fetch(&lib->users, 1, __ATOMIC_RELAXED);
	return lib;
}

struct library *registry_find(void *handle)
{
	struct state *s = &dlbind_state;
	struct library *lib;

	pthread_rwlock_rdlock(&s->lock);
	lib = used(find(handle));
	pthread_rwlock_unlock(&s->lock);
	return lib;
}

struct library *registry_get(void *handle)
{
	struct library *lib = registry_find(handle);

	if (!lib)
		error_set(EINVAL,
			  "%p: not a library of dlcreate: give the handle that "
			  "it returned",
			  handle);
	return lib;
}

struct library *registry_at(uintptr_t address)
{
	struct state *s = &dlbind_state;
	struct library *lib = NULL;
	size_t i;

	pthread_rwlock_rdlock(&s->lock);
	i = position(s->by_base, s->count, base_of, address);
	if (i && address - s->by_base[i - 1]->base < s->by_base[i - 1]->at.end)
		lib = used(s->by_base[i - 1]);
	pthread_rwlock_unlock(&s->lock);
	return lib;
}

void registry_put(struct library *lib)
{
	/* The last one may be what dldelete waits for; after the unlock the
	 * library can be gone. */
	pthread_mutex_lock(&lib->lock);
	if (__atomic_sub_fetch(&lib->users, 1, __ATOMIC_RELEASE) == 0)
		pthread_cond_signal(&lib->idle);
	pthread_mutex_unlock(&lib->lock);
}

/* --- fork and exit ---------------------------------------------------------------------- */

/* A fork in a signal handler may have interrupted this library: then the thread has a lock
 * already, and takes none.  glibc's locks say who has them (struct_mutex.h,
 * struct_rwlock.h), but for a moment, and not who reads: that is a matter of time. */
static int owner_of(const pthread_mutex_t *lock)
{
	return __atomic_load_n(&lock->__data.__owner, __ATOMIC_RELAXED);
}

static int writer_of(const pthread_rwlock_t *lock)
{
	return __atomic_load_n(&lock->__data.__cur_writer, __ATOMIC_RELAXED);
}

bool registry_interrupted(int tid)
{
	struct state *s = &dlbind_state;

	if (writer_of(&s->lock) == tid || owner_of(&s->jobs_lock) == tid)
		return true;
	for (size_t i = 0; i < s->count; i++)
		if (owner_of(&s->by_base[i]->lock) == tid)
			return true;
	return false;
}

#define SLICE_NS 10000000
#define SLICES   200

static struct timespec slice(void)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += SLICE_NS;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	return end;
}

static bool take_mutex(pthread_mutex_t *lock, int self)
{
	for (unsigned unowned = 0; owner_of(lock) != self && unowned < SLICES;) {
		struct timespec end = slice();

		if (pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &end) == 0)
			return true;
		unowned = owner_of(lock) ? 0 : unowned + 1;
	}
	return false;
}

/* Not for ever: another fork may have it, and wait for what this thread has. */
static bool take_registry(struct state *s, int self)
{
	for (unsigned i = 0; writer_of(&s->lock) != self && i < SLICES; i++) {
		struct timespec end = slice();

		if (pthread_rwlock_clockwrlock(&s->lock, CLOCK_MONOTONIC, &end) == 0)
			return true;
	}
	return false;
}

bool registry_forking(void)
{
	struct state *s = &dlbind_state;
	int self = (int)syscall(SYS_gettid);
	size_t n = 0;

	if (owner_of(&s->jobs_lock) == self || !take_registry(s, self))
		return false;
	while (n < s->count && take_mutex(&s->by_base[n]->lock, self))
		n++;
	if (n == s->count && take_mutex(&s->jobs_lock, self))
		return true;
	while (n-- > 0)
		pthread_mutex_unlock(&s->by_base[n]->lock);
	pthread_rwlock_unlock(&s->lock);
	return false;
}

void registry_forked_parent(void)
{
	struct state *s = &dlbind_state;

	pthread_mutex_unlock(&s->jobs_lock);
	for (size_t i = 0; i < s->count; i++)
		pthread_mutex_unlock(&s->by_base[i]->lock);
	pthread_rwlock_unlock(&s->lock);
}

/* The libraries stay the parent's.  So does the folder, but its last user removes it. */
void registry_forked_child(void)
{
	struct state *s = &dlbind_state;

	for (size_t i = 0; i < s->count; i++) {
		struct library *lib = s->by_base[i];

		pthread_mutex_init(&lib->lock, NULL);
		pthread_cond_init(&lib->idle, NULL);
		lib->inherited = true;
		lib->users = 0;
	}
	pthread_mutex_init(&s->jobs_lock, NULL);
	s->lock = (pthread_rwlock_t)PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
	s->jobs = NULL;
	s->folder = NULL;
	s->grace_path[0] = 0;
	s->grace_busy = 0;
}

/* The thread whose fork has taken no lock, or NULL. */
static const void *untaken;

static void before_fork(void)
{
	const void *nobody;

	if (registry_forking())
		return;
	do
		nobody = NULL;
	while (!__atomic_compare_exchange_n(&untaken, &nobody, (const void *)pthread_self(),
					    false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

static bool was_untaken(void)
{
	if (__atomic_load_n(&untaken, __ATOMIC_ACQUIRE) != (const void *)pthread_self())
		return false;
	__atomic_store_n(&untaken, NULL, __ATOMIC_RELEASE);
	return true;
}

static void after_fork_parent(void)
{
	if (!was_untaken())
		registry_forked_parent();
}

/* What was interrupted goes on with its locks, and its libraries are the parent's. */
static void after_fork_child(void)
{
	struct state *s = &dlbind_state;

	if (!was_untaken())
		registry_forked_child();
	else
		for (size_t i = 0; i < s->count; i++)
			s->by_base[i]->inherited = true;
}

int registry_prepare(void)
{
	struct state *s = &dlbind_state;
	int result = 0;

	if (s->loader.folder)
		return folder_given();
	pthread_rwlock_wrlock(&s->lock);
	if (!s->prepared) {
		/* folder_finish may be called twice, the others not. */
		if (atexit(folder_finish) != 0 ||
		    pthread_atfork(before_fork, after_fork_parent, after_fork_child) != 0)
			result = error_set(ENOMEM, "dlcreate: no memory: free some");
		else
			s->prepared = true;
	}
	if (result == 0 && !s->folder)
		result = folder_prepare();
	pthread_rwlock_unlock(&s->lock);
	return result;
}
