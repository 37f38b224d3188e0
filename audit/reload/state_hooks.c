#include "reload/state_hooks.h"

#include <stddef.h>

#include "api/goaudit.h"

bool handover(struct goaudit *ga, const struct generation *old,
	      const struct generation *gen)
{
	goaudit_save_function *save;
	goaudit_load_function *load;
	const char *path = gen->guest->path;
	unsigned version = 0;
	size_t size = 0;
	void *data;
	int result;

	if (!old || !old->map)
		return true;
	save = (goaudit_save_function *)ldso_lookup(old->map, "goaudit_save");
	load = (goaudit_load_function *)ldso_lookup(gen->map, "goaudit_load");
	if (!save || !load)
		return true;
	data = save(&size, &version);
	if (!data && size == 0)
		return true;		/* it has none */
	if (!data) {
		error_set(ga, "%s: goaudit_save of the old generation has failed: see "
			  "what it says", path);
		return false;
	}
	result = load(data, size, version);
	ga->host.free(data);
	if (result != 0)
		error_set(ga, "%s: the new build does not take the state over "
			  "(goaudit_load returned %d, of version %u, %zu bytes): have it "
			  "accept that version", path, result, version, size);
	return result == 0;
}
