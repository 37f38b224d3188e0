/* Reports as text and as JSON. */
#include "tool/inspect/print.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const level_names[] = {
	[LEVEL_NOTE] = "note",
	[LEVEL_WARNING] = "warning",
	[LEVEL_REFUSED] = "refused",
};

static const char *const level_colours[] = {
	[LEVEL_NOTE] = "",
	[LEVEL_WARNING] = "\033[33m",
	[LEVEL_REFUSED] = "\033[31m",
};

void report_print(const struct report *r, bool colour)
{
	const char *on = colour ? level_colours[r->worst] : "";
	const char *off = colour && r->worst != LEVEL_NOTE ? "\033[0m" : "";

	printf("%s: %s: %s%s%s\n", r->path, r->what, on, r->verdict, off);
	for (int level = LEVEL_REFUSED; level >= LEVEL_NOTE; level--)
		for (size_t i = 0; i < r->n; i++) {
			const struct finding *f = &r->finding[i];

			if ((int)f->level == level)
				printf("    %s [%s]: %s%s%s\n", level_names[level], f->id,
				       f->text, f->cure != NULL ? ": " : "",
				       f->cure != NULL ? f->cure : "");
		}
}

static void add_pair(struct text *t, const char *before, const char *name, const char *value)
{
	text_puts(t, before);
	text_json(t, name);
	text_puts(t, ": ");
	if (value != NULL)
		text_json(t, value);
	else
		text_puts(t, "null");
}

static void add_finding(struct text *t, const struct finding *f, bool first)
{
	add_pair(t, first ? "\n    {" : ",\n    {", "id", f->id);
	add_pair(t, ", ", "level", level_names[f->level]);
	add_pair(t, ", ", "text", f->text);
	add_pair(t, ", ", "cure", f->cure);
	text_puts(t, "}");
}

void report_json(const struct report *r, bool first)
{
	char *bytes = format("%llu", (unsigned long long)r->bytes), hex[IMAGE_HEX_MAX];
	struct text t = { 0 };

	image_hex(r->facts.abi_hash, r->facts.abi_hash_len, hex);
	add_pair(&t, first ? "\n  {" : ",\n  {", "path", r->path);
	add_pair(&t, ", ", "what", r->what);
	add_pair(&t, ", ", "verdict", r->verdict);
	add_pair(&t, ", ", "worst", level_names[r->worst]);
	text_puts(&t, ", \"bytes\": ");
	text_puts(&t, bytes);
	add_pair(&t, ", ", "go", r->facts.go_version[0] != '\0' ? r->facts.go_version : NULL);
	add_pair(&t, ", ", "abi", *hex != '\0' ? hex : NULL);
	add_pair(&t, ", ", "runtime", r->runtime);
	text_puts(&t, ", \"debug_info\": ");
	text_puts(&t, r->facts.has_dwarf ? "true" : "false");
	text_puts(&t, ", \"findings\": [");
	for (size_t i = 0; i < r->n; i++)
		add_finding(&t, &r->finding[i], i == 0);
	text_puts(&t, r->n > 0 ? "\n  ]}" : "]}");
	fputs(t.s, stdout);
	free(t.s);
	free(bytes);
}
