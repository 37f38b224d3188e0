/* Finding the runtime library of a Go toolchain in the cache. */
#include "tool/runtime/runtime.h"
#include "go/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLDEST_MINOR 22	/* Go 1.21: inits of net never run in a shared library */

char *const runtime_env[RUNTIME_ENV + 1] = {
	/* An empty GOFLAGS would mean the one of `go env -w`. */
	"GOFLAGS=-buildvcs=false", "GOWORK=off", "GO111MODULE=on", NULL,
};

/* FNV-1a, 128 bits: names a folder, guards nothing. */
struct hash {
	unsigned __int128 h;
};

static void
hash_add(struct hash *h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	const unsigned __int128 prime = ((unsigned __int128)1 << 88) | 0x13b;

	for (size_t i = 0; i < n; i++)
		h->h = (h->h ^ p[i]) * prime;
}

/* With its end, so that two texts cannot run into each other. */
static void
hash_text(struct hash *h, const char *s)
{
	hash_add(h, s, strlen(s) + 1);
}

/* Is it a file that the library or the linker is made from? */
static bool
is_source(const FTSENT *e)
{
	return e->fts_info == FTS_F &&
	       (strcmp(e->fts_name, "edits") == 0 ||
		(e->fts_namelen > 3 && strcmp(e->fts_name + e->fts_namelen - 3, ".go") == 0));
}

static int
hash_folder(char *folder, struct hash *h)
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
			status = tool_error("%s: %s: the overlay must be readable",
					    e->fts_path, strerror(errno));
			break;
		}
		hash_text(&one, e->fts_path + root_len);
		hash_add(&one, bytes, n);
		h->h += one.h;	/* the order of the files does not matter */
		free(bytes);
	}
	if (fts != NULL)
		fts_close(fts);
	return status;
}

/* A toolchain built anew under the same version is another one. */
static void
hash_tool(struct hash *h, const char *goroot, const char *name)
{
	char *path = format("%s/pkg/tool/linux_amd64/%s", goroot, name);
	struct stat st;

	if (stat(path, &st) == 0) {
		hash_add(h, &st.st_size, sizeof st.st_size);
		hash_add(h, &st.st_mtim, sizeof st.st_mtim);
	}
	free(path);
}

static char *
make_key(const char *version, const struct hash *h)
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
	return format("%s-%012llx", name,
		      (unsigned long long)(h->h >> 40) & 0xffffffffffffull);
}

/* What `go env` tells, in this order.  All of it makes another std, but for
 * the last. */
enum { E_VERSION, E_GOROOT, E_OS, E_ARCH, E_CGO, E_CC = 7, E_GOFLAGS = 14, E_COUNT };
static char *const env_names[] = {
	"GOVERSION", "GOROOT", "GOOS", "GOARCH", "CGO_ENABLED", "GOAMD64",
	"GOEXPERIMENT", "CC", "CXX", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS",
	"CGO_LDFLAGS", "GOFIPS140", "GOFLAGS", NULL,
};

static int
ask_go(const struct tool *t, struct list *answers)
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

static int
minor_of(const char *version)
{
	int minor;

	return sscanf(version, "go1.%d", &minor) == 1 ? minor : INT_MAX;
}

static int
check_go(char *const *env)
{
	if (strcmp(env[E_OS], "linux") != 0 || strcmp(env[E_ARCH], "amd64") != 0)
		return tool_error("GOOS=%s GOARCH=%s: guests are for this process's machine: "
				  "unset them", env[E_OS], env[E_ARCH]);
	if (strcmp(env[E_CGO], "1") != 0)
		return tool_error("CGO_ENABLED=%s: a shared library needs cgo: unset it "
				  "and install a C compiler", env[E_CGO]);
	if (minor_of(env[E_VERSION]) < OLDEST_MINOR)
		return tool_error("%s: too old: use Go 1.%d or later", env[E_VERSION],
				  OLDEST_MINOR);
	return STATUS_OK;
}

int
runtime_locate(struct tool *t, struct runtime *rt)
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

void
runtime_free(struct runtime *rt)
{
	free(rt->version);
	free(rt->goroot);
	free(rt->cc);
	free(rt->goflags);
	free(rt->key);
	free(rt->dir);
	free(rt->libstd);
	free(rt->overlay_json);
	free(rt->abi);
	*rt = (struct runtime){ 0 };
}

int
runtime_lock(const struct tool *t, const char *key, bool wait)
{
	char *path = format("%s/runtime/.%s.lock", t->cache, key);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), e;

	free(path);
	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
		if (errno == EINTR)
			continue;
		e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

char *
runtime_abi(const char *dir)
{
	char *path = format("%s/complete", dir), *bytes, *abi = NULL;
	size_t n;

	if (read_file(path, &bytes, &n) == 0) {
		if (strncmp(bytes, "abi ", 4) == 0)
			abi = format("%.*s", (int)strcspn(bytes + 4, "\n"), bytes + 4);
		free(bytes);
	}
	free(path);
	return abi;
}

bool
runtime_is_ours(const char *dir)
{
	char *abi = runtime_abi(dir);
	bool ours = abi != NULL || is_marked(dir);

	free(abi);
	return ours;
}

/* Two libraries of one ABI hash differ in the overlay alone, and serve each
 * other's guests: the one used last is the one to be found. */
static int
link_abi(const struct tool *t, const struct runtime *rt)
{
	char *dir = format("%s/runtime/by-abi", t->cache);
	char *path = format("%s/%s", dir, rt->abi);
	char *target = format("../%s", rt->key), now[512];
	ssize_t n = readlink(path, now, sizeof now - 1);
	int status = STATUS_OK;

	if (n < 0 || (size_t)n != strlen(target) || memcmp(now, target, (size_t)n) != 0)
		if (make_dirs(dir) != 0 || replace_symlink(target, path) != 0)
			status = tool_error("%s: %s: make the cache folder writable",
					    path, strerror(errno));
	free(dir);
	free(path);
	free(target);
	return status;
}

static int
build_locked(struct tool *t, struct runtime *rt, enum runtime_said said)
{
	char *base = format("%s/runtime", t->cache);
	int lock, status = STATUS_OK;

	if (make_dirs(base) != 0)
		status = tool_error("%s: %s: make the cache folder writable", base,
				    strerror(errno));
	free(base);
	if (status != STATUS_OK)
		return status;
	lock = runtime_lock(t, rt->key, false);
	if (lock < 0 && errno == EWOULDBLOCK) {
		if (t->tty || said == RUNTIME_ANNOUNCE)
			fprintf(stderr, "goaudit: waiting for another goaudit that builds %s\n",
				rt->key);
		lock = runtime_lock(t, rt->key, true);
	}
	if (lock < 0)
		return tool_error("%s: lock: %s: make the cache folder writable", rt->key,
				  strerror(errno));
	rt->abi = runtime_abi(rt->dir);	/* the other may have done it */
	if (rt->abi == NULL) {
		if (said == RUNTIME_ANNOUNCE)
			fprintf(stderr, "goaudit: building the runtime library for %s, "
				"once for this toolchain: about a minute\n", rt->version);
		status = runtime_build(t, rt);
	}
	close(lock);
	return status;
}

int
runtime_ensure(struct tool *t, struct runtime *rt, enum runtime_said said)
{
	int status = STATUS_OK;

	rt->abi = runtime_abi(rt->dir);
	if (rt->abi == NULL)
		status = build_locked(t, rt, said);
	return status == STATUS_OK ? link_abi(t, rt) : status;
}
