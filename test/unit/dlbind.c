/* Tests of libdlbind: what is refused, limits, versions, growth of the tables,
 * pages, fork, unwind tables. */
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dlbind.h"
#include "dlbind_shared.h"

static const struct dlbind_options alias_mode = {
	.size = sizeof alias_mode,
	.flags = DLBIND_WRITE_ALIAS,
};

static void *new_library(void)
{
	void *l = dlcreate_with_options("unit.so", &alias_mode);

	ck_assert_msg(l, "%s", dlbind_error());
	return l;
}

static void refused(int code, const char *text)
{
	const char *why = dlbind_error();

	ck_assert_int_eq(errno, code);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, text), "%s: not in: %s", text, why);
	ck_assert_ptr_null(dlbind_error());
}

/* mov $n, %eax; ret */
static void *new_function(void *l, int n)
{
	unsigned char code[] = { 0xb8, 0, 0, 0, 0, 0xc3 };
	void *at = dlalloc(l, sizeof code, SHF_EXECINSTR);

	ck_assert_ptr_nonnull(at);
	memcpy(code + 1, &n, 4);
	memcpy(dlwritable(l, at), code, sizeof code);
	return at;
}

static int call(void *f)
{
	return ((int (*)(void))f)();
}

/* --- what is refused ----------------------------------------------------------- */

START_TEST(bad_arguments_are_refused)
{
	struct dlbind_options o = { 0 };
	struct dlbind_symbol s = { 0 };
	int other;
	void *l, *d;

	ck_assert_ptr_null(dlcreate("a/b"));
	refused(EINVAL, "without a slash");
	ck_assert_ptr_null(dlcreate(""));
	refused(EINVAL, "not a name");
	ck_assert_ptr_null(dlcreate_with_options("x", &o));
	refused(EINVAL, "sizeof(struct dlbind_options)");
	o.size = sizeof o;
	o.flags = 1u << 30;
	ck_assert_ptr_null(dlcreate_with_options("x", &o));
	refused(EINVAL, "unknown flags");
	o.flags = 0;
	o.max_code = 1ul << 40;
	ck_assert_ptr_null(dlcreate_with_options("x", &o));
	refused(EINVAL, "limit");
	o.max_code = 0;
	o.folder = "/proc";
	ck_assert_ptr_null(dlcreate_with_options("x", &o));
	refused(EPERM, "/proc");

	l = new_library();
	ck_assert_ptr_null(dlalloc(l, 0, SHF_WRITE));
	refused(EINVAL, "0 bytes");
	ck_assert_ptr_null(dlalloc(l, 1, SHF_WRITE | SHF_EXECINSTR));
	refused(EINVAL, "SHF_EXECINSTR");
	ck_assert_ptr_null(dlalloc(l, 1, SHF_TLS));
	refused(EINVAL, "flags");
	ck_assert_ptr_null(dlalloc_aligned(l, 1, 24, SHF_WRITE));
	refused(EINVAL, "aligned to 24");
	ck_assert_ptr_null(dlalloc(l, SIZE_MAX, SHF_WRITE));
	refused(ENOMEM, "no address space");
	ck_assert_ptr_null(dlalloc(&other, 1, SHF_WRITE));
	refused(EINVAL, "not a library");
	ck_assert_int_eq(dlfree(l, &other), -1);
	refused(EINVAL, "not in a block");
	ck_assert_int_eq(dlfree(l, NULL), 0);

	d = dlalloc(l, 64, SHF_WRITE);
	ck_assert_ptr_null(dlbind(l, "", d, 1, STT_OBJECT));
	refused(EINVAL, "empty");
	ck_assert_ptr_null(dlbind(l, NULL, d, 1, STT_OBJECT));
	refused(EINVAL, "empty");
	ck_assert_ptr_null(dlbind(l, "x", &other, 1, STT_OBJECT));
	refused(EINVAL, "not in a block");
	ck_assert_ptr_null(dlbind(l, "x", d, 65, STT_OBJECT));
	refused(EINVAL, "beyond its block");
	ck_assert_ptr_null(dlbind(l, "x", d, SIZE_MAX, STT_OBJECT));
	refused(EINVAL, "beyond its block");
	ck_assert_ptr_null(dlbind(l, "x", d, 1, STT_TLS));
	refused(ENOTSUP, "thread-local");
	ck_assert_ptr_null(dlbind(l, "x", d, 1, 1000));
	refused(EINVAL, "type");
	ck_assert_ptr_null(dlbind_symbol(l, &s));
	refused(EINVAL, "struct_size");
	ck_assert_int_eq(dlunbind(l, NULL), -1);
	refused(ENOENT, "not bound");
	ck_assert_int_eq(dlunbind_version(l, "x", "V1"), -1);
	refused(EINVAL, "no version V1");
	ck_assert_int_eq(dlbind_commit(l), -1);
	refused(EINVAL, "dlbind_begin");
	ck_assert_ptr_null(dlreload(&other));
	refused(EINVAL, "not a library");
	ck_assert_uint_eq(figures(l).symbols, 0);
	ck_assert_uint_eq(figures(l).blocks, 1);
	ck_assert_int_eq(dldelete(l), 0);
	ck_assert_int_eq(dldelete(l), -1);
	refused(EINVAL, "not a library");
}
END_TEST

