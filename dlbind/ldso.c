/* What is done with ld.so beyond its interface: glibc's private parts are found
 * by what must stand in them, and left alone where it does not. */
#include "ldso.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "linkmap.h"
#include "private.h"
#include "tiny.h"

/* --- the link map's copy of the hash table ---------------------------------------- */

/* struct link_map is longer than this in every glibc from 2.31 on, and the fields
 * are within (include/link.h). */
#define MAP_BYTES 1024

/*	Elf_Symndx l_nbuckets;
 *	Elf32_Word l_gnu_bitmask_idxbits, l_gnu_shift;
 *	const ElfW(Addr) *l_gnu_bitmask;
 *	const Elf_Symndx *l_chain, *l_buckets;
 *
 * The middle ones are 0 in an object without DT_GNU_HASH.  Nothing else in the
 * map points to the buckets and the chain; they must be there exactly once. */
void ldso_find_hash(struct library *lib, const uint32_t *table)
{
	uintptr_t *words = (uintptr_t *)lib->map, *found = NULL;
	const uint32_t *buckets = table + 2, *chain = buckets + table[0];
	uint32_t *before;

	for (size_t i = 2; i + 3 <= MAP_BYTES / sizeof *words; i++) {
		if (words[i] != 0 || words[i + 1] != (uintptr_t)chain ||
		    words[i + 2] != (uintptr_t)buckets)
			continue;
		if (found)
			return;
		found = &words[i];
	}
	if (!found)
		return;
	before = (uint32_t *)found;
	/* The count is 4-aligned, the pointers after it 8-aligned. */
	if (before[-3] == table[0] && !before[-2] && !before[-1])
		lib->map_nbuckets = before - 3;
	else if (before[-4] == table[0] && !before[-3] && !before[-2])
		lib->map_nbuckets = before - 4;
	else
		return;
	lib->map_chain = (const uint32_t **)&found[1];
	lib->map_buckets = (const uint32_t **)&found[2];
}

/* --- grace periods ---------------------------------------------------------------------- */

static void *open_tiny(const char *path, int mode)
{
	struct dlbind_loader *l = &dlbind_state.loader;
	void *tiny = l->open(path, mode);

	if (!tiny)
		l->error(); /* not the client's business */
	return tiny;
}

/* dlsym, dladdr and relocation hold the load lock, so whoever gets it after them
 * knows that they are done.  Lazy binding does not: dlclose of an object in the
 * global scope waits for it before it unmaps (elf/dl-close.c, THREAD_GSCOPE_WAIT).
 * If the object is still there afterwards, we are inside another dlclose, which
 * has put ours off. */
bool ldso_grace(void)
{
	struct state *s = &dlbind_state;
	char path[PATH_MAX];
	void *tiny, *still;
	bool done = false;

	if (__atomic_exchange_n(&s->grace_busy, 1, __ATOMIC_ACQUIRE))
		return false;
	if (!s->grace_path[0] || !private_file(s->grace_path)) {
		if (tiny_make("grace", 0, path) != 0 || strlen(path) >= sizeof s->grace_path)
			goto out;
		strcpy(s->grace_path, path);
	}
	tiny = open_tiny(s->grace_path, RTLD_NOW | RTLD_GLOBAL);
	if (!tiny)
		goto out;
	s->loader.close(tiny);
	still = open_tiny(s->grace_path, RTLD_NOW | RTLD_NOLOAD);
	if (still)
		s->loader.close(still);
	done = !still;
out:
	__atomic_store_n(&s->grace_busy, 0, __ATOMIC_RELEASE);
	return done;
}

/* --- debuggers --------------------------------------------------------------------------- */

bool ldso_debugger_at_brk(void)
{
	if (dlbind_state.loader.watched)
		return dlbind_state.loader.watched();
	return _r_debug.r_brk && machine_is_breakpoint((const void *)_r_debug.r_brk);
}

