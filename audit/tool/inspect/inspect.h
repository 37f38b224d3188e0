/* goaudit inspect: why a library will or will not reload.
 *
 * An image is opened as an object (its bytes, and what audit/image says of
 * them); findings about it are collected in a report.
 *
 *	report.c          findings, and the verdict on them
 *	object.c          objects: opening, their symbols, relocations, flags
 *	needed.c          what ld.so would load with one
 *	hazards.c         hazards that one image shows by itself
 *	many_arguments.c  functions with many arguments
 *	go.c              the Go runtime it needs
 *	thread_pointer.c  what a Go program does to whoever enters it
 *	host.c            COPY relocations, symbols that a host captures
 *	inspect.c         the order of all that
 *	print.c           text and JSON
 *
 * The bytes may be hostile.  Every address is checked by audit/image; beyond
 * that, work is bounded by the limits of each file and by n log n of the file's size,
 * and whatever is printed has its control characters replaced. */
#ifndef GOAUDIT_TOOL_INSPECT_INSPECT_H
#define GOAUDIT_TOOL_INSPECT_INSPECT_H

#include "tool/inspect/needed.h"
#include "tool/inspect/report.h"

/* Judges the image at path, or, with path NULL, len bytes.  report_free may be
 * called on any outcome.  Reading fails with a finding, not with an exit. */
void inspect_file(struct inspector *in, const char *path, struct report *r);
void inspect_bytes(struct inspector *in, char *bytes, size_t len, struct report *r);

/* --host and --runtime.  0, or a status after a message. */
int inspector_set_host(struct inspector *in, const char *path);
int inspector_set_runtime(struct inspector *in, const char *path);
void inspector_free(struct inspector *in);

/* Static TLS that ld.so has to find, under an auditor, for what a program is linked to and
 * for the libraries in `preload` (as in LD_PRELOAD, or NULL); 0: not an image. */
uint64_t inspect_tls(struct inspector *in, const char *path, const char *preload);

#endif
