/* Random calls of libdlbind against a plain model: property STEPS SEED [-v]
 *
 * After each step something is compared: dlsym for a name that is bound or not,
 * dladdr and dlbind_addr for an address, the contents of a block; and calls that
 * must be refused are made, with the errno that is expected. */
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dlbind.h"

#define LIBRARIES 6
#define BLOCKS    300
#define NAMES     400

struct block {
	char *at;
	size_t size;
	unsigned flags, fill; /* fill: what its bytes are made of; 0: nothing yet */
	bool sealed;
};

struct name {
	char *at;
	size_t size;
	int block; /* -1: not bound */
};

struct model {
	void *handle;
	bool alias;
	struct block blocks[BLOCKS];
	int count;
	struct name names[NAMES];
};

static struct model models[LIBRARIES];
static uint64_t state;
static long step;
static unsigned long counts[16];

static void fail_at(int line, const char *what)
{
	const char *text = dlbind_error();

	printf("step %ld, line %d: %s: errno %d, %s\n", step, line, what, errno,
	       text ? text : "no text");
	fflush(stdout);
	abort();
}

#define CHECK(c) ((c) ? (void)0 : fail_at(__LINE__, #c))
#define REFUSED(call, code)             \
	do {                            \
		errno = 0;              \
		CHECK(call);            \
		CHECK(errno == (code)); \
		CHECK(dlbind_error());  \
	} while (0)

static uint32_t draw(uint32_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % below;
}

static int draw_block(const struct model *m)
{
	return m->count ? (int)draw(m->count) : -1;
}

/* Names of all lengths. */
static const char *name_of(int i)
{
	static char text[800];
	int n = snprintf(text, sizeof text, "name_%d", i), length;

	length = i % 7 == 0 ? n + i % 60 : i % 97 == 0 ? n + 600 : n;
	memset(text + n, 'x', length - n);
	text[length] = 0;
	return text;
}

static char byte_of(unsigned fill, size_t i)
{
	return fill * 2654435761u >> 24 ^ i * 7;
}

static void fill(struct model *m, struct block *b, size_t from)
{
	char *w = dlwritable(m->handle, b->at);

	CHECK(w);
	CHECK(!m->alias || b->flags & SHF_WRITE ? w == b->at : w != b->at);
	for (size_t i = from; i < b->size; i++)
		w[i] = byte_of(b->fill, i);
}

static void check_contents(const struct block *b)
{
	for (size_t i = 0; i < b->size; i++)
		if (b->at[i] != byte_of(b->fill, i))
			fail_at(__LINE__, "contents");
}

static size_t draw_size(void)
{
	switch (draw(20)) {
	case 0: return 1 + draw(60000);
	case 1:
	case 2: return 1 + draw(5000);
	case 3: return 4096;
	}
	return 1 + draw(300);
}

static void create(struct model *m)
{
	static const char *const versions[] = { "V1", "V2", NULL };
	struct dlbind_options o = { .size = sizeof o };

	m->alias = draw(3);
	o.flags = m->alias ? DLBIND_WRITE_ALIAS : 0;
	o.versions = draw(4) ? NULL : versions;
	m->handle = dlcreate_with_options("property", &o);
	CHECK(m->handle);
	m->count = 0;
	for (int i = 0; i < NAMES; i++)
		m->names[i].block = -1;
}

static void delete (struct model *m)
{
	CHECK(dldelete(m->handle) == 0);
	m->handle = NULL;
}

static void alloc(struct model *m)
{
	static const unsigned kinds[] = { SHF_EXECINSTR, SHF_WRITE, SHF_ALLOC,
					  SHF_EXECINSTR | SHF_ALLOC };
	struct block *b = &m->blocks[m->count];
	size_t alignment = draw(8) ? 16 : 1ul << draw(14);

	if (m->count == BLOCKS)
		return;
	*b = (struct block){ .size = draw_size(),
			     .flags = kinds[draw(4)],
			     .fill = draw(1 << 30) };
	b->at = dlalloc_aligned(m->handle, b->size, alignment, b->flags);
	CHECK(b->at);
	CHECK((uintptr_t)b->at % alignment == 0 && (uintptr_t)b->at % 16 == 0);
	fill(m, b, 0);
	m->count++;
}

