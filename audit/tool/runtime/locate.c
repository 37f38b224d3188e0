#include "tool/runtime/locate.h"
#include "go/protocol.h"
#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/hash.h"
#include "tool/base/text.h"
#include "../dlbind/machine.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OLDEST_MINOR 22 /* Go 1.21: inits of net never run in a shared library */

/* Is it a file that the library or the linker is made from? */
static bool is_source(const FTSENT *e)
{
	return e->fts_info == FTS_F &&
	       (strcmp(e->fts_name, "edits") == 0 ||
		(e->fts_namelen > 3 && strcmp(e->fts_name + e->fts_namelen - 3, ".go") == 0));
}

static int hash_folder(char *folder, struct hash *h)
{
	char *const roots[] = { folder, NULL };
	size_t root_len;
	int status = STATUS_OK;
	FTSENT *e;
	FTS *fts;

	if (folder == NULL)
		return STATUS_OK;
	root_len = strlen(folder);
	fts = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	while (fts != NULL && status == STATUS_OK && (e = fts_read(fts)) != NULL) {
		struct hash one = { .h = 1 };
		char *bytes;
		size_t n;

		if (!is_source(e))
			continue;
		if (read_file(e->fts_path, &bytes, &n) != 0) {
			status = tool_error("%s: %s: the overlay must be readable", e->fts_path,
					    strerror(errno));
			break;
		}
		hash_text(&one, e->fts_path + root_len);
		hash_add(&one, bytes, n);
		h->h += one.h; /* the order of the files does not matter */
		free(bytes);
	}
	if (fts != NULL)
		fts_close(fts);
	return status;
}

/* A toolchain built anew under the same version is another one. */
static void hash_tool(struct hash *h, const char *goroot, const char *name)
{
	char *path = format("%s/pkg/tool/linux_" MACHINE_GOARCH "/%s", goroot, name);
	struct stat st;

	if (stat(path, &st) == 0) {
		hash_add(h, &st.st_size, sizeof st.st_size);
		hash_add(h, &st.st_mtim, sizeof st.st_mtim);
	}
	free(path);
}

static char *make_key(const char *version, const struct hash *h)
{
	char name[48];
	size_t n = 0;

	for (; version[n] != '\0' && n < sizeof name - 1; n++) {
		char c = version[n];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '.' || c == '-';

		name[n] = plain ? c : '_';
	}
	name[n] = '\0';
	return format("%s-%012llx", name, (unsigned long long)(h->h >> 40) & 0xffffffffffffull);
}

/* What `go env` tells, in this order.  All of it makes another std, but for
 * the last. */
enum { E_VERSION, E_GOROOT, E_OS, E_ARCH, E_CGO, E_CC = 7, E_GOFLAGS = 14, E_COUNT };
static char *const env_names[] = {
	"GOVERSION",    "GOROOT",    "GOOS",    "GOARCH",     "CGO_ENABLED",  "GOAMD64",
	"GOEXPERIMENT", "CC",        "CXX",     "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS",
	"CGO_LDFLAGS",  "GOFIPS140", "GOFLAGS", NULL,
};

static int ask_go(const struct tool *t, struct list *answers)
{
	char *argv[E_COUNT + 3] = { (char *)(uintptr_t)t->go, "env" };
	char *out, *line, *rest;

	memcpy(argv + 2, env_names, sizeof env_names);
	out = child_output(argv);
	if (out == NULL)
		return tool_error("%s: cannot be run: install Go, or set GO to the go command",
				  t->go);
	for (line = rest = out; answers->n < E_COUNT && (line = strsep(&rest, "\n")) != NULL;)
		list_add(answers, copy_text(line));
	free(out);
	if (answers->n != E_COUNT)
		return tool_error("%s env: %zu lines, wanted %d: set GO to the go command",
				  t->go, answers->n, E_COUNT);
	return STATUS_OK;
}

static int minor_of(const char *version)
{
	int minor;

	return sscanf(version, "go1.%d", &minor) == 1 ? minor : INT_MAX;
}

static int check_go(char *const *env)
{
	if (strcmp(env[E_OS], "linux") != 0 || strcmp(env[E_ARCH], MACHINE_GOARCH) != 0)
		return tool_error("GOOS=%s GOARCH=%s: guests are for this process's machine: "
				  "unset them",
				  env[E_OS], env[E_ARCH]);
	if (strcmp(env[E_CGO], "1") != 0)
		return tool_error("CGO_ENABLED=%s: a shared library needs cgo: unset it "
				  "and install a C compiler",
				  env[E_CGO]);
	if (minor_of(env[E_VERSION]) < OLDEST_MINOR)
		return tool_error("%s: too old: use Go 1.%d or later", env[E_VERSION],
				  OLDEST_MINOR);
	return STATUS_OK;
}

int runtime_locate(struct tool *t, struct runtime *rt)
{
	struct hash h = { .h = 1 };
	struct list env = { 0 };
	int status;

	*rt = (struct runtime){ 0 };
	/* For every go command started from here on: a toolchain that go.mod
	 * asks for is another runtime, and one from the module cache refuses
	 * overlays. */
	setenv("GOTOOLCHAIN", "local", 1);
	status = tool_open_cache(t);
	if (status == STATUS_OK)
		status = ask_go(t, &env);
	if (status == STATUS_OK)
		status = check_go(env.item);
	if (status == STATUS_OK)
		status = hash_folder(t->overlay, &h);
	if (status == STATUS_OK)
		status = hash_folder(t->linker, &h);
	if (status == STATUS_OK) {
		const int protocol = GO_PROTOCOL;

		for (size_t i = 0; i < E_GOFLAGS; i++)
			hash_text(&h, env.item[i]);
		hash_add(&h, &protocol, sizeof protocol);
		hash_tool(&h, env.item[E_GOROOT], "compile");
		hash_tool(&h, env.item[E_GOROOT], "link");
		rt->version = copy_text(env.item[E_VERSION]);
		rt->minor = minor_of(rt->version);
		rt->goroot = copy_text(env.item[E_GOROOT]);
		rt->cc = copy_text(env.item[E_CC]);
		rt->goflags = copy_text(env.item[E_GOFLAGS]);
		rt->key = make_key(rt->version, &h);
		rt->dir = format("%s/runtime/%s", t->cache, rt->key);
		rt->libstd = format("%s/libstd.so", rt->dir);
		rt->overlay_json = format("%s/overlay.json", rt->dir);
	}
	list_free(&env);
	return status;
}
