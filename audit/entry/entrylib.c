#include "entry/entrylib.h"

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../dlbind/embed.h"
#include "../dlbind/machine.h"
#include "core/error.h"
#include "core/log.h"
#include "dlbind.h"
#include "entry/code.h"
#include "entry/entries.h"
#include "goaudit.h"
#include "guest/guests.h"

#define ENTRYLIB_ENTRIES 4096 /* in a library; a guest may have several */
#define NAME_MAX_BOUND   4096 /* longer names stay unbound */

/* A library with room for n entries. */
static struct entrylib *make_library(const struct guest *guest, size_t n)
{
	struct dlbind_options options = {
		.size = sizeof options,
		.flags = DLBIND_WRITE_ALIAS | DLBIND_STUBS,
		.max_code = n * arch_entry_size(),
		.max_rodata = MACHINE_PAGE,
		.max_data = MACHINE_PAGE,
		.max_symbols = n,
	};
	struct entrylib *f = calloc(1, sizeof *f);
	char name[200];

	if (!f)
		return NULL;
	f->guest = guest;
	snprintf(name, sizeof name, "%.180s.entries", strrchr(guest->path, '/') + 1);
	f->library = dlcreate_with_options(name, &options);
	if (f->library)
		f->data = dlalloc(f->library, sizeof *f->data, SHF_WRITE);
	if (f->data)
		return f;
	if (f->library)
		dldelete(f->library);
	free(f);
	return NULL;
}

static struct entrylib_chunk *make_chunk(struct entrylib *f, const void *personality)
{
	struct entrylib_chunk *chunk = calloc(1, sizeof *chunk);
	unsigned char frames[64 + 32 * ENTRYLIB_CHUNK];
	size_t size = ENTRYLIB_CHUNK * arch_entry_size();
	void *code, *token;

	if (!chunk)
		return NULL;
	code = dlalloc_aligned(f->library, size, 32, SHF_EXECINSTR);
	chunk->entrylib = f;
	chunk->code = (uintptr_t)code;
	if (code &&
	    dlframe(f->library, frames,
		    arch_write_entry_frames(frames, chunk->code, ENTRYLIB_CHUNK, personality),
		    &token) == 0) {
		chunk->alias = dlwritable(f->library, code);
		memset(chunk->alias, MACHINE_FILL, size);
		return chunk;
	}
	if (code)
		dlfree(f->library, code);
	free(chunk);
	return NULL;
}

static void discard_library(struct entrylib *f)
{
	dldelete(f->library);
	free(f);
}

void entrylib_discard(struct entrylib_chunk *chunk)
{
	discard_library(chunk->entrylib);
	free(chunk);
}

struct entrylib_chunk *entrylib_make_chunk(struct entries *es, const struct guest *guest,
					   struct entrylib *newest)
{
	const void *personality = es->personality;
	/* It may be full, or our parent's. */
	struct entrylib_chunk *chunk = newest ? make_chunk(newest, personality) : NULL;
	struct entrylib *f = NULL;

	/* Its size is that of its file (RLIMIT_FSIZE). */
	for (size_t n = ENTRYLIB_ENTRIES; !chunk && !f && n >= ENTRYLIB_CHUNK; n /= 16)
		f = make_library(guest, n);
	if (!chunk && f) {
		chunk = make_chunk(f, personality);
		if (!chunk)
			discard_library(f);
	}
	if (!chunk)
		error_set(es->core,
			  "%s: no library for the entries of its functions can be made: "
			  "%m: free memory or space, or raise the limit",
			  guest->path);
	return chunk;
}

void *entrylib_make_entry(struct entrylib_chunk *chunk, int32_t block, uint32_t target)
{
	size_t at = chunk->used * arch_entry_size();

	arch_write_entry(chunk->alias + at, chunk->code + at, chunk->entrylib->data, block,
			 offsetof(struct target_table, target) + target * sizeof(void *));
	chunk->target[chunk->used] = target;
	__atomic_store_n(&chunk->used, chunk->used + 1, __ATOMIC_RELEASE);
	return (void *)(chunk->code + at);
}

void entrylib_show(struct entries *es, struct entrylib *entrylib, void *entry, const char *name,
		   const char *version)
{
	char bound[NAME_MAX_BOUND];
	int n = -1;

	if (name)
		n = snprintf(bound, sizeof bound, "entry_of_%s%s%s", name, version ? "@" : "",
			     version ? version : "");
	if (n < 0 || (size_t)n >= sizeof bound) {
		dlseal(entrylib->library, entry);
		return;
	}
	if (!dlbind(entrylib->library, bound, entry, arch_entry_size(), STT_FUNC)) {
		log_line(es->core, "an entry has no name: %s", dlbind_error());
		dlseal(entrylib->library, entry);
	}
}

const struct entrylib_chunk *entrylib_at(const struct entrylib_chunk *chunks, uintptr_t address,
					 unsigned *index)
{
	size_t size = arch_entry_size();

	for (const struct entrylib_chunk *c = chunks; c; c = c->next)
		if (address - c->code < __atomic_load_n(&c->used, __ATOMIC_ACQUIRE) * size) {
			*index = (address - c->code) / size;
			return c;
		}
	return NULL;
}
