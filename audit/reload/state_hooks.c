#include "reload/state_hooks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/error.h"
#include "dlbind.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "loader/elf.h"
#include "loader/loader.h"
#include "reload/reloads.h"

bool state_hooks_run(struct reloads *rl, const struct generation *old,
		     const struct generation *gen)
{
	goaudit_save_function *save;
	goaudit_load_function *load;
	const char *path = gen->guest->path;
	unsigned version = 0;
	size_t size = 0;
	void *data;
	int result;

	if (!old || !old->object.map)
		return true;
	save = (goaudit_save_function *)elf_lookup(old->object.map, "goaudit_save");
	load = (goaudit_load_function *)elf_lookup(gen->object.map, "goaudit_load");
	if (!save || !load)
		return true;
	data = save(&size, &version);
	if (!data && size == 0)
		return true; /* it has none */
	if (!data) {
		error_set(rl->core,
			  "%s: goaudit_save of the old generation has failed: see "
			  "what it says",
			  path);
		return false;
	}
	result = load(data, size, version);
	rl->loader->host.free(data);
	if (result != 0)
		error_set(rl->core,
			  "%s: the new build does not take the state over "
			  "(goaudit_load returned %d, of version %u, %zu bytes): have it "
			  "accept that version",
			  path, result, version, size);
	return result == 0;
}
