/* Building the shared Go runtime library.
 *
 * -linkshared is given although nothing is linked against yet: guests are
 * built with it, it changes how every package is compiled, and without it
 * here each cache of compiled packages would be made twice.  It turns DWARF
 * off, which -w=0 turns on again.  -checklinkname=0 is for the overlay, which
 * reaches into other packages of std; Go 1.22 does not check, and has no such
 * flag. */
#include "tool/runtime/build.h"
#include "core/path.h"
#include "tool/runtime/edits.h"
#include "tool/runtime/linker.h"
#include "image/image.h"
#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_SHOWN \
	2000 /* bytes of go's output shown when it fails: the first
			 * error explains those that follow */

/* Copies one overlay file beside the library: later changes of the original
 * must not leak into the guests of this one. */
static int take_overlay_file(struct runtime *rt, const char *from, const char *rel,
			     struct text *json)
{
	/* rel is "/PKG/NAME.go" or "/PKG/_GROUP/NAME.go". */
	const char *name = path_base(rel), *group = strstr(rel, "/_");
	const char *pkg_end = group != NULL ? group + 1 : name;
	char *to = format("%s/overlay%s", rt->dir, rel);
	char *dir = format("%.*s", (int)(strlen(to) - strlen(name) - 1), to);
	char *src = format("%s/src%.*szz_%s", rt->goroot, (int)(pkg_end - rel), rel, name);
	int status = STATUS_OK;

	if (make_dirs(dir) != 0 || copy_file(from, to) != 0)
		status = tool_error("%s: %s: make the cache folder writable", to,
				    strerror(errno));
	edits_stand_for(json, src, to);
	free(to);
	free(dir);
	free(src);
	return status;
}

/* Writes the files of std that are changed, and their lines of overlay.json. */
static int take_edits(struct runtime *rt, const char *overlay, struct text *json)
{
	char *root = format("%s/src", rt->goroot), *list = format("%s/edits", overlay);
	struct edits edits = { .root = root };
	int status =
		edits_make(&edits, list) ?
			STATUS_OK :
			tool_error(
				"%s: this release of Go is not known: use one that goaudit(1) "
				"lists",
				rt->version);

	for (struct edited *f = edits.files; f != NULL && status == STATUS_OK; f = f->next) {
		char *to = format("%s/overlay/%s", rt->dir, f->name);
		char *dir = format("%.*s", (int)path_folder(to), to);
		char *src = format("%s/%s", root, f->name);

		if (make_dirs(dir) != 0 || write_file(to, f->text, strlen(f->text), 0644) != 0)
			status = tool_error("%s: %s: make the cache folder writable", to,
					    strerror(errno));
		edits_stand_for(json, src, to);
		free(to);
		free(dir);
		free(src);
	}
	edits_free(&edits);
	free(list);
	free(root);
	return status;
}

/* Writes overlay.json, which has no entries where there is no overlay.
 * *files counts them. */
static int take_overlay(struct tool *t, struct runtime *rt, size_t *files)
{
	char *const roots[] = { t->overlay, NULL };
	struct text json = { 0 };
	FTS *fts = t->overlay != NULL ? fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL) : NULL;
	int status = STATUS_OK;
	char *all;
	FTSENT *e;

	*files = 0;
	text_add(&json, "", 0);
	while (fts != NULL && status == STATUS_OK && (e = fts_read(fts)) != NULL) {
		const char *rel = e->fts_path + (t->overlay != NULL ? strlen(t->overlay) : 0);

		/* A file at the top belongs to no package. */
		if (e->fts_info != FTS_F || e->fts_level < 2 || e->fts_namelen < 4 ||
		    strcmp(e->fts_name + e->fts_namelen - 3, ".go") != 0)
			continue;
		status = take_overlay_file(rt, e->fts_path, rel, &json);
		++*files;
	}
	if (fts != NULL)
		fts_close(fts);
	if (t->overlay != NULL && status == STATUS_OK)
		status = take_edits(rt, t->overlay, &json);
	all = format("{\n\t\"Replace\": {%s\n\t}\n}\n", json.s);
	if (status == STATUS_OK && write_file(rt->overlay_json, all, strlen(all), 0644) != 0)
		status = tool_error("%s: %s: make the cache folder writable", rt->overlay_json,
				    strerror(errno));
	free(all);
	free(json.s);
	return status;
}

