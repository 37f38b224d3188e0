#include "reload/state_hooks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "dlbind.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "loader/elf.h"
#include "loader/loader.h"
#include "reload/reloads.h"

void state_hooks_reason(struct reloads *rl, const struct generation *gen, char *out,
			size_t size)
{
	goaudit_state_error_function *ask =
		(goaudit_state_error_function *)elf_lookup(gen->object.map,
							   "goaudit_state_error");
	char *text = ask ? ask() : NULL;

	out[0] = 0;
	if (!text)
		return;
	snprintf(out, size, "%.*s: ", (int)size - 3, text);
	rl->loader->host.free(text);
}

bool state_hooks_run(struct reloads *rl, const struct generation *old,
		     const struct generation *gen)
{
	goaudit_save_function *save;
	goaudit_load_function *load;
	const char *path = gen->guest->path;
	unsigned version = 0;
	size_t size = 0;
	char why[512];
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
		state_hooks_reason(rl, old, why, sizeof why);
		error_set(rl->core,
			  "%s: goaudit_save of the old generation has failed: %ssee "
			  "what it says",
			  path, why);
		return false;
	}
	result = load(data, size, version);
	rl->loader->host.free(data);
	if (result == 0)
		return true;
	state_hooks_reason(rl, gen, why, sizeof why);
	error_set(rl->core,
		  "%s: the new build does not take the state over "
		  "(goaudit_load returned %d, of version %u, %zu bytes): %shave it "
		  "accept that version",
		  path, result, version, size, why);
	return false;
}
