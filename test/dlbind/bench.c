/* Figures of libdlbind: bench SYMBOLS
 *
 * Prints NAME VALUE UNIT.  The peer is what a JIT compiler does without it: memory
 * from malloc, and an entry of GDB's JIT interface for each function (a small ELF
 * object with one symbol, registered in the list that a debugger walks). */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/measure.h"
#include "dlbind.h"

#define CODE 64 /* bytes of a function */

static double now(void)
{
	return ns_of(CLOCK_THREAD_CPUTIME_ID); /* nothing here waits */
}

static void print(const char *name, double value, const char *unit)
{
	printf("%s %.2f %s\n", name, value, unit);
}

static void die(const char *what)
{
	const char *text = dlbind_error();

	fprintf(stderr, "bench: %s: %s\n", what, text ? text : "");
	exit(1);
}

/* Another order than that of binding. */
static long other(long i, long n)
{
	return i * 7919 % n;
}

static void name_of(char *name, long i)
{
	sprintf(name, "function_%ld", i);
}

static void measure(long n)
{
	struct dlbind_options o = { .size = sizeof o, .flags = DLBIND_WRITE_ALIAS };
	void *l = dlcreate_with_options("bench.so", &o), **at = malloc(n * sizeof *at);
	struct dlbind_figures before, f;
	unsigned char code[CODE] = { 0xc3 };
	long addresses = n < 20000 ? n : 20000000 / n;
	char name[40];
	double t;
	Dl_info info;

	if (!l || !at)
		die("create");
	dlbind_figures(l, &before, sizeof before);
	t = now();
	for (long i = 0; i < n; i++) {
		at[i] = dlalloc(l, CODE, SHF_EXECINSTR);
		if (!at[i])
			die("alloc");
		memcpy(dlwritable(l, at[i]), code, CODE);
	}
	print("alloc", (now() - t) / n, "ns");
	t = now();
	for (long i = 0; i < n; i++) {
		name_of(name, i);
		if (!dlbind(l, name, at[i], CODE, STT_FUNC))
			die(name);
	}
	print("bind", (now() - t) / n, "ns");
	dlbind_figures(l, &f, sizeof f);
	print("bytes",
	      (double)(f.table_bytes + f.private_bytes - before.table_bytes -
		       before.private_bytes) /
		      n,
	      "bytes");
	t = now();
	for (long i = 0; i < n; i++) {
		name_of(name, other(i, n));
		if (dlsym(l, name) != at[other(i, n)])
			die(name);
	}
	print("dlsym", (now() - t) / n, "ns");
	t = now();
	for (long i = 0; i < addresses; i++)
		if (!dladdr(at[other(i, n)], &info) || info.dli_saddr != at[other(i, n)])
			die("dladdr");
	print("dladdr", (now() - t) / addresses, "ns");
	t = now();
	for (long i = 0; i < n; i++)
		if (!dlbind_addr(at[other(i, n)], &info) || info.dli_saddr != at[other(i, n)])
			die("dlbind_addr");
	print("dlbind_addr", (now() - t) / n, "ns");
	t = now();
	for (long i = 0; i < n; i++) {
		name_of(name, other(i, n));
		if (dlunbind(l, name) != 0)
			die(name);
	}
	print("unbind", (now() - t) / n, "ns");
	t = now();
	for (long i = 0; i < n; i++)
		if (dlfree(l, at[other(i, n)]) != 0)
			die("free");
	print("free", (now() - t) / n, "ns");
	dldelete(l);
	free(at);
}

/* --- the peer ---------------------------------------------------------------- */

struct jit_entry { /* GDB's manual, "JIT Interface" */
	struct jit_entry *next, *prev;
	const char *file;
	uint64_t size;
};

static struct {
	uint32_t version, action;
	struct jit_entry *relevant, *first;
} descriptor = { 1, 0, NULL, NULL };

__attribute__((noinline)) static void register_code(void)
{
	__asm__ volatile("");
}

