/* The layer of language runtimes: what one wants when a generation comes and goes. */
#ifndef GOAUDIT_ADAPTER_ADAPTERS_H
#define GOAUDIT_ADAPTER_ADAPTERS_H

#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "dlbind.h"
#include "goaudit.h"
#include "image/image.h"

struct core;
struct entries;
struct guests;
struct loader;

enum gort_state {
	GORT_NONE,
	GORT_STARTING,
	GORT_READY,
	GORT_FAILED,
	GORT_PARENTS, /* it runs in the process that this one was forked from */
};

/* The one Go runtime of the process.  L; constant once ready. */
struct gort {
	enum gort_state state;
	int pid; /* of the process that it runs in */
	struct link_map *map;
	bool program_seen;  /* binding.c has looked whether */
	bool program_names; /* the program defines names of Go's */
	void (*crosscall2)(void *fn, void *arg, int size, uintptr_t context);
	void *init, *canon, *unlink, *settle, *guard, *stats; /* protocol.h's entry points */
	uint8_t abi_hash[IMAGE_HASH_MAX];
	unsigned abi_hash_len;
	uint64_t start_ns;
	char version[64];
	char path[512];
};

#define PANICS_KEPT 64

/* Texts of panics that ended a call (panic.c). */
struct panics {
	pthread_mutex_t lock;   /* the letter P: kept and count; a leaf */
	void *entry;            /* goaudit_guard; c once set */
	uint64_t (*last)(void); /* goaudit_guard_last; before entry */
	struct {
		uint64_t number;
		char *text;
	} kept[PANICS_KEPT];
	uint64_t count; /* number of the last one, from 1 */
};

struct adapters {
	struct core *core;
	struct loader *loader;
	struct guests *guests;
	struct entries *entries;
	struct gort gort;
	struct panics panics;
};

/* Once, from la_version. */
void adapters_init(struct adapters *ad);

/* Calls an entry point of the Go runtime (go/protocol.h).  Without locks. */
static inline void adapters_call(struct adapters *ad, void *fn, void *request)
{
	ad->gort.crosscall2(fn, request, 0, 0);
}

#endif
