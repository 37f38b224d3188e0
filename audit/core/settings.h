/* The settings: from the environment, read once in la_version; under secure execution
 * (AT_SECURE) nothing is read, and all have their defaults. */
#ifndef GOAUDIT_SETTINGS_H
#define GOAUDIT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct goaudit;

/* Texts are copies: a host may write a title over its environment. */
struct settings {
	bool secure;
	char *reloadable;		/* globs, each with its NUL, and one more NUL; or NULL */
	char *log;			/* NULL: no log */
	char *cache, *snapshots;	/* NULL: the default */
	unsigned reaper_share;		/* percent of a processor */
	unsigned held_max;		/* retired generations that may be held, */
	uint64_t held_bytes;		/* and the size of their mappings */
	unsigned init_timeout;		/* ms; 0: no limit */
	bool panic_return;
	bool keep;			/* snapshots outlive the process */
	bool here_only;			/* children run without the module */
};

/* One variable.  The table and goaudit(7) say the same: test/intercept/t-settings.sh. */
struct setting {
	const char *name;
	const char *initial;		/* the default, as the manual has it */
	const char *wants;		/* what is understood, for the log */
	bool (*take)(struct settings *s, const char *value);	/* false: not understood,
								 * and nothing is changed */
};

extern const struct setting settings_table[];
extern const size_t settings_count;

/* Reads the environment, and then starts the log, which says what was not understood.
 * Once, before there are other threads. */
void settings_read(struct goaudit *ga);

#endif
