#include "tool/runtime/cached.h"
#include "core/path.h"
#include "tool/runtime/locate.h"
#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.' && strcmp(d->d_name, "by-abi") != 0;
}

void cached_keys(const struct tool *t, struct list *keys)
{
	char *base = format("%s/runtime", t->cache);
	struct dirent **d = NULL;
	int n = scandir(base, &d, not_hidden, alphasort);

	for (int i = 0; i < n; i++) {
		char *dir = format("%s/%s", base, d[i]->d_name);

		if (runtime_is_ours(dir))
			list_add(keys, copy_text(d[i]->d_name));
		free(dir);
		free(d[i]);
	}
	free(d);
	free(base);
}

/* What a runtime library takes, its packages included. */
static uint64_t folder_bytes(const char *dir)
{
	char *const roots[] = { (char *)(uintptr_t)dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	uint64_t bytes = 0;
	FTSENT *e;

	while (fts != NULL && (e = fts_read(fts)) != NULL)
		if (e->fts_info == FTS_F)
			bytes += (uint64_t)e->fts_statp->st_blocks * 512;
	if (fts != NULL)
		fts_close(fts);
	return bytes;
}

struct cached {
	char *key, *dir, *libstd, *abi; /* abi NULL: not complete */
	uint64_t bytes;
	time_t built;
	bool current; /* of the go command in PATH */
};

static void entry_open(const struct tool *t, const char *key, const char *current,
		       struct cached *e)
{
	struct stat st = { 0 };

	e->key = copy_text(key);
	e->dir = format("%s/runtime/%s", t->cache, key);
	e->libstd = format("%s/libstd.so", e->dir);
	e->abi = runtime_abi(e->dir);
	e->bytes = folder_bytes(e->dir);
	e->current = current != NULL && strcmp(key, current) == 0;
	if (stat(e->libstd, &st) == 0)
		e->built = st.st_mtime;
}

static void entry_close(struct cached *e)
{
	free(e->key);
	free(e->dir);
	free(e->libstd);
	free(e->abi);
}

static void print_entry(const struct cached *e)
{
	char built[32] = "-";
	struct tm tm;

	if (e->built != 0 && localtime_r(&e->built, &tm) != NULL)
		strftime(built, sizeof built, "%Y-%m-%d %H:%M", &tm);
	printf("%s  %4llu MB  %s  %.16s%s\n", e->key, (unsigned long long)(e->bytes >> 20),
	       built, e->abi != NULL ? e->abi : "incomplete", e->current ? "  current" : "");
}

static void print_entry_json(const struct cached *e, bool first)
{
	char *tail =
		format(", \"bytes\": %llu, \"built\": %lld, \"complete\": %s, \"current\": %s}",
		       (unsigned long long)e->bytes, (long long)e->built,
		       e->abi != NULL ? "true" : "false", e->current ? "true" : "false");
	struct text out = { 0 };

	text_puts(&out, first ? "\n  {\"key\": " : ",\n  {\"key\": ");
	text_json(&out, e->key);
	text_puts(&out, ", \"libstd\": ");
	text_json(&out, e->libstd);
	text_puts(&out, ", \"abi\": ");
	text_json(&out, e->abi != NULL ? e->abi : "");
	text_puts(&out, tail);
	free(tail);
	fputs(out.s, stdout);
	free(out.s);
}

char *cached_current(struct tool *t)
{
	char *argv[] = { (char *)(uintptr_t)t->go, "version", NULL };
	char *out = child_output(argv), *key = NULL;
	struct runtime rt = { 0 };

	if (out != NULL && runtime_locate(t, &rt) == STATUS_OK)
		key = copy_text(rt.key);
	runtime_free(&rt);
	free(out);
	return key;
}

int cached_print(struct tool *t, bool json)
{
	struct list keys = { 0 };
	int status = tool_open_cache(t);
	char *current;

	if (status != STATUS_OK)
		return status;
	current = cached_current(t);
	cached_keys(t, &keys);
	if (json)
		putchar('[');
	for (size_t i = 0; i < keys.n; i++) {
		struct cached e = { 0 };

		entry_open(t, keys.item[i], current, &e);
		if (json)
			print_entry_json(&e, i == 0);
		else
			print_entry(&e);
		entry_close(&e);
	}
	if (json)
		puts(keys.n > 0 ? "\n]" : "]");
	list_free(&keys);
	free(current);
	return STATUS_OK;
}

int cached_remove(const struct tool *t, const char *key)
{
	char *dir = format("%s/runtime/%s", t->cache, key);
	char *abi = runtime_abi(dir), *link = NULL, target[512];
	int status = STATUS_OK, lock = -1;
	ssize_t n;

	if (strchr(key, '/') != NULL || key[0] == '.' || !runtime_is_ours(dir))
		status = tool_error("%s: no such library: see goaudit runtime --list", key);
	else if ((lock = runtime_lock(t, key, false)) < 0)
		status =
			tool_error("%s: %s", key,
				   errno == EWOULDBLOCK ? "it is being built: try again later" :
							  strerror(errno));
	if (status == STATUS_OK && abi != NULL) {
		link = format("%s/" PATH_BY_ABI "/%s", t->cache, abi);
		n = readlink(link, target, sizeof target - 1);
		if (n > 3 && (size_t)n == strlen(key) + 3 &&
		    memcmp(target + 3, key, (size_t)n - 3) == 0)
			unlink(link);
	}
	if (status == STATUS_OK && remove_tree(dir) != 0)
		status = tool_error("%s: %s: remove it by hand", dir, strerror(errno));
	if (lock >= 0)
		close(lock);
	free(dir);
	free(abi);
	free(link);
	return status;
}
