/* Hazards that one image shows by itself, and the language it is written in. */
#ifndef GOAUDIT_TOOL_INSPECT_HAZARDS_H
#define GOAUDIT_TOOL_INSPECT_HAZARDS_H

#include "tool/inspect/needed.h"

/* Beyond it a program's libraries want the tunable, so that guests have their share of
 * what glibc keeps (hazards.c). */
#define INSPECT_TLS_SMALL 512

enum language {
	LANG_C,
	LANG_CXX,
	LANG_D,
	LANG_GO,
	LANG_RUST,
	LANG_SWIFT,
	LANG_OCAML,
	LANG_NIM,
	LANG_ZIG
};

void inspect_hazards(struct object *o, enum language lang, struct report *r);
void inspect_program_tls(const struct closure *c, struct report *r);
enum language inspect_language(struct object *o);
const char *inspect_language_name(enum language lang);
char *inspect_druntime(const struct closure *c, struct report *r); /* D over what */

#endif