static unsigned count_packages(const char *dir)
{
	char *const roots[] = { (char *)(uintptr_t)dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	unsigned n = 0;
	FTSENT *e;

	while (fts != NULL && (e = fts_read(fts)) != NULL)
		n += e->fts_namelen > 2 && strcmp(e->fts_name + e->fts_namelen - 2, ".a") == 0;
	if (fts != NULL)
		fts_close(fts);
	return n;
}

/* Waits for the build; on a terminal with a line that says how it goes. */
static int watch(const struct tool *t, const struct runtime *rt, pid_t pid, const char *pkg)
{
	const struct timespec tick = { .tv_nsec = 250000000 };
	time_t start = time(NULL);
	siginfo_t info = { 0 };

	if (!t->tty)
		return child_wait(pid);
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0) {
		fprintf(stderr, "\rbuilding the runtime library for %s: %u packages, %ld s ",
			rt->version, count_packages(pkg), (long)(time(NULL) - start));
		nanosleep(&tick, NULL);
	}
	fputs("\r\033[K", stderr);
	return child_wait(pid);
}

static void show_log(const char *log)
{
	char *bytes;
	size_t n;

	if (read_file(log, &bytes, &n) != 0)
		return;
	fprintf(stderr, "%.*s%s", LOG_SHOWN, bytes, n > LOG_SHOWN ? "...\n" : "");
	free(bytes);
}

static int run_go(struct tool *t, struct runtime *rt)
{
	char *pkg = format("%s/pkg", rt->dir), *log = format("%s/build.log", rt->dir);
	char *argv[] = {
		(char *)(uintptr_t)t->go,
		"install",
		"-buildmode=shared",
		"-linkshared",
		"-overlay",
		rt->overlay_json,
		"-pkgdir",
		pkg,
		rt->minor >= 23 ? "-ldflags=-checklinkname=0 -w=0" : "-ldflags=-w=0",
		format("-toolexec='%s' toolexec", t->exe),
		"std",
		NULL,
	};
	char *linker = linker_path(rt), *env[RUNTIME_ENV + 3] = { NULL };
	struct child c = { .argv = argv, .dir = rt->dir, .env = env };
	void (*old)(int) = signal(SIGINT, SIG_IGN);
	int status;
	pid_t pid;

	memcpy(env, runtime_env, sizeof runtime_env);
	if (linker != NULL) {
		env[RUNTIME_ENV] = format("GOAUDIT_LINK=%s", linker);
		env[RUNTIME_ENV + 1] = format("GOAUDIT_LINK_ID=%s", rt->key);
	}
	c.out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	pid = c.out < 0 ? -1 : child_start(&c);
	if (pid < 0) {
		status = tool_error("%s: %s: cannot start %s", log, strerror(errno), t->go);
	} else {
		status = watch(t, rt, pid, pkg);
		if (status > 128)
			tool_error("go install std: ended by signal %d", status - 128);
		else if (status != 0) {
			show_log(log);
			status = tool_error("go install -buildmode=shared std: exit status %d: "
					    "see %s",
					    status, log);
		}
	}
	if (c.out >= 0)
		close(c.out);
	signal(SIGINT, old);
	free(argv[9]);
	free(env[RUNTIME_ENV]);
	free(linker != NULL ? env[RUNTIME_ENV + 1] : NULL);
	free(linker);
	free(pkg);
	free(log);
	return status;
}

/* Checks the new library, and puts its ABI hash into rt->abi. */
static int check_library(struct runtime *rt, bool want_overlay)
{
	struct image_facts f = { .size = sizeof f };
	enum image_status st;
	char why[128], *bytes, hex[2 * IMAGE_HASH_MAX + 1];
	size_t n;

	if (read_file(rt->libstd, &bytes, &n) != 0)
		return tool_error("%s: %s: see build.log beside it", rt->libstd,
				  strerror(errno));
	st = image_inspect(bytes, n, &f, why, sizeof why);
	free(bytes);
	if (st != IMAGE_OK)
		return tool_error("%s: %s: %s", rt->libstd, image_status_text(st), why);
	if (f.kind != IMAGE_GO_RUNTIME || f.abi_hash_len == 0)
		return tool_error("%s: not a Go runtime library: this Go cannot build one",
				  rt->libstd);
	if (want_overlay && !f.overlay)
		return tool_error("%s: goaudit's entry points are missing from it: "
				  "the overlay does not fit this Go",
				  rt->libstd);
	rt->abi = copy_text(image_hex(f.abi_hash, f.abi_hash_len, hex));
	return STATUS_OK;
}

