/* The layer of language runtimes: what one wants when a generation comes and goes. */
#ifndef GOAUDIT_ADAPTER_ADAPTERS_H
#define GOAUDIT_ADAPTER_ADAPTERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "dlbind.h"
#include "goaudit.h"

struct core;
struct entries;
struct gort;
struct guests;
struct loader;

#define PANICS_KEPT 64

/* Texts of panics that ended a call, or package inits. */
struct panics {
	pthread_mutex_t lock;   /* the letter P: kept and count; a leaf */
	void *entry;            /* goaudit_guard; c once set */
	uint64_t (*last)(void); /* goaudit_guard_last; before entry */
	void (*set)(uint64_t);  /* goaudit_guard_set; before entry */
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
	struct gort *gort; /* c: go/gort.h */
	bool runtimes; /* there is one that asks ld.so (struct adapter, is_runtime); atomic */
	struct panics panics;
};

#endif
