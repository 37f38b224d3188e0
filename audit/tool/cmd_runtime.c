/* goaudit runtime: builds, finds, lists and removes runtime libraries. */
#include "tool/build/pkgdir.h"

#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct options {
	enum { BUILD, PRINT, LIST, CLEAN } what;
	bool json, keep;
	struct list keys;	/* --clean: only these */
};

static const struct argp_option option_table[] = {
	{ "print", 'p', NULL, 0, "Print the path of libstd.so only", 0 },
	{ "list", 'l', NULL, 0, "List the libraries in the cache", 0 },
	{ "json", 'j', NULL, 0, "With --list: as JSON", 0 },
	{ "clean", 'c', NULL, 0, "Remove the libraries named by KEY, or all", 0 },
	{ "keep-current", 'k', NULL, 0, "With --clean: not the one for the go command in PATH", 0 },
	{ 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'p': o->what = PRINT; return 0;
	case 'l': o->what = LIST; return 0;
	case 'c': o->what = CLEAN; return 0;
	case 'j': o->json = true; return 0;
	case 'k': o->keep = true; return 0;
	case ARGP_KEY_ARG:
		list_add(&o->keys, copy_text(arg));
		return 0;
	case ARGP_KEY_END:
		if (o->json && o->what != LIST)
			argp_error(state, "--json goes with --list");
		if (o->keep && o->what != CLEAN)
			argp_error(state, "--keep-current goes with --clean");
		if (o->keys.n > 0 && o->what != CLEAN)
			argp_error(state, "%s: unexpected: a KEY goes with --clean",
				   o->keys.item[0]);
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static int
not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.' && strcmp(d->d_name, "by-abi") != 0;
}

/* The keys in the cache, finished or not. */
static void
find_keys(const struct tool *t, struct list *keys)
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
static uint64_t
folder_bytes(const char *dir)
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

struct entry {
	char *key, *dir, *libstd, *abi;	/* abi NULL: not complete */
	uint64_t bytes;
	time_t built;
	bool current;			/* of the go command in PATH */
};

static void
entry_open(const struct tool *t, const char *key, const char *current, struct entry *e)
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

static void
entry_close(struct entry *e)
{
	free(e->key);
	free(e->dir);
	free(e->libstd);
	free(e->abi);
}

static void
print_entry(const struct entry *e)
{
	char built[32] = "-";
	struct tm tm;

	if (e->built != 0 && localtime_r(&e->built, &tm) != NULL)
		strftime(built, sizeof built, "%Y-%m-%d %H:%M", &tm);
	printf("%s  %4llu MB  %s  %.16s%s\n", e->key, (unsigned long long)(e->bytes >> 20), built,
	       e->abi != NULL ? e->abi : "incomplete", e->current ? "  current" : "");
}

static void
print_entry_json(const struct entry *e, bool first)
{
	char *tail = format(", \"bytes\": %llu, \"built\": %lld, \"complete\": %s, \"current\": %s}",
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

/* The key of the go command in PATH; NULL, silently, where there is none. */
static char *
current_key(struct tool *t)
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

static int
list_all(struct tool *t, bool json)
{
	struct list keys = { 0 };
	int status = tool_open_cache(t);
	char *current;

	if (status != STATUS_OK)
		return status;
	current = current_key(t);
	find_keys(t, &keys);
	if (json)
		putchar('[');
	for (size_t i = 0; i < keys.n; i++) {
		struct entry e = { 0 };

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

static int
remove_key(const struct tool *t, const char *key)
{
	char *dir = format("%s/runtime/%s", t->cache, key);
	char *abi = runtime_abi(dir), *link = NULL, target[512];
	int status = STATUS_OK, lock = -1;
	ssize_t n;

	if (strchr(key, '/') != NULL || key[0] == '.' || !runtime_is_ours(dir))
		status = tool_error("%s: no such library: see goaudit runtime --list", key);
	else if ((lock = runtime_lock(t, key, false)) < 0)
		status = tool_error("%s: %s", key, errno == EWOULDBLOCK ?
				    "it is being built: try again later" : strerror(errno));
	if (status == STATUS_OK && abi != NULL) {
		link = format("%s/runtime/by-abi/%s", t->cache, abi);
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

static int
clean(struct tool *t, struct list *keys, bool keep)
{
	int status = tool_open_cache(t);
	char *current;

	if (status != STATUS_OK)
		return status;
	current = keep ? current_key(t) : NULL;
	if (keep && current == NULL)
		return tool_error("--keep-current: %s: cannot be run: set GO to the go command",
				  t->go);
	if (keys->n == 0)
		find_keys(t, keys);
	for (size_t i = 0; i < keys->n; i++) {
		if (current != NULL && strcmp(keys->item[i], current) == 0)
			continue;
		if (remove_key(t, keys->item[i]) != STATUS_OK)
			status = STATUS_FAILED;
		else
			printf("removed %s\n", keys->item[i]);
	}
	view_sweep(t);
	free(current);
	return status;
}

static int
build(struct tool *t, bool print)
{
	struct runtime rt;
	int status = runtime_locate(t, &rt);

	if (status == STATUS_OK)
		status = runtime_ensure(t, &rt, RUNTIME_QUIET);
	if (status == STATUS_OK && print)
		puts(rt.libstd);
	else if (status == STATUS_OK)
		printf("runtime %s: %s\n", rt.version, rt.libstd);
	runtime_free(&rt);
	return status;
}

int
cmd_runtime(struct tool *t, int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "[--clean KEY...]",
		.doc = "Builds the shared Go runtime library for the go command in PATH "
		       "(or $GO), once per toolchain, and says where it is.\v"
		       "Libraries are kept in $GOAUDIT_CACHE, or in goaudit in "
		       "$XDG_CACHE_HOME or ~/.cache.",
	};
	struct options o = { .what = BUILD };
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.what == LIST)
		status = list_all(t, o.json);
	else if (o.what == CLEAN)
		status = clean(t, &o.keys, o.keep);
	else
		status = build(t, o.what == PRINT);
	list_free(&o.keys);
	return status;
}