/* Out of pkg/, where cmd/go would write it again, and made read-only. */
static int place_library(struct runtime *rt)
{
	char *built = format("%s/pkg/libstd.so", rt->dir);
	int status = STATUS_OK;

	if (chmod(built, 0444) != 0 || rename(built, rt->libstd) != 0)
		status = tool_error("%s: %s: see build.log in %s", built, strerror(errno),
				    rt->dir);
	free(built);
	return status;
}

static int write_complete(struct runtime *rt, size_t files)
{
	char *path = format("%s/complete", rt->dir);
	char *text = format("abi %s\ngo %s\noverlay files %zu\n", rt->abi, rt->version, files);
	int status = STATUS_OK, fd = open(rt->libstd, O_RDONLY | O_CLOEXEC);

	/* The marker must not reach the disk before what it vouches for. */
	if (fd < 0 || fsync(fd) != 0 || write_file(path, text, strlen(text), 0444) != 0)
		status = tool_error("%s: %s: make the cache folder writable", path,
				    strerror(errno));
	if (fd >= 0)
		close(fd);
	free(path);
	free(text);
	return status;
}

/* A guest is linked without it as well, only more slowly: failing is no failure. */
static void build_stub(const struct runtime *rt)
{
	char *dir = format("%s/stub", rt->dir);
	char *command = format("exec %s -shared -nostdlib -Wl,-soname,libstd.so -x c -o "
			       "libstd.so /dev/null",
			       rt->cc);
	char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", command, NULL };
	struct child c = { .argv = argv,
			   .dir = dir,
			   .out = open("/dev/null", O_WRONLY | O_CLOEXEC) };
	pid_t pid = make_dirs(dir) == 0 ? child_start(&c) : -1;

	if (pid > 0)
		child_wait(pid);
	if (c.out >= 0)
		close(c.out);
	free(command);
	free(dir);
}

static int build(struct tool *t, struct runtime *rt)
{
	char *pkg = format("%s/pkg", rt->dir);
	size_t files = 0;
	int status = STATUS_OK;

	if (file_exists(rt->dir) && !runtime_is_ours(rt->dir)) {
		free(pkg);
		return tool_error("%s: not made by goaudit: remove it by hand, or set "
				  "GOAUDIT_CACHE to another folder",
				  rt->dir);
	}
	/* What is left of a build that was cut short. */
	if ((remove_tree(rt->dir) != 0 && errno != ENOENT) || make_dirs(rt->dir) != 0 ||
	    mark_folder(rt->dir) != 0 || make_dirs(pkg) != 0)
		status = tool_error("%s: %s: make the cache folder writable", rt->dir,
				    strerror(errno));
	free(pkg);
	if (status == STATUS_OK)
		status = take_overlay(t, rt, &files);
	if (status == STATUS_OK)
		status = linker_build(t, rt);
	if (status == STATUS_OK)
		status = run_go(t, rt);
	if (status == STATUS_OK)
		status = place_library(rt);
	if (status == STATUS_OK)
		build_stub(rt);
	if (status == STATUS_OK)
		status = check_library(rt, files > 0);
	return status == STATUS_OK ? write_complete(rt, files) : status;
}

/* Two libraries of one ABI hash differ in the overlay alone, and serve each
 * other's guests: the one used last is the one to be found. */
static int link_abi(const struct tool *t, const struct runtime *rt)
{
	char *dir = format("%s/" PATH_BY_ABI, t->cache);
	char *path = format("%s/%s", dir, rt->abi);
	char *target = format("../%s", rt->key), now[512];
	ssize_t n = readlink(path, now, sizeof now - 1);
	int status = STATUS_OK;

	if (n < 0 || (size_t)n != strlen(target) || memcmp(now, target, (size_t)n) != 0)
		if (make_dirs(dir) != 0 || replace_symlink(target, path) != 0)
			status = tool_error("%s: %s: make the cache folder writable", path,
					    strerror(errno));
	free(dir);
	free(path);
	free(target);
	return status;
}

static int build_locked(struct tool *t, struct runtime *rt, enum runtime_said said)
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
	rt->abi = runtime_abi(rt->dir); /* the other may have done it */
	if (rt->abi == NULL) {
		if (said == RUNTIME_ANNOUNCE)
			fprintf(stderr,
				"goaudit: building the runtime library for %s, "
				"once for this toolchain: about a minute\n",
				rt->version);
		status = build(t, rt);
	}
	close(lock);
	return status;
}

int runtime_ensure(struct tool *t, struct runtime *rt, enum runtime_said said)
{
	int status = STATUS_OK;

	rt->abi = runtime_abi(rt->dir);
	if (rt->abi == NULL)
		status = build_locked(t, rt, said);
	return status == STATUS_OK ? link_abi(t, rt) : status;
}
