#include "reload/move.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/gort.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "go/protocol.h"
#include "goaudit.h"
#include "guest/companion.h"
#include "guest/guests.h"
#include "guest/snapshot.h"
#include "image/compare/move_plan.h"
#include "loader/folder.h"
#include "reload/reloads.h"

struct mapping {
	void *data;
	size_t size;
};

/* A snapshot does not change, and ld.so has it mapped, too. */
static int map_snapshot(struct reloads *rl, const struct generation *gen, struct mapping *m)
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
	error_set(rl->core,
		  "%s: the snapshot of its build cannot be read: close and open it "
		  "again",
		  gen->info->path);
	return -1;
}

int move_check_exports(struct reloads *rl, const struct generation *old,
		       const struct generation *new, const struct snapshot *snapshot,
		       const char *const *names, size_t n)
{
	char text[900];
	struct mapping m;
	int differs;

	if (folder_lost(rl->loader, old->info->snapshot) || access(rl->core->home, X_OK) != 0) {
		log_line(rl->core,
			 "%s: signatures are not compared: the last build or the module "
			 "is out of reach: the process has other privileges or another root "
			 "now",
			 new->info->path);
		return 0;
	}
	if (companion_dwarf(rl->guests) != 0 || map_snapshot(rl, old, &m) != 0)
		return -1;
	differs = rl->guests->companions.compare_exports(m.data, m.size, snapshot->data,
							 snapshot->size, names, n, text,
							 sizeof text);
	munmap(m.data, m.size);
	if (!differs)
		return 0;
	error_set(rl->core,
		  "%s: the signature of an export has changed: %s: give the new "
		  "function another name",
		  new->info->path, text);
	return -1;
}

static int move_by(struct reloads *rl, const struct generation *old,
		   const struct generation *new, const struct image_copy_plan *plan)
{
	struct go_move m = {
		.size = sizeof m,
		.lo = old->info->lo,
		.hi = old->info->hi,
		.to_lo = new->info->lo,
		.to_hi = new->info->hi,
		.from_base = old->object.map->l_addr,
		.to_base = new->object.map->l_addr,
		.vars = plan->vars,
		.nvars = plan->nvars,
		.ops = plan->ops,
		.nops = plan->nops,
		.types = plan->types,
		.ntypes = plan->ntypes,
		.named = plan->named,
		.nnamed = plan->nnamed,
	};

	if (gort_move(rl->adapters, &m) != 0)
		return -1;
	log_line(rl->core,
		 "%s: %llu variables: world stopped for %llu us, %llu objects, "
		 "%llu bytes copied to the heap, %llu objects with new types",
		 new->info->path, (unsigned long long)m.nvars,
		 (unsigned long long)m.stopped_ns / 1000, (unsigned long long)m.objects,
		 (unsigned long long)m.cloned, (unsigned long long)m.retyped);
	if (m.verdict == GO_OK)
		return 0;
	if (m.verdict == GO_NOT_FOUND)
		error_set(rl->core, "%s: no Go module is registered for it: open it again",
			  new->info->path);
	else
		error_set(rl->core,
			  "%s: %s%s%s: leave it out of the copy, or save it with hooks",
			  new->info->path,
			  m.var < m.nvars ? plan->names + plan->vars[m.var].name : "",
			  m.var < m.nvars ? ": " : "", m.text);
	return -1;
}

int move_variables(struct reloads *rl, const struct generation *old,
		   const struct generation *new, const struct snapshot *snapshot,
		   const char *const *names)
{
	struct image_copy_plan plan = { .size = sizeof plan };
	enum image_copy_status status;
	struct mapping m;
	char text[900];
	int result;

	if (companion_dwarf(rl->guests) != 0 || map_snapshot(rl, old, &m) != 0)
		return -1;
	status =
		rl->guests->companions.plan_move(m.data, m.size, snapshot->data, snapshot->size,
						 names, &plan, text, sizeof text);
	munmap(m.data, m.size);
	if (status == IMAGE_COPY_OK) {
		result = move_by(rl, old, new, &plan);
		rl->guests->companions.free_plan(&plan);
		return result;
	}
	if (status == IMAGE_COPY_REFUSED)
		error_set(rl->core, "%s: %s: leave it out of the copy, or save it with hooks",
			  new->info->path, text);
	else if (status == IMAGE_COPY_NO_DWARF)
		error_set(rl->core,
			  "%s: %s: build it with `goaudit build`, and do not strip it",
			  new->info->path, text);
	else
		error_set(rl->core, "%s: no memory to compare the builds: free some",
			  new->info->path);
	return -1;
}