static bool is_named(const struct model *m, int block)
{
	for (int i = 0; i < NAMES; i++)
		if (m->names[i].block == block)
			return true;
	return false;
}

static void free_block(struct model *m)
{
	int i = draw_block(m);
	struct block *b = i < 0 ? NULL : &m->blocks[i];

	if (i < 0)
		return;
	check_contents(b);
	if (is_named(m, i)) {
		REFUSED(dlfree(m->handle, b->at) == -1, EBUSY);
		return;
	}
	if (b->size > 16)
		REFUSED(dlfree(m->handle, b->at + 1) == -1, EINVAL);
	CHECK(dlfree(m->handle, b->at) == 0);
	REFUSED(dlfree(m->handle, b->at) == -1, EINVAL);
	*b = m->blocks[--m->count];
	for (int k = 0; k < NAMES; k++)
		if (m->names[k].block == m->count)
			m->names[k].block = i;
}

static void resize(struct model *m)
{
	int i = draw_block(m);
	struct block *b = i < 0 ? NULL : &m->blocks[i];
	size_t size = draw_size(), old;

	if (i < 0 || is_named(m, i))
		return;
	old = b->size;
	if (b->sealed && size > b->size)
		return;
	if (dlrealloc(m->handle, b->at, size) != b->at) {
		CHECK(errno == ENOMEM && size > old);
		return;
	}
	b->size = size;
	if (size > old)
		fill(m, b, old);
}

static void bind(struct model *m)
{
	int n = draw(NAMES), i = draw_block(m);
	struct name *name = &m->names[n];
	struct block *b = i < 0 ? NULL : &m->blocks[i];
	Elf64_Word type;

	if (i < 0)
		return;
	type = b->flags & SHF_EXECINSTR ? STT_FUNC : STT_OBJECT;
	if (name->block >= 0) {
		REFUSED(!dlbind(m->handle, name_of(n), b->at, 1, type), EEXIST);
		return;
	}
	name->at = b->at + (draw(3) ? 0 : draw(b->size));
	name->size =
		draw(5) ? b->at + b->size - name->at : draw(b->at + b->size - name->at + 1);
	REFUSED(!dlbind(m->handle, name_of(n), name->at, b->size + 4096, type), EINVAL);
	REFUSED(!dlbind(m->handle, name_of(n), name->at, 1, STT_TLS), ENOTSUP);
	CHECK(dlbind(m->handle, name_of(n), name->at, name->size, type) == m->handle);
	name->block = i;
	if (!m->alias && b->flags & SHF_EXECINSTR)
		b->sealed = true;
	CHECK(dlsym(m->handle, name_of(n)) == name->at);
}

static void unbind(struct model *m)
{
	int n = draw(NAMES);

	if (m->names[n].block < 0) {
		REFUSED(dlunbind(m->handle, name_of(n)) == -1, ENOENT);
		return;
	}
	CHECK(dlunbind(m->handle, name_of(n)) == 0);
	m->names[n].block = -1;
	CHECK(!dlsym(m->handle, name_of(n)));
}

static void write_again(struct model *m)
{
	int i = draw_block(m);
	struct block *b = i < 0 ? NULL : &m->blocks[i];

	if (i < 0)
		return;
	if (b->sealed) {
		REFUSED(!dlwritable(m->handle, b->at), EPERM);
		return;
	}
	b->fill = draw(1 << 30);
	fill(m, b, 0);
	if (!m->alias && !(b->flags & SHF_WRITE) && !draw(4)) {
		CHECK(dlseal(m->handle, b->at) == 0);
		b->sealed = true;
	} else if (m->alias) {
		CHECK(dlseal(m->handle, b->at) == 0);
	}
}

/* What dladdr has to say: the start that is nearest below, of those that cover
 * the address.  Several names may share it. */