START_TEST(limits_are_kept_and_can_be_used_up)
{
	struct dlbind_options o = {
		.size = sizeof o,
		.flags = DLBIND_WRITE_ALIAS,
		.max_code = 8192,
		.max_data = 4096,
		.max_rodata = 4096,
		.max_symbols = 300,
		.max_names = 4096,
	};
	void *l = dlcreate_with_options("small.so", &o), *f, *d;
	char name[40];
	int n = 0;

	ck_assert_ptr_nonnull(l);
	ck_assert_ptr_nonnull(dlalloc(l, 4096, SHF_ALLOC));
	ck_assert_ptr_null(dlalloc(l, 1, SHF_ALLOC));
	refused(ENOMEM, "larger limits");
	d = dlalloc(l, 4000, SHF_WRITE);
	ck_assert_ptr_nonnull(d);
	ck_assert_ptr_null(dlrealloc(l, d, 5000));
	refused(ENOMEM, "in place");
	ck_assert_ptr_eq(dlrealloc(l, d, 4096), d);
	memset(d, 1, 4096);
	f = new_function(l, 1);
	while (sprintf(name, "n%d", n), dlbind(l, name, f, 6, STT_FUNC))
		n++;
	refused(ENOMEM, "max_symbols");
	ck_assert_int_eq(n, 300);
	ck_assert_ptr_eq(dlsym(l, "n299"), f);
	ck_assert_int_eq(dlunbind(l, "n0"), 0);
	ck_assert_int_eq(dldelete(l), 0);

	o.max_symbols = 10000;
	l = dlcreate_with_options("small.so", &o);
	f = new_function(l, 1);
	for (n = 0; sprintf(name, "longer_name_%d", n), dlbind(l, name, f, 6, STT_FUNC);)
		n++;
	refused(ENOMEM, "max_names");
	ck_assert_ptr_nonnull(dlsym(l, "longer_name_0"));
	ck_assert_ptr_null(dlsym(l, name));
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

START_TEST(rlimits_give_errors_not_signals)
{
	struct rlimit old, limit;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 1 << 20;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_ptr_null(dlcreate("x"));
	refused(EFBIG, "RLIMIT_FSIZE");
	setrlimit(RLIMIT_FSIZE, &old);
	ck_assert_int_eq(getrlimit(RLIMIT_AS, &old), 0);
	limit = old;
	limit.rlim_cur = 1 << 30;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	ck_assert_ptr_null(dlcreate("x"));
	setrlimit(RLIMIT_AS, &old);
	refused(ENOMEM, "no address space");
	ck_assert_int_eq(dldelete(new_library()), 0);
}
END_TEST

/* --- names ------------------------------------------------------------------------ */

START_TEST(versions_and_weak_symbols)
{
	static const char *const versions[] = { "OLD_1", "NEW_2", NULL };
	struct dlbind_options o = alias_mode;
	struct dlbind_symbol s = {
		.struct_size = sizeof s, .name = "f", .size = 6, .type = STT_FUNC
	};
	void *l, *one, *two, *three;
	const Elf64_Sym *sym = NULL;
	Dl_info info;

	o.versions = versions;
	l = dlcreate_with_options("versions.so", &o);
	ck_assert_ptr_nonnull(l);
	one = new_function(l, 1), two = new_function(l, 2), three = new_function(l, 3);
	s.object = one, s.version = "OLD_1", s.hidden = 1;
	ck_assert_ptr_eq(dlbind_symbol(l, &s), l);
	s.object = two, s.version = "NEW_2", s.hidden = 0;
	ck_assert_ptr_eq(dlbind_symbol(l, &s), l);
	s.name = "plain", s.object = three, s.version = NULL, s.weak = 1;
	ck_assert_ptr_eq(dlbind_symbol(l, &s), l);
	ck_assert_ptr_eq(dlvsym(l, "f", "OLD_1"), one);
	ck_assert_ptr_eq(dlvsym(l, "f", "NEW_2"), two);
	ck_assert_ptr_null(dlvsym(l, "f", "NEW_3"));
	ck_assert_ptr_eq(dlsym(l, "f"), two);
	ck_assert_ptr_eq(dlsym(l, "plain"), three);
	ck_assert_int_ne(dladdr1(three, &info, (void **)&sym, RTLD_DL_SYMENT), 0);
	ck_assert_int_eq(ELF64_ST_BIND(sym->st_info), STB_WEAK);
	s.name = "f", s.version = "OLD_1";
	ck_assert_ptr_null(dlbind_symbol(l, &s));
	refused(EEXIST, "unbind it first");
	ck_assert_int_eq(dlunbind_version(l, "f", "NEW_2"), 0);
	ck_assert_ptr_null(dlvsym(l, "f", "NEW_2"));
	ck_assert_ptr_null(dlsym(l, "f"));
	ck_assert_ptr_eq(dlvsym(l, "f", "OLD_1"), one);
	ck_assert_int_eq(dlunbind(l, "f"), -1);
	refused(ENOENT, "f");
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

START_TEST(an_ifunc_is_resolved)
{
	void *l = new_library(), *target = new_function(l, 77), *resolver;
	unsigned char code[] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xc3 };

	memcpy(code + 2, &target, 8);
	resolver = dlalloc(l, sizeof code, SHF_EXECINSTR);
	memcpy(dlwritable(l, resolver), code, sizeof code);
	ck_assert_ptr_eq(dlbind(l, "chosen", resolver, sizeof code, STT_GNU_IFUNC), l);
	ck_assert_ptr_eq(dlsym(l, "chosen"), target);
	ck_assert_int_eq(call(dlsym(l, "chosen")), 77);
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

START_TEST(the_global_scope_only_if_asked)
{
	struct dlbind_options o = alias_mode;
	void *l = new_library(), *f = new_function(l, 5);

	ck_assert_ptr_eq(dlbind(l, "only_in_the_library", f, 6, STT_FUNC), l);
	ck_assert_ptr_null(dlsym(RTLD_DEFAULT, "only_in_the_library"));
	ck_assert_int_eq(dldelete(l), 0);
	o.flags |= DLBIND_GLOBAL;
	l = dlcreate_with_options("global.so", &o);
	f = new_function(l, 5);
	ck_assert_ptr_eq(dlbind(l, "in_all_of_the_process", f, 6, STT_FUNC), l);
	ck_assert_ptr_eq(dlsym(RTLD_DEFAULT, "in_all_of_the_process"), f);
	ck_assert_int_eq(dlunbind(l, "in_all_of_the_process"), 0);
	ck_assert_ptr_null(dlsym(RTLD_DEFAULT, "in_all_of_the_process"));
	/* glibc never unloads what the program itself has found a name in. */
	ck_assert_int_eq(dldelete(l), -1);
	refused(EBUSY, "RTLD_DEFAULT");
	ck_assert_int_eq(dlfree(l, f), 0);
	o.flags |= DLBIND_GLOBAL;
	l = dlcreate_with_options("global2.so", &o);
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

/* Looks a name up in the file's own tables, as the gABI and binutils' description
 * of .gnu.hash have it. */
struct image {
	const char *bytes;
	size_t size;
	const Elf64_Shdr *sections;
};

static const void *section(const struct image *i, const char *name, size_t *size)
{
	const Elf64_Ehdr *eh = (const void *)i->bytes;
	const char *names = i->bytes + i->sections[eh->e_shstrndx].sh_offset;

	for (unsigned n = 0; n < eh->e_shnum; n++)
		if (strcmp(names + i->sections[n].sh_name, name) == 0) {
			if (size)
				*size = i->sections[n].sh_size;
			return i->bytes + i->sections[n].sh_offset;
		}
	ck_abort_msg("%s: no such section", name);
	return NULL;
}

static uint64_t sysv_value(const struct image *i, const char *name)
{
	const uint32_t *hash = section(i, ".hash", NULL);
	const Elf64_Sym *syms = section(i, ".dynsym", NULL);
	const char *strings = section(i, ".dynstr", NULL);
	uint32_t h = 0, g;

	for (const char *p = name; *p; p++) {
		h = (h << 4) + (unsigned char)*p;
		if ((g = h & 0xf0000000))
			h ^= g >> 24;
		h &= ~g;
	}
	for (uint32_t s = hash[2 + h % hash[0]]; s; s = hash[2 + hash[0] + s])
		if (strcmp(strings + syms[s].st_name, name) == 0)
			return syms[s].st_value;
	return 0;
}

static uint64_t gnu_value(const struct image *i, const char *name)
{
	const uint32_t *t = section(i, ".gnu.hash", NULL), *buckets, *chain;
	const Elf64_Sym *syms = section(i, ".dynsym", NULL);
	const char *strings = section(i, ".dynstr", NULL);
	uint32_t h = 5381, s;

	for (const char *p = name; *p; p++)
		h = h * 33 + (unsigned char)*p;
	buckets = t + 4 + 2 * t[2];
	chain = buckets + t[0];
	s = buckets[h % t[0]];
	if (!s)
		return 0;
	for (;; s++) {
		if ((chain[s - t[1]] | 1) == (h | 1) && syms[s].st_shndx &&
		    strcmp(strings + syms[s].st_name, name) == 0)
			return syms[s].st_value;
		if (chain[s - t[1]] & 1)
			return 0;
	}
}

static struct image map_image(const void *in_library)
{
	struct image i;
	struct stat st;
	Dl_info info;
	int fd;

	ck_assert_int_ne(dladdr(in_library, &info), 0);
	fd = open(info.dli_fname, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	i.size = st.st_size;
	i.bytes = mmap(NULL, i.size, PROT_READ, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(i.bytes, MAP_FAILED);
	close(fd);
	i.sections = (const void *)(i.bytes + ((const Elf64_Ehdr *)i.bytes)->e_shoff);
	return i;
}

#define MANY 20000

START_TEST(tables_grow_and_the_file_agrees)
{
	void *l = new_library(), *f = dlalloc(l, MANY, SHF_EXECINSTR);
	uint64_t base = 0;
	struct image i;
	size_t size;
	char name[20];
	Dl_info info;

	for (int n = 0; n < MANY; n++) {
		sprintf(name, "grow_%d", n);
		ck_assert_ptr_eq(dlbind(l, name, (char *)f + n, 1, STT_FUNC), l);
	}
	ck_assert_uint_gt(figures(l).buckets, MANY / 2);
	ck_assert_uint_gt(figures(l).grace_periods, 6);
	for (int n = 0; n < MANY; n += 3) {
		sprintf(name, "grow_%d", n);
		ck_assert_int_eq(dlunbind(l, name), 0);
	}
	i = map_image(f);
	ck_assert_int_ne(dladdr(f, &info), 0);
	base = (uint64_t)info.dli_fbase;
	for (int n = 0; n < MANY; n++) {
		uint64_t value = n % 3 ? (uint64_t)f + n - base : 0;

		sprintf(name, "grow_%d", n);
		ck_assert_ptr_eq(dlsym(l, name), value ? (char *)f + n : NULL);
		ck_assert_uint_eq(sysv_value(&i, name), value);
		if (n % 50 == 1)
			ck_assert_uint_eq(gnu_value(&i, name), value);
	}
	ck_assert_uint_eq(gnu_value(&i, "nothing"), 0);
	section(&i, ".dynsym", &size);
	ck_assert_uint_eq(size / sizeof(Elf64_Sym), MANY + 1);
	/* All gone: the tables shrink to what they were. */
	for (int n = 0; n < MANY; n++) {
		sprintf(name, "grow_%d", n);
		ck_assert_int_eq(dlunbind(l, name), n % 3 ? 0 : -1);
	}
	ck_assert_uint_eq(figures(l).symbols, 0);
	for (int n = 0; n < 2000; n++) { /* enough for a grace period */
		ck_assert_ptr_eq(dlbind(l, "once", f, 1, STT_FUNC), l);
		ck_assert_int_eq(dlunbind(l, "once"), 0);
	}
	section(&i, ".dynsym", &size);
	ck_assert_uint_lt(size / sizeof(Elf64_Sym), 2000);
	munmap((void *)i.bytes, i.size);
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

/* --- memory -------------------------------------------------------------------------------- */

static void expect_no_wx(void)
{
	char line[600], protection[8];
	FILE *f = fopen("/proc/self/maps", "re");

	while (fgets(line, sizeof line, f)) {
		ck_assert_int_eq(sscanf(line, "%*s %7s", protection), 1);
		ck_assert_msg(protection[1] != 'w' || protection[2] != 'x', "%s", line);
	}
	fclose(f);
}

START_TEST(no_page_is_ever_writable_and_executable)
{
	for (int mode = 0; mode < 2; mode++) {
		struct dlbind_options o = alias_mode;
		void *l, *f, *g;

		o.flags = mode ? DLBIND_WRITE_ALIAS : 0;
		l = dlcreate_with_options("wx.so", &o);
		expect_no_wx();
		f = new_function(l, 1);
		expect_no_wx();
		ck_assert_ptr_eq(dlbind(l, "f", f, 6, STT_FUNC), l);
		expect_no_wx();
		g = new_function(l, 2);
		expect_no_wx();
		ck_assert_int_eq(call(f), 1);
		ck_assert_int_eq(dlseal(l, g), 0);
		ck_assert_int_eq(call(g), 2);
		expect_no_wx();
		if (!mode) {
			ck_assert_ptr_null(dlwritable(l, g));
			refused(EPERM, "sealed");
			ck_assert_ptr_null(dlrealloc(l, g, 10000));
			refused(EPERM, "sealed");
		}
		ck_assert_int_eq(dlfree(l, g), 0);
		g = new_function(l, 3); /* the same page, open again */
		ck_assert_int_eq(dlfree(l, g), 0);
		expect_no_wx();
		ck_assert_int_eq(dldelete(l), 0);
	}
}
END_TEST

START_TEST(freed_memory_merges_and_goes_back)
{
	void *l = new_library(), *block[1000], *big;
	size_t before = figures(l).file_bytes;

	for (int i = 0; i < 1000; i++) {
		block[i] = dlalloc(l, 1000, SHF_EXECINSTR);
		memset(dlwritable(l, block[i]), i, 1000);
	}
	ck_assert_uint_gt(figures(l).file_bytes, before + 1000000);
	for (int i = 1; i < 999; i += 2)
		ck_assert_int_eq(dlfree(l, block[i]), 0);
	for (int i = 2; i < 999; i += 2)
		ck_assert_int_eq(dlfree(l, block[i]), 0);
	ck_assert_uint_lt(figures(l).file_bytes, before + 40 * 4096);
	/* One hole of 998 blocks, between two that are used. */
	big = dlalloc(l, 998 * 1008, SHF_EXECINSTR);
	ck_assert_ptr_eq(big, block[1]);
	ck_assert_int_eq(dlfree(l, big), 0);
	ck_assert_int_eq(dlfree(l, block[0]), 0);
	ck_assert_int_eq(dlfree(l, block[999]), 0);
	ck_assert_uint_eq(figures(l).file_bytes, before);
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

START_TEST(a_new_library_is_small)
{
	void *l[300];

	for (int i = 0; i < 300; i++)
		l[i] = new_library();
	ck_assert_uint_le(figures(l[0]).file_bytes, 32 << 10);
	for (int i = 0; i < 300; i++)
		ck_assert_int_eq(dldelete(l[i]), 0);
}
END_TEST

START_TEST(a_library_in_use_is_not_deleted)
{
	void *l = new_library(), *f = new_function(l, 9), *again;
	Dl_info info;

	ck_assert_ptr_eq(dlbind(l, "f", f, 6, STT_FUNC), l);
	ck_assert_int_ne(dladdr(f, &info), 0);
	again = dlopen(info.dli_fname, RTLD_NOW);
	ck_assert_ptr_eq(again, l);
	ck_assert_int_eq(dldelete(l), -1);
	refused(EBUSY, "has it open");
	ck_assert_int_eq(call(dlsym(l, "f")), 9);
	ck_assert_ptr_eq(dlbind(l, "g", f, 6, STT_FUNC), l);
	ck_assert_int_eq(dlclose(again), 0);
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

/* --- fork ------------------------------------------------------------------------------------ */

static int in_child(void *l, void *f)
{
	void *own;
	Dl_info info;

	if (call(dlsym(l, "f")) != 8 || !dlbind_addr(f, &info) || !info.dli_sname)
		return 1;
	if (dlalloc(l, 1, SHF_WRITE) || errno != EPERM || !strstr(dlbind_error(), "forked"))
		return 2;
	if (dlbind(l, "g", f, 6, STT_FUNC) || dlreload(l) || dlunbind(l, "f") == 0)
		return 3;
	own = new_library();
	f = new_function(own, 3);
	if (!dlbind(own, "f", f, 6, STT_FUNC) || call(dlsym(own, "f")) != 3 ||
	    dldelete(own) != 0)
		return 4;
	return dldelete(l) == 0 ? 0 : 5;
}

START_TEST(a_forked_child_uses_but_does_not_change)
{
	void *l = new_library(), *f = new_function(l, 8);
	int status;
	pid_t pid;

	ck_assert_ptr_eq(dlbind(l, "f", f, 6, STT_FUNC), l);
	pid = fork();
	if (pid == 0)
		exit(in_child(l, f));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(call(dlsym(l, "f")), 8);
	ck_assert_ptr_eq(dlbind(l, "g", f, 6, STT_FUNC), l);
	ck_assert_int_eq(map_image(f).bytes[0], 0x7f); /* its file is there */
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

/* --- unwind tables ------------------------------------------------------------------------------ */

START_TEST(unwind_tables_are_checked)
{
	void *l = new_library(), *f = new_function(l, 1), *g = new_function(l, 2);
	struct table t = table_for(f, 6, g, 6);
	void *token, *second;

	ck_assert_int_eq(dlframe(l, &t, sizeof t - 1, &token), -1);
	refused(EINVAL, "cut off");
	ck_assert_int_eq(dlframe(l, &t, 0, &token), -1);
	refused(EINVAL, "cut off");
	t = table_for((char *)f + 8, 6, g, 6);
	ck_assert_int_eq(dlframe(l, &t, sizeof t, &token), -1);
	refused(EINVAL, "not start");
	t = table_for((char *)g + 16, 6, g, 6);
	ck_assert_int_eq(dlframe(l, &t, sizeof t, &token), -1);
	refused(EINVAL, "not in a block");
	t = table_for(f, 6, g, 600);
	ck_assert_int_eq(dlframe(l, &t, sizeof t, &token), -1);
	refused(EINVAL, "not in a block");
	t = table_for(f, 6, f, 6);
	ck_assert_int_eq(dlframe(l, &t, sizeof t, &token), -1);
	refused(EINVAL, "share 16 bytes");
	t = table_for(f, 6, g, 6);
	t.cie[0] = 9;
	ck_assert_int_eq(dlframe(l, &t, sizeof t, &token), -1);
	refused(EINVAL, "not understood");
	t.cie[0] = 1, t.fde[0].cie = 100;
	ck_assert_int_eq(dlframe(l, &t, sizeof t, &token), -1);
	refused(EINVAL, "not understood");
	t = table_for(f, 6, g, 6);
	ck_assert_int_eq(dlframe(l, &t, sizeof t, &token), 0);
	ck_assert_int_eq(dlframe(l, &t, sizeof t, &second), -1);
	refused(EEXIST, "dlunframe");
	ck_assert_int_eq(dlfree(l, f), -1);
	refused(EBUSY, "unwind entry");
	ck_assert_int_eq(dlunframe(l, f), -1);
	refused(EINVAL, "token");
	ck_assert_int_eq(dlunframe(l, token), 0);
	ck_assert_int_eq(dlunframe(l, token), -1);
	refused(EINVAL, "token");
	ck_assert_int_eq(dlfree(l, f), 0);
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

/* libgcc's search, which throw and backtrace() use. */
struct bases {
	void *text, *data, *function;
};
const unsigned char *_Unwind_Find_FDE(void *pc, struct bases *bases);

#define FUNCTIONS 2000

START_TEST(unwinders_find_every_function)
{
	void *l = new_library(), *f[FUNCTIONS], *token[FUNCTIONS];
	struct bases b;
	struct table t;

	for (int i = 0; i < FUNCTIONS; i++)
		f[i] = dlalloc(l, 16 + i % 200, SHF_EXECINSTR);
	for (int k = 0; k < FUNCTIONS; k += 2) { /* in another order */
		int i = k * 7 % FUNCTIONS, j = (i + 1) % FUNCTIONS;

		t = table_for(f[i], 16 + i % 200, f[j], 16 + j % 200);
		ck_assert_msg(dlframe(l, &t, sizeof t, &token[i]) == 0, "%s", dlbind_error());
		token[j] = NULL;
	}
	for (int i = 0; i < FUNCTIONS; i++) {
		ck_assert_ptr_nonnull(_Unwind_Find_FDE((char *)f[i] + 15 + i % 200, &b));
		ck_assert_ptr_eq(b.function, f[i]);
	}
	for (int i = 0; i < FUNCTIONS; i += 4)
		if (token[i])
			ck_assert_int_eq(dlunframe(l, token[i]), 0);
	for (int i = 0; i < FUNCTIONS; i++) {
		const unsigned char *fde = _Unwind_Find_FDE(f[i], &b);

		ck_assert(i % 4 < 2 ? !fde : fde && b.function == f[i]);
	}
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

static int32_t to(const void *target, const void *field)
{
	return (const char *)target - (const char *)field;
}

/* As a compiler emits them: everything in 4 bytes from where it stands. */
struct __attribute__((packed)) relative_table {
	uint32_t cie_length, cie_id;
	unsigned char cie[9], data_length, personality_enc;
	int32_t personality;
	unsigned char lsda_enc, fde_enc, rest[7];
	uint32_t fde_length, fde_cie;
	int32_t begin;
	uint32_t size;
	unsigned char fde_data_length;
	int32_t lsda;
	unsigned char fde_rest[3];
};

START_TEST(relative_pointers_follow_the_copy)
{
	void *l = new_library(), *f = new_function(l, 1), *g = new_function(l, 2);
	char *lsda = dlalloc(l, 64, SHF_ALLOC);
	struct relative_table *own = dlalloc(l, sizeof *own, SHF_ALLOC), *t;
	const unsigned char *fde;
	const struct relative_table *copy;
	struct bases b;
	void *token;

	t = dlwritable(l, own);
	*t = (struct relative_table){
		.cie_length = 28,
		.cie = { 1, 'z', 'P', 'L', 'R', 0, 1, 0x78, 16 },
		.data_length = 7,
		.personality_enc = 0x9b,
		.lsda_enc = 0x1b,
		.fde_enc = 0x1b,
		.rest = { 0x0c, 7, 8, 0x90, 1 },
		.personality = to(g, &own->personality),
		.fde_length = 20,
		.fde_cie = 36,
		.begin = to(f, &own->begin),
		.size = 6,
		.fde_data_length = 4,
		.lsda = to(lsda, &own->lsda),
	};
	ck_assert_msg(dlframe(l, own, sizeof *own, &token) == 0, "%s", dlbind_error());
	ck_assert_int_eq(dlfree(l, own), 0);
	fde = _Unwind_Find_FDE((char *)f + 5, &b);
	ck_assert_ptr_nonnull(fde);
	ck_assert_ptr_eq(b.function, f);
	copy = (const void *)(fde - offsetof(struct relative_table, fde_length));
	ck_assert_ptr_eq(copy, token);
	ck_assert_int_eq(copy->begin, to(f, &copy->begin));
	ck_assert_int_eq(copy->lsda, to(lsda, &copy->lsda));
	ck_assert_int_eq(copy->personality, to(g, &copy->personality));
	ck_assert_int_eq(dlunframe(l, token), 0);
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

START_TEST(random_bytes_are_no_unwind_table)
{
	void *l = new_library(), *f = new_function(l, 1), *g = new_function(l, 2), *token;
	const struct table good = table_for(f, 6, g, 6);
	unsigned accepted = 0;

	srand(1);
	for (int i = 0; i < 100000; i++) {
		/* Not on the stack: a read beyond it is seen by ASan and valgrind. */
		unsigned char *t = malloc(sizeof good);

		memcpy(t, &good, sizeof good);
		for (int k = rand() % 4; k >= 0; k--)
			t[rand() % sizeof good] = rand();
		if (dlframe(l, t, sizeof good, &token) == 0) {
			accepted++;
			ck_assert_int_eq(dlunframe(l, token), 0);
		} else {
			ck_assert_ptr_nonnull(dlbind_error());
		}
		free(t);
	}
	ck_assert_uint_gt(accepted, 100);
	ck_assert_int_eq(dlfree(l, f), 0);
	ck_assert_int_eq(dldelete(l), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		bad_arguments_are_refused,
		limits_are_kept_and_can_be_used_up,
		rlimits_give_errors_not_signals,
		versions_and_weak_symbols,
		an_ifunc_is_resolved,
		the_global_scope_only_if_asked,
		tables_grow_and_the_file_agrees,
		no_page_is_ever_writable_and_executable,
		freed_memory_merges_and_goes_back,
		a_new_library_is_small,
		a_library_in_use_is_not_deleted,
		a_forked_child_uses_but_does_not_change,
		unwind_tables_are_checked,
		random_bytes_are_no_unwind_table,
		unwinders_find_every_function,
		relative_pointers_follow_the_copy,
	};
	TCase *tcase = tcase_create("all");

	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tcase, tests[i]);
	return run("dlbind", tcase);
}
