/* What has been found out about an image. */
#ifndef GOAUDIT_TOOL_INSPECT_REPORT_H
#define GOAUDIT_TOOL_INSPECT_REPORT_H

#include "image/image.h"
#include "tool/base/text.h"

#define INSPECT_NAME_MAX    160 /* bytes of a name that are shown */
#define INSPECT_NAMES_SHOWN 6   /* of a list of names */

enum finding_level {
	LEVEL_NOTE,    /* good to know; nothing to be done */
	LEVEL_WARNING, /* it reloads, but see to this */
	LEVEL_REFUSED, /* it will not be loaded as reloadable, or not at all */
};

struct finding {
	enum finding_level level;
	const char *id;   /* stable, for scripts: "static-tls" */
	char *text;       /* what is so */
	const char *cure; /* what to do; NULL: nothing */
};

struct report {
	char *path;
	char *what;          /* "C", "Go guest over libstd.so", ... */
	const char *verdict; /* "reloads", ... */
	enum finding_level worst;
	bool readable; /* it is an ELF image that can be judged */
	struct image_facts facts;
	uint64_t bytes;
	char *runtime; /* Go guest: the library that it will run over; or NULL */
	struct finding *finding;
	size_t n;
};

/* Adds a finding; text is printf-like and made printable. */
void report_add(struct report *r, enum finding_level level, const char *id, const char *cure,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void report_free(struct report *r);

/* "a, b, c and 4 more", of which only the first are shown. */
struct names {
	struct text text;
	size_t n;
};
void names_add(struct names *names, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *names_text(struct names *names); /* call once, at the end */
void names_free(struct names *names);

#endif