static void check_address(struct model *m)
{
	int i = draw_block(m), best = -1;
	Dl_info ours, theirs;
	const char *at;
	bool same = false;

	if (i < 0)
		return;
	at = m->blocks[i].at + draw(m->blocks[i].size);
	for (int n = 0; n < NAMES; n++) {
		const struct name *k = &m->names[n];

		if (k->block == i && at >= k->at &&
		    (at < k->at + k->size || (!k->size && at == k->at)) &&
		    (best < 0 || k->at > m->names[best].at))
			best = n;
	}
	CHECK(dladdr(at, &theirs) && dlbind_addr(at, &ours));
	CHECK(strcmp(ours.dli_fname, theirs.dli_fname) == 0);
	CHECK(ours.dli_fbase == theirs.dli_fbase);
	CHECK(ours.dli_saddr == theirs.dli_saddr);
	CHECK(ours.dli_sname == theirs.dli_sname);
	CHECK(ours.dli_saddr == (best < 0 ? NULL : m->names[best].at));
	for (int n = 0; n < NAMES && best >= 0; n++)
		same |= m->names[n].block == i && m->names[n].at == ours.dli_saddr &&
			strcmp(name_of(n), ours.dli_sname) == 0;
	CHECK(best < 0 || same);
}

static void check_name(struct model *m)
{
	int n = draw(NAMES);

	CHECK(dlsym(m->handle, name_of(n)) == (m->names[n].block < 0 ? NULL : m->names[n].at));
}

static void check_all(struct model *m)
{
	struct dlbind_figures f;
	size_t bound = 0;

	for (int i = 0; i < m->count; i++)
		check_contents(&m->blocks[i]);
	for (int n = 0; n < NAMES; n++) {
		bound += m->names[n].block >= 0;
		CHECK(dlsym(m->handle, name_of(n)) ==
		      (m->names[n].block < 0 ? NULL : m->names[n].at));
	}
	CHECK(dlbind_figures(m->handle, &f, sizeof f) == 0);
	CHECK(f.symbols == bound && f.blocks == (size_t)m->count);
}

/* Everything is freed: no page but the tables' stays. */
static void empty(struct model *m)
{
	struct dlbind_figures f;

	for (int n = 0; n < NAMES; n++)
		if (m->names[n].block >= 0) {
			CHECK(dlunbind(m->handle, name_of(n)) == 0);
			m->names[n].block = -1;
		}
	for (int i = 0; i < m->count; i++)
		CHECK(dlfree(m->handle, m->blocks[i].at) == 0);
	m->count = 0;
	CHECK(dlbind_figures(m->handle, &f, sizeof f) == 0);
	CHECK(f.symbols == 0 && f.blocks == 0 && f.bytes == 0);
	CHECK(f.file_bytes == f.table_bytes);
}

static void one_step(void)
{
	struct model *m = &models[draw(LIBRARIES)];
	unsigned what = draw(1000);

	if (!m->handle) {
		create(m);
		return;
	}
	if (what < 2)
		delete (m);
	else if (what < 4)
		empty(m);
	else if (what < 10)
		check_all(m);
	else if (what < 260)
		alloc(m);
	else if (what < 450)
		free_block(m);
	else if (what < 490)
		resize(m);
	else if (what < 720)
		bind(m);
	else if (what < 900)
		unbind(m);
	else
		write_again(m);
	if (m->handle) {
		check_name(m);
		check_address(m);
	}
	counts[what / 100]++;
}

int main(int argc, char **argv)
{
	long steps = argc > 1 ? atol(argv[1]) : 10000;

	state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	for (step = 1; step <= steps; step++) {
		one_step();
		if (isatty(2) && step % 10000 == 0)
			fprintf(stderr, "\r%ld of %ld steps", step, steps);
	}
	for (int i = 0; i < LIBRARIES; i++)
		if (models[i].handle) {
			check_all(&models[i]);
			empty(&models[i]);
			delete (&models[i]);
		}
	printf("%ld steps\n", steps);
	return 0;
}
