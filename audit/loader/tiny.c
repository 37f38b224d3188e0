#include "loader/tiny.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "../dlbind/embed.h"
#include "../dlbind/machine.h"
#include "../dlbind/private.h"
#include "loader/transaction.h"
#include "loader/debugger.h"
#include "dlbind.h"
#include "api/goaudit.h"

/* Into the host's namespace, and not as a call of the host's. */
static void *open_here(const char *path, int mode)
{
	return call_dlopen(&goaudit_state, false, path, mode);
}

static int close_here(void *handle)
{
	struct call plain = { .kind = CALL_PLAIN };
	int result;

	call_push(&goaudit_state, &plain);
	result = dlclose(handle);
	call_pop(&goaudit_state, &plain);
	return result;
}

static const char *folder(void)
{
	return snapshot_made_folder(&goaudit_state);
}

static void *thread_text(size_t size, bool make)
{
	return error_place(&goaudit_state, size, make);
}

static int relist(struct link_map *map, void (*between)(void *), void *arg)
{
	return debugger_relist(&goaudit_state, map, between, arg) ? 0 : -1;
}

void made_init(void)
{
	static const struct dlbind_loader loader = {
		open_here, close_here, dlerror, folder, thread_text, relist
	};

	dlbind_use_loader(&loader);
}

const char *made_tiny(struct goaudit *ga)
{
	char *tiny = ga->made.tiny;

	if (tiny[0] && private_file(tiny))
		return tiny;
	return dlbind_tiny("tiny", tiny) == 0 ? tiny : NULL;
}

int made_main(struct goaudit *ga)
{
	static const struct dlbind_options options = {
		.size = sizeof options, .flags = DLBIND_GLOBAL | DLBIND_WRITE_ALIAS,
		.max_code = MACHINE_PAGE, .max_rodata = MACHINE_PAGE, .max_data = MACHINE_PAGE,
		.max_symbols = 16,
	};
	void *library, *code = NULL;

	if (ga->made.main)
		return 0;
	library = dlcreate_with_options("goaudit-main.so", &options);
	if (library)
		code = dlalloc(library, MACHINE_RETURN_SIZE, SHF_EXECINSTR);
	if (code) {
		memcpy(dlwritable(library, code), MACHINE_RETURN, MACHINE_RETURN_SIZE);
		if (dlbind(library, "main.main", code, MACHINE_RETURN_SIZE, STT_FUNC)) {
			ga->made.main = true;
			return 0;
		}
	}
	error_set(ga, "%s", dlbind_error());
	if (library)
		dldelete(library);
	return -1;
}
