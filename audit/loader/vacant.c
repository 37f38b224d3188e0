#include "loader/vacant.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "loader/loader.h"

/* Another thread's mapping may have come meanwhile, which is well. */
static bool reserve(uintptr_t lo, uintptr_t hi)
{
	void *p =
		mmap((void *)lo, hi - lo, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == (void *)lo)
		return true;
	if (p != MAP_FAILED) /* a kernel before 4.17 */
		munmap(p, hi - lo);
	return false;
}

static void forget(struct vacant *v, unsigned i)
{
	v->n--;
	memmove(&v->piece[i], &v->piece[i + 1], (v->n - i) * sizeof *v->piece);
}

void vacant_keep(struct loader *ld, uintptr_t lo, uintptr_t hi)
{
	struct vacant *v = &ld->vacant;
	struct rlimit limit;

	if ((getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) ||
	    !reserve(lo, hi))
		return;
	for (unsigned i = 0; i < v->n;) {
		if (v->piece[i].hi != lo && v->piece[i].lo != hi) {
			i++;
			continue;
		}
		lo = v->piece[i].lo < lo ? v->piece[i].lo : lo;
		hi = v->piece[i].hi > hi ? v->piece[i].hi : hi;
		forget(v, i);
	}
	if (v->n == VACANT_PIECES) {
		munmap((void *)v->piece[0].lo, v->piece[0].hi - v->piece[0].lo);
		forget(v, 0);
	}
	v->piece[v->n].lo = lo;
	v->piece[v->n++].hi = hi;
}