bool ldso_debugger_attached(void)
{
	char text[4096], *p;
	bool traced = false;
	ssize_t n;
	int fd;

	if (ldso_debugger_at_brk())
		return true;
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof text - 1);
	if (n > 0) {
		text[n] = 0;
		p = strstr(text, "\nTracerPid:");
		traced = p && strtol(p + strlen("\nTracerPid:"), NULL, 10) != 0;
	}
	close(fd);
	return traced;
}

/* A call that runs in the constructor of a tiny object: there the load lock is
 * held, and the loader may be called all the same. */
struct job {
	struct job *next;
	pthread_t thread;
	struct library *library;
	void (*between)(struct library *);
	struct linkmap_namespace *ns;
	bool done;
};

static bool can_change(const struct job *j)
{
	return !linkmap_check(j->ns, &_r_debug) && linkmap_has(j->ns, j->library->map);
}

/* A library that is global stays in the search list meanwhile: names are found. */
static void change(struct job *j, bool insert)
{
	void (*brk)(void) = (void (*)(void))_r_debug.r_brk;

	_r_debug.r_state = insert ? RT_ADD : RT_DELETE;
	brk();
	if (insert)
		linkmap_insert(j->ns, j->library->map, false);
	else
		linkmap_remove(j->ns, j->library->map, NULL);
	_r_debug.r_state = RT_CONSISTENT;
	brk();
}

/* lldb compares the list between RT_ADD or RT_DELETE and RT_CONSISTENT; gdb reads
 * it at RT_CONSISTENT, or, when ld.so has probes, only at those of a dlclose.  So
 * both a call of r_brk and a dlclose follow each of the two changes. */
static void relist(struct job *j, void *first, void *second)
{
	change(j, false);
	dlbind_state.loader.close(first);
	j->between(j->library);
	change(j, true);
	dlbind_state.loader.close(second);
	j->done = true;
}

static void run_job(void)
{
	struct state *s = &dlbind_state;
	char a[PATH_MAX] = "", b[PATH_MAX] = "";
	void *first = NULL, *second = NULL;
	struct job *j;

	pthread_mutex_lock(&s->jobs_lock);
	for (j = s->jobs; j && !pthread_equal(j->thread, pthread_self());)
		j = j->next;
	pthread_mutex_unlock(&s->jobs_lock);
	if (!j || _r_debug.r_state != RT_CONSISTENT || !can_change(j))
		return;
	if (tiny_make("notice", 0, a) == 0)
		first = open_tiny(a, RTLD_NOW);
	if (first && tiny_make("notice", 0, b) == 0)
		second = open_tiny(b, RTLD_NOW);
	/* Now the count has followed two objects, or it is not the count. */
	if (second && can_change(j)) {
		relist(j, first, second);
		first = second = NULL;
	}
	if (first)
		s->loader.close(first);
	if (second)
		s->loader.close(second);
	unlink(a);
	unlink(b);
}

static void call_between(void *arg)
{
	struct job *j = arg;

	j->between(j->library);
}

bool ldso_relist(struct library *lib, void (*between)(struct library *))
{
	struct state *s = &dlbind_state;
	struct job j = {
		.thread = pthread_self(),
		.library = lib,
		.between = between,
		.ns = dlsym(RTLD_DEFAULT, "_rtld_global"),
	};
	int (*relist)(struct link_map *, void (*)(void *), void *) =
		s->loader.relist ? s->loader.relist : dlbind_relist;
	char path[PATH_MAX];
	struct job **link;
	void *tiny;

	if (relist && relist(lib->map, call_between, &j) == 0)
		return true;
	if (!j.ns || tiny_make("notice", (uintptr_t)run_job, path) != 0)
		return false;
	pthread_mutex_lock(&s->jobs_lock);
	j.next = s->jobs;
	s->jobs = &j;
	pthread_mutex_unlock(&s->jobs_lock);
	tiny = open_tiny(path, RTLD_NOW);
	pthread_mutex_lock(&s->jobs_lock);
	for (link = &s->jobs; *link != &j;)
		link = &(*link)->next;
	*link = j.next;
	pthread_mutex_unlock(&s->jobs_lock);
	if (tiny)
		s->loader.close(tiny);
	unlink(path);
	return j.done;
}
