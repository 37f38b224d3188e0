#include "reload/move.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/compare/move_plan.h"
#include "api/goaudit.h"

struct mapping {
	void *data;
	size_t size;
};

/* A snapshot does not change, and ld.so has it mapped, too. */
static int map_snapshot(struct goaudit *ga, const struct generation *gen, struct mapping *m)
{
	int fd = open(gen->info->snapshot, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	m->data = MAP_FAILED;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		m->size = st.st_size;
		m->data = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (fd >= 0)
		close(fd);
	if (m->data != MAP_FAILED)
		return 0;
	error_set(ga, "%s: the snapshot of its build cannot be read: close and open it "
		  "again", gen->info->path);
	return -1;
}

static int ensure_library(struct goaudit *ga)
{
	struct inherit found, *s = &ga->inherit;
	char name[600];
	void *library;

	if (__atomic_load_n(&s->compare, __ATOMIC_ACQUIRE))
		return 0;
	snprintf(name, sizeof name, "%s/libgoaudit-dwarf.so", ga->home);
	library = call_dlopen(ga, true, name, RTLD_NOW | RTLD_LOCAL);
	found.compare = library ? dlsym(library, "image_compare_exports") : NULL;
	found.plan = library ? dlsym(library, "image_plan_copy") : NULL;
	found.release = library ? dlsym(library, "image_copy_free") : NULL;
	if (!found.compare || !found.plan || !found.release) {
		error_set(ga, "%s: free memory, or install it beside libgoaudit.so",
			  dlerror());
		return -1;
	}
	pthread_mutex_lock(&ga->lock);
	s->plan = found.plan;
	s->release = found.release;
	__atomic_store_n(&s->compare, found.compare, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ga->lock);
	return 0;
}

int inherit_check_exports(struct goaudit *ga, const struct generation *old,
			  const struct generation *new, const struct snapshot *snapshot,
			  const char *const *names, size_t n)
{
	__typeof__(image_compare_exports) *compare;
	char text[900];
	struct mapping m;
	int differs;

	if (snapshot_is_out_of_reach(ga, old->info->snapshot) || access(ga->home, X_OK) != 0) {
		goaudit_log(ga, "%s: signatures are not compared: the last build or the module "
			    "is out of reach: the process has other privileges or another root "
			    "now", new->info->path);
		return 0;
	}
	if (ensure_library(ga) != 0 || map_snapshot(ga, old, &m) != 0)
		return -1;
	compare = (__typeof__(compare))ga->inherit.compare;
	differs = compare(m.data, m.size, snapshot->data, snapshot->size, names, n, text,
			  sizeof text);
	munmap(m.data, m.size);
	if (!differs)
		return 0;
	error_set(ga, "%s: the signature of an export has changed: %s: give the new "
		  "function another name", new->info->path, text);
	return -1;
}

static int move(struct goaudit *ga, const struct generation *old, const struct generation *new,
		const struct image_copy_plan *plan)
{
	void *fn = ldso_lookup(ga->gort.map, GO_FN_MOVE);
	struct go_move m = {
		.size = sizeof m,
		.lo = old->info->lo, .hi = old->info->hi,
		.to_lo = new->info->lo, .to_hi = new->info->hi,
		.from_base = old->map->l_addr, .to_base = new->map->l_addr,
		.vars = plan->vars, .nvars = plan->nvars,
		.ops = plan->ops, .nops = plan->nops,
		.types = plan->types, .ntypes = plan->ntypes,
		.named = plan->named, .nnamed = plan->nnamed,
	};

	if (!fn) {
		error_set(ga, "%s: it lacks an entry point of goaudit: build the runtime "
			  "with `goaudit runtime`", ga->gort.path);
		return -1;
	}
	ga->gort.crosscall2(fn, &m, 0, 0);
	goaudit_log(ga, "%s: %llu variables: world stopped for %llu us, %llu objects, "
		    "%llu bytes copied to the heap, %llu objects with new types",
		    new->info->path, (unsigned long long)m.nvars,
		    (unsigned long long)m.stopped_ns / 1000, (unsigned long long)m.objects,
		    (unsigned long long)m.cloned, (unsigned long long)m.retyped);
	if (m.verdict == GO_OK)
		return 0;
	if (m.verdict == GO_NOT_FOUND)
		error_set(ga, "%s: no Go module is registered for it: open it again",
			  new->info->path);
	else
		error_set(ga, "%s: %s%s%s: leave it out of the copy, or save it with hooks",
			  new->info->path,
			  m.var < m.nvars ? plan->names + plan->vars[m.var].name : "",
			  m.var < m.nvars ? ": " : "", m.text);
	return -1;
}

int inherit_variables(struct goaudit *ga, const struct generation *old,
		      const struct generation *new, const struct snapshot *snapshot,
		      const char *const *names)
{
	struct image_copy_plan plan = { .size = sizeof plan };
	enum image_copy_status status;
	struct mapping m;
	char text[900];
	int result;

	if (ensure_library(ga) != 0 || map_snapshot(ga, old, &m) != 0)
		return -1;
	status = ((__typeof__(image_plan_copy) *)ga->inherit.plan)(
		m.data, m.size, snapshot->data, snapshot->size, names, &plan, text,
		sizeof text);
	munmap(m.data, m.size);
	if (status == IMAGE_COPY_OK) {
		result = move(ga, old, new, &plan);
		((__typeof__(image_copy_free) *)ga->inherit.release)(&plan);
		return result;
	}
	if (status == IMAGE_COPY_REFUSED)
		error_set(ga, "%s: %s: leave it out of the copy, or save it with hooks",
			  new->info->path, text);
	else if (status == IMAGE_COPY_NO_DWARF)
		error_set(ga, "%s: %s: build it with `goaudit build`, and do not strip it",
			  new->info->path, text);
	else
		error_set(ga, "%s: no memory to compare the builds: free some",
			  new->info->path);
	return -1;
}
