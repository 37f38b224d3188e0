#include "tool/inspect/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FINDINGS_MAX 64

void report_add(struct report *r, enum finding_level level, const char *id, const char *cure,
		const char *fmt, ...)
{
	struct finding *f;
	va_list ap;
	char *text;

	if (r->n == FINDINGS_MAX)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = copy_text("out of memory");
	va_end(ap);
	if (r->finding == NULL)
		r->finding = allocate(FINDINGS_MAX * sizeof *r->finding);
	f = &r->finding[r->n++];
	*f = (struct finding){ level, id, make_printable(text), cure };
	if (level > r->worst)
		r->worst = level;
}

void report_free(struct report *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->finding[i].text);
	free(r->finding);
	free(r->path);
	free(r->what);
	free(r->runtime);
	*r = (struct report){ 0 };
}

void names_add(struct names *names, const char *fmt, ...)
{
	char one[INSPECT_NAME_MAX + 64];
	va_list ap;

	if (names->n++ >= INSPECT_NAMES_SHOWN)
		return;
	va_start(ap, fmt);
	vsnprintf(one, sizeof one, fmt, ap);
	va_end(ap);
	text_puts(&names->text, names->n > 1 ? ", " : "");
	text_puts(&names->text, one);
}

const char *names_text(struct names *names)
{
	char *more;

	if (names->n > INSPECT_NAMES_SHOWN) {
		more = format(" and %zu more", names->n - INSPECT_NAMES_SHOWN);
		text_puts(&names->text, more);
		free(more);
	}
	return names->text.s;
}

void names_free(struct names *names)
{
	free(names->text.s);
	*names = (struct names){ 0 };
}
