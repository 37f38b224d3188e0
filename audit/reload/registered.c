#include "reload/registered.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/log.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "loader/elf.h"
#include "loader/loader.h"
#include "loader/real.h"
#include "loader/transaction.h"
#include "reload/reloads.h"

/* What a guest has registered.  L. */
struct registered {
	struct registered *next;
	struct generation *gen;
	enum { KEY, HOLD, OBJECT } kind;
	pthread_key_t key;
	void (*function)(void *); /* OBJECT: NULL once it has run */
	void *object;
	char text[256]; /* HOLD */
};

/* What libc calls has no argument of ours but the record. */
static struct reloads *reloads;

static struct registered *add(struct reloads *rl, struct generation *gen, int kind)
{
	struct registered *r = calloc(1, sizeof *r);

	reloads = rl;
	if (!r)
		return NULL;
	r->gen = gen;
	r->kind = kind;
	r->next = rl->registered;
	rl->registered = r;
	return r;
}

static void drop(struct reloads *rl, struct registered *r)
{
	struct registered **p = &rl->registered;

	while (*p != r)
		p = &(*p)->next;
	*p = r->next;
	free(r);
}

static struct generation *generation_of(struct reloads *rl, const void *address)
{
	struct generation *gen;

	pthread_mutex_lock(&rl->core->lock);
	gen = registry_find_address_locked(rl->guests, (uintptr_t)address);
	pthread_mutex_unlock(&rl->core->lock);
	return gen;
}

static void hold(struct reloads *rl, struct generation *gen, const char *text)
{
	struct registered *r;

	pthread_mutex_lock(&rl->core->lock);
	r = add(rl, gen, HOLD);
	if (r)
		snprintf(r->text, sizeof r->text, "%s", text);
	else
		gen->permanent = true;
	pthread_mutex_unlock(&rl->core->lock);
}

/* --- statics of others ---------------------------------------------------- */

/* The same function in the object that has the static, so that the guest may go. */
static void *in_owner(const struct generation *gen, const struct link_map *owner,
		      void *function)
{
	struct elf_name name;

	if (!generation_has(gen, (uintptr_t)function))
		return function;
	if (!elf_name_of(gen->object.map, (uintptr_t)function, &name) || name.offset)
		return NULL;
	return elf_lookup(owner, name.text);
}

/* An object of the host's is never closed from now on, as ld.so does it for a unique symbol
 * (elf/dl-lookup.c, do_lookup_unique). */
