#include "loader/tiny.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "../dlbind/embed.h"
#include "../dlbind/machine.h"
#include "../dlbind/private.h"
#include "core/error.h"
#include "dlbind.h"
#include "goaudit.h"
#include "loader/folder.h"
#include "loader/loader.h"
#include "loader/transaction.h"

/* libdlbind's callbacks have no argument of ours. */
static struct loader *loader;

/* Into the host's namespace, and not as a call of the host's. */
static void *open_here(const char *path, int mode)
{
	return call_dlopen(loader, false, path, mode);
}

static int close_here(void *handle)
{
	struct call plain = { .kind = CALL_PLAIN };
	int result;

	call_push(loader, &plain);
	result = dlclose(handle);
	call_pop(loader, &plain);
	return result;
}

static const char *folder(void)
{
	return folder_made(loader);
}

static void *thread_text(size_t size, bool make)
{
	return error_place(loader->core, size, make);
}

/* Who tells debuggers stands above this file. */
static tiny_relist *tell;
static tiny_watched *look;

static int relist(struct link_map *map, void (*between)(void *), void *arg)
{
	return tell(loader, map, between, arg) ? 0 : -1;
}

static bool watched(void)
{
	return look(loader);
}

void tiny_init(struct loader *ld, tiny_relist *how, tiny_watched *is_watched)
{
	static const struct dlbind_loader functions = { open_here, close_here,  dlerror,
							folder,    thread_text, relist,
							watched };

	loader = ld;
	tell = how;
	look = is_watched;
	dlbind_use_loader(&functions);
}

const char *tiny_object(struct loader *ld)
{
	char *tiny = ld->tiny.path;

	if (tiny[0] && private_file(tiny))
		return tiny;
	return dlbind_tiny("tiny", tiny) == 0 ? tiny : NULL;
}

int tiny_main(struct loader *ld)
{
	static const struct dlbind_options options = {
		.size = sizeof options,
		.flags = DLBIND_GLOBAL | DLBIND_WRITE_ALIAS,
		.max_code = MACHINE_PAGE,
		.max_rodata = MACHINE_PAGE,
		.max_data = MACHINE_PAGE,
		.max_symbols = 16,
	};
	void *library, *code = NULL;

	if (ld->tiny.main)
		return 0;
	library = dlcreate_with_options("goaudit-main.so", &options);
	if (library)
		code = dlalloc(library, MACHINE_RETURN_SIZE, SHF_EXECINSTR);
	if (code) {
		memcpy(dlwritable(library, code), MACHINE_RETURN, MACHINE_RETURN_SIZE);
		if (dlbind(library, "main.main", code, MACHINE_RETURN_SIZE, STT_FUNC)) {
			ld->tiny.main = true;
			return 0;
		}
	}
	error_set(ld->core, "%s", dlbind_error());
	if (library)
		dldelete(library);
	return -1;
}