struct object {
	Elf64_Ehdr ehdr;
	Elf64_Shdr sections[5];
	Elf64_Sym symbols[2];
	char strings[48];
	struct jit_entry entry;
	void *code;
};

static struct object *register_function(void *code, const char *name)
{
	struct object *o = calloc(1, sizeof *o);

	o->ehdr = (Elf64_Ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_REL,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = offsetof(struct object, sections),
		.e_ehsize = sizeof o->ehdr,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 5,
	};
	o->sections[1] = (Elf64_Shdr){ .sh_type = SHT_NOBITS,
				       .sh_size = CODE,
				       .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
				       .sh_addr = (Elf64_Addr)code };
	o->sections[2] = (Elf64_Shdr){ .sh_type = SHT_SYMTAB,
				       .sh_link = 3,
				       .sh_info = 1,
				       .sh_offset = offsetof(struct object, symbols),
				       .sh_size = sizeof o->symbols,
				       .sh_entsize = sizeof(Elf64_Sym) };
	o->sections[3] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
				       .sh_offset = offsetof(struct object, strings),
				       .sh_size = sizeof o->strings };
	o->symbols[1] = (Elf64_Sym){ .st_name = 1,
				     .st_shndx = 1,
				     .st_size = CODE,
				     .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC) };
	strcpy(o->strings + 1, name);
	o->entry = (struct jit_entry){ descriptor.first, NULL, (char *)o,
				       offsetof(struct object, entry) };
	if (descriptor.first)
		descriptor.first->prev = &o->entry;
	descriptor.first = descriptor.relevant = &o->entry;
	descriptor.action = 1;
	register_code();
	o->code = code;
	return o;
}

static void unregister_function(struct object *o)
{
	struct jit_entry *e = &o->entry;

	if (e->prev)
		e->prev->next = e->next;
	else
		descriptor.first = e->next;
	if (e->next)
		e->next->prev = e->prev;
	descriptor.relevant = e;
	descriptor.action = 2;
	register_code();
	free(o);
}

static void measure_peer(long n)
{
	struct object **objects = malloc(n * sizeof *objects);
	void **at = malloc(n * sizeof *at);
	char name[40];
	double t;

	t = now();
	for (long i = 0; i < n; i++) {
		at[i] = malloc(CODE);
		memset(at[i], 0xc3, CODE);
	}
	print("peer_alloc", (now() - t) / n, "ns");
	t = now();
	for (long i = 0; i < n; i++) {
		name_of(name, i);
		objects[i] = register_function(at[i], name);
	}
	print("peer_bind", (now() - t) / n, "ns");
	print("peer_bytes", sizeof **objects, "bytes");
	t = now();
	for (long i = 0; i < n; i++)
		unregister_function(objects[other(i, n)]);
	print("peer_unbind", (now() - t) / n, "ns");
	t = now();
	for (long i = 0; i < n; i++)
		free(at[other(i, n)]);
	print("peer_free", (now() - t) / n, "ns");
	free(objects);
	free(at);
}

static void measure_creation(const char *plugin)
{
	struct dlbind_figures f;
	double create = 0, delete = 0, t;
	void *l;

	for (int i = 0; i < 300; i++) {
		t = now();
		l = dlcreate("bench.so");
		create += now() - t;
		if (!l)
			die("create");
		dlbind_figures(l, &f, sizeof f);
		t = now();
		dldelete(l);
		delete += now() - t;
	}
	print("create", create / 300e3, "us");
	print("delete", delete / 300e3, "us");
	print("image", f.file_bytes / 1024., "KB");
	create = 0;
	for (int i = 0; i < 300; i++) {
		t = now();
		l = dlopen(plugin, RTLD_NOW);
		if (!l)
			die(plugin);
		dlclose(l);
		create += now() - t;
	}
	print("peer_create", create / 300e3, "us");
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 0;

	if (argc > 2) {
		measure_creation(argv[2]);
	} else if (n > 0) {
		measure(n);
		measure_peer(n);
	} else {
		fprintf(stderr, "usage: bench SYMBOLS | bench create PLUGIN\n");
		return 2;
	}
	return 0;
}