static void keep_open(struct reloads *rl, const struct link_map *map)
{
	struct call plain = { .kind = CALL_PLAIN };

	if (map == rl->loader->head || !map->l_name || !map->l_name[0])
		return;
	call_push(rl->loader, &plain);
	dlmopen(LM_ID_BASE, map->l_name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
	call_pop(rl->loader, &plain);
}

/* At exit, in the order of all handlers. */
static void destroy(void *arg)
{
	struct registered *r = arg;
	void (*function)(void *);
	void *object;

	pthread_mutex_lock(&reloads->core->lock);
	function = r->function;
	object = r->object;
	r->function = NULL;
	pthread_mutex_unlock(&reloads->core->lock);
	if (function)
		function(object);
}

/* Of another guest: until that one goes, or at exit. */
static int keep_for(struct reloads *rl, struct generation *owner, void (*function)(void *),
		    void *object)
{
	struct registered *r;

	pthread_mutex_lock(&rl->core->lock);
	r = add(rl, owner, OBJECT);
	if (r) {
		r->function = function;
		r->object = object;
	} else {
		owner->permanent = true;
	}
	pthread_mutex_unlock(&rl->core->lock);
	return r ? real_cxa_atexit(destroy, r, NULL) : real_cxa_atexit(function, object, NULL);
}

int registered_atexit(struct reloads *rl, void (*function)(void *), void *object, void *dso)
{
	struct generation *gen = generation_of(rl, dso), *other;
	const struct link_map *owner;
	void (*its)(void *);
	char text[256];

	owner = gen && object ? elf_object_at(object) : NULL;
	other = owner ? generation_of(rl, object) : NULL;
	if (!owner || other == gen)
		return real_cxa_atexit(function, object, dso);
	its = (void (*)(void *))in_owner(gen, owner, (void *)function);
	if (!its) {
		snprintf(text, sizeof text, "a static of %s, whose destructor is in it",
			 other            ? other->guest->path :
			 owner->l_name[0] ? owner->l_name :
					    "the program");
		hold(rl, gen, text);
		its = function;
	}
	if (other)
		return keep_for(rl, other, its, object);
	keep_open(rl, owner);
	return real_cxa_atexit(its, object, NULL);
}

void registered_leave(struct reloads *rl, struct generation *gen)
{
	struct registered *r;

	do {
		pthread_mutex_lock(&rl->core->lock);
		for (r = rl->registered; r; r = r->next)
			if (r->gen == gen && r->kind == OBJECT && r->function)
				break;
		pthread_mutex_unlock(&rl->core->lock);
		if (r)
			destroy(r);
	} while (r);
}

/* --- on_exit, keys, signals ----------------------------------------------- */

int registered_on_exit(struct reloads *rl, void (*function)(int, void *), void *arg)
{
	struct generation *gen = generation_of(rl, (void *)function);
	char name[200], text[256];

	if (gen) {
		elf_describe(gen->object.map, (void *)function, name, sizeof name);
		snprintf(text, sizeof text, "on_exit, which will call %s", name);
		hold(rl, gen, text);
	}
	return real_on_exit(function, arg);
}

int registered_key(struct reloads *rl, pthread_key_t *key, void (*destructor)(void *))
{
	int error = real_pthread_key_create(key, destructor);
	struct generation *gen;
	struct registered *r;

	if (error || !destructor)
		return error;
	pthread_mutex_lock(&rl->core->lock);
	gen = registry_find_address_locked(rl->guests, (uintptr_t)destructor);
	r = gen ? add(rl, gen, KEY) : NULL;
	if (r)
		r->key = *key;
	else if (gen)
		gen->permanent = true;
	pthread_mutex_unlock(&rl->core->lock);
	return 0;
}

/* With core.lock: the key is nobody's from now on. */
static void forget_key_locked(struct reloads *rl, pthread_key_t key)
{
	struct registered *r = rl->registered;

	while (r && !(r->kind == KEY && r->key == key))
		r = r->next;
	if (r)
		drop(rl, r);
}

int registered_no_key(struct reloads *rl, pthread_key_t key)
{
	if (__atomic_load_n(&rl->registered, __ATOMIC_RELAXED)) {
		pthread_mutex_lock(&rl->core->lock);
		forget_key_locked(rl, key);
		pthread_mutex_unlock(&rl->core->lock);
	}
	return real_pthread_key_delete(key);
}

void registered_closed(struct reloads *rl, const struct link_map *map)
{
	struct registered *r, *next;

	if (!__atomic_load_n(&rl->registered, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&rl->core->lock);
	for (r = rl->registered; r; r = next) {
		next = r->next;
		if (r->kind != KEY || r->gen->object.map != map)
			continue;
		real_pthread_key_delete(r->key); /* takes no lock, calls nobody */
		drop(rl, r);
	}
	pthread_mutex_unlock(&rl->core->lock);
}

static bool handlers_hold(const struct generation *gen,
			  void (*say)(void *arg, const char *line), void *arg)
{
	char name[200], line[256];
	bool any = false;

	for (int i = 1; i < NSIG; i++) {
		struct sigaction sa;

		if (sigaction(i, NULL, &sa) != 0 ||
		    !generation_has(gen, (uintptr_t)sa.sa_handler))
			continue;
		any = true;
		if (!say)
			break;
		elf_describe(gen->object.map, (void *)sa.sa_handler, name, sizeof name);
		snprintf(line, sizeof line, "signal %d, whose handler is %s", i, name);
		say(arg, line);
	}
	return any;
}

bool registered_hold(struct reloads *rl, const struct generation *gen,
		     void (*say)(void *arg, const char *line), void *arg)
{
	bool any = handlers_hold(gen, say, arg);

	pthread_mutex_lock(&rl->core->lock);
	for (struct registered *r = rl->registered; r; r = r->next)
		if (r->kind == HOLD && r->gen == gen) {
			any = true;
			if (say)
				say(arg, r->text);
		}
	pthread_mutex_unlock(&rl->core->lock);
	return any;
}

void registered_gone_locked(struct reloads *rl, struct generation *gen)
{
	struct registered *r, *next;

	for (r = rl->registered; r; r = next) {
		next = r->next;
		if (r->gen != gen)
			continue;
		if (r->kind == OBJECT) /* libc has its address */
			r->gen = NULL;
		else
			drop(rl, r);
	}
}
