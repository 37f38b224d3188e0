/* The settings: from the environment, read once in la_version; under secure execution
 * (AT_SECURE) nothing is read, and all have their defaults. */
#ifndef GOAUDIT_CORE_SETTINGS_H
#define GOAUDIT_CORE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

struct core;
struct settings;

/* One variable.  The table and goaudit(7) say the same: test/intercept/t-settings.sh. */
struct setting {
	const char *name;
	const char *initial; /* the default, as the manual has it */
	const char *wants;   /* what is understood, for the log */
	bool (*take)(struct settings *s, const char *value); /* false: not understood,
								 * and nothing is changed */
};

extern const struct setting settings_table[];
extern const size_t settings_count;

/* Reads the environment, and then starts the log, which says what was not understood.
 * Once, before there are other threads. */
void settings_read(struct core *core);

#endif
