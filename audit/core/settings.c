#include "core/settings.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "core/core.h"
#include "core/log.h"
#include "goaudit.h"

/* Digits and nothing else, up to `most`; *end is behind them. */
static bool number(const char *text, uint64_t most, uint64_t *value, const char **end)
{
	uint64_t v = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = *p - '0';

		if (v > (most - digit) / 10)
			return false;
		v = 10 * v + digit;
	}
	*value = v;
	*end = p;
	return p != text;
}

static bool whole_number(const char *text, uint64_t most, unsigned *value)
{
	const char *end;
	uint64_t v;

	if (!number(text, most, &v, &end) || *end)
		return false;
	*value = (unsigned)v;
	return true;
}

/* "N", "NK", "NM" or "NG". */
static bool bytes(const char *text, uint64_t *value)
{
	static const char units[] = "KMG";
	const char *end, *unit;
	unsigned shift;
	uint64_t v;

	if (!number(text, UINT64_MAX, &v, &end))
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	shift = unit ? 10 * (unit - units + 1) : 0;
	if (end[unit != NULL] || v > UINT64_MAX >> shift)
		return false;
	*value = v << shift;
	return true;
}

static bool on_or_off(const char *text, bool *value)
{
	if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
		return false;
	*value = *text == '1';
	return true;
}

static bool copy(const char *text, char **value)
{
	*value = strdup(text);
	return true; /* out of memory: the default */
}

static bool take_globs(const char *value, char **list)
{
	size_t n = strlen(value);
	char *globs = calloc(1, n + 2), *to = globs;

	if (!globs)
		return true;
	for (const char *p = value; *p; p += strcspn(p, ":"), p += *p == ':') {
		size_t length = strcspn(p, ":");

		memcpy(to, p, length);
		to += length ? length + 1 : 0;
	}
	*list = globs;
	return true;
}

static bool take_reloadable(struct settings *s, const char *value)
{
	return take_globs(value, &s->reloadable);
}

static bool take_watch(struct settings *s, const char *value)
{
	return take_globs(value, &s->watch);
}

static bool take_control(struct settings *s, const char *value)
{
	return on_or_off(value, &s->control);
}

static bool take_log(struct settings *s, const char *value)
{
	return strcmp(value, "0") == 0 || copy(value, &s->log);
}

static bool take_panic(struct settings *s, const char *value)
{
	if (strcmp(value, "return") != 0)
		return false;
	s->panic_return = true;
	return true;
}

static bool take_init_timeout(struct settings *s, const char *value)
{
	return whole_number(value, UINT_MAX, &s->init_timeout);
}

static bool take_held(struct settings *s, const char *value)
{
	uint64_t count, size = s->held_bytes;
	const char *end;

	if (!number(value, UINT_MAX, &count, &end) || (*end && *end != ',') ||
	    (*end && !bytes(end + 1, &size)))
		return false;
	s->held_max = (unsigned)count;
	s->held_bytes = size;
	return true;
}

static bool take_parked(struct settings *s, const char *value)
{
	return whole_number(value, UINT_MAX, &s->parked);
}

static bool take_old_generations(struct settings *s, const char *value)
{
	if (!whole_number(value, 65536, &s->old_generations))
		return false;
	s->old_by_language = false;
	return true;
}

static bool take_reaper_share(struct settings *s, const char *value)
{
	return whole_number(value, 100, &s->reaper_share);
}

static bool take_snapshots(struct settings *s, const char *value)
{
	return copy(value, &s->snapshots);
}

/* It has always been on when it is not empty. */
static bool take_keep(struct settings *s, const char *value)
{
	s->keep = strcmp(value, "0") != 0;
	return true;
}

static bool take_cache(struct settings *s, const char *value)
{
	return copy(value, &s->cache);
}

static bool take_here_only(struct settings *s, const char *value)
{
	return on_or_off(value, &s->here_only);
}

const struct setting settings_table[] = {
	{ "GOAUDIT_RELOADABLE", "none", "globs with colons between them", take_reloadable },
	{ "GOAUDIT_LOG", "0", "0, 1 or a file with a slash in its name", take_log },
	{ "GOAUDIT_PANIC", "the process ends", "return", take_panic },
	{ "GOAUDIT_INIT_TIMEOUT", "0", "milliseconds", take_init_timeout },
	{ "GOAUDIT_HELD", "256,1G", "COUNT or COUNT,SIZE, where SIZE may end in K, M or G",
	  take_held },
	{ "GOAUDIT_PARKED", "256", "a number of guests", take_parked },
	{ "GOAUDIT_OLD_GENERATIONS", "2 of C++ with classes, else 0", "0 to 65536",
	  take_old_generations },
	{ "GOAUDIT_REAPER_SHARE", "20", "0 to 100", take_reaper_share },
	{ "GOAUDIT_SNAPSHOTS", "$XDG_RUNTIME_DIR/goaudit", "a folder", take_snapshots },
	{ "GOAUDIT_KEEP", "0", "0 or 1", take_keep },
	{ "GOAUDIT_CACHE", "${XDG_CACHE_HOME:-$HOME/.cache}/goaudit", "a folder", take_cache },
	{ "GOAUDIT_WATCH", "none", "globs with colons between them", take_watch },
	{ "GOAUDIT_CONTROL", "0", "0 or 1", take_control },
	{ "GOAUDIT_HERE_ONLY", "0", "0 or 1", take_here_only },
};

const size_t settings_count = sizeof settings_table / sizeof *settings_table;

static void set_defaults(struct settings *s)
{
	*s = (struct settings){
		.old_by_language = true,
		.reaper_share = 20,
		.parked = 256,
		.held_max = 256,
		.held_bytes = 1ull << 30,
	};
}

void settings_read(struct core *core)
{
	bool strange[sizeof settings_table / sizeof *settings_table] = { false };
	struct settings *s = &core->settings;
	const char *value;

	set_defaults(s);
	s->secure = getauxval(AT_SECURE) != 0;
	if (s->secure)
		return;
	for (size_t i = 0; i < settings_count; i++) {
		value = getenv(settings_table[i].name);
		strange[i] = value && *value && !settings_table[i].take(s, value);
	}
	log_start(&core->log, s->log);
	for (size_t i = 0; i < settings_count; i++)
		if (strange[i])
			log_line(core, "%s=%s: not understood, so it is %s: set it to %s",
				 settings_table[i].name, getenv(settings_table[i].name),
				 settings_table[i].initial, settings_table[i].wants);
}
