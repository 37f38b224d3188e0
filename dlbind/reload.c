/* dlreload, by itself: who has one of his own does not link it from the archive. */
#include "dlbind.h"
#include "embed.h"

__attribute__((visibility("default"))) void *dlreload(void *library)
{
	void *(*other)(void *);

	if (!dlbind_owns(library)) {
		/* The audit module's, for its guests. */
		other = (void *(*)(void *))dlsym(RTLD_NEXT, "dlreload");
		if (other)
			return other(library);
	}
	return dlbind_notify(library) == 0 ? library : NULL;
}
