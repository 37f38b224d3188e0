#!/bin/bash
# A program that knows nothing of reloading prints the same, byte by byte, with
# and without the audit module: search paths, $ORIGIN, RTLD_NEXT, namespaces,
# dlinfo, dladdr, and the text of every failure.
. "$(dirname "$0")/../lib.sh"

mkdir -p env run/sub origin
cc_so env/libenv.so <<<'int env_value(void) { return 1; }'
cc_so run/librun.so <<<'int run_value(void) { return 2; }'
cc_so run/sub/libsub.so <<<'int sub_value(void) { return 3; }'
cc_so origin/libbeside.so <<<'int beside_value(void) { return 4; }'
cc_so broken.so <<<'extern int nowhere(void); int broken(void) { return nowhere(); }'
cc_so needs.so -Wl,--no-as-needed -Wl,-soname,absent.so <<<'int absent;'
mv needs.so absent.so
cc_so needs.so -L. -l:absent.so <<<'extern int absent; int *needs(void) { return &absent; }'
rm absent.so
printf 'V1 { global: versioned; local: *; };\n' >map
cc_so version.so -Wl,--version-script=map <<<'int versioned(void) { return 5; }'
echo 'not an ELF file at all' >text.so
head -c 60 run/librun.so >short.so
: >empty.so
mkdir folder.so

# A library whose RUNPATH and $ORIGIN must be its own.
cc_so origin/libcaller.so -Wl,-rpath,'$ORIGIN/../run' <<'C'
#include "host.h"
void *caller_open(const char *name) { return dlopen(name, RTLD_NOW); }
void *caller_next(const char *name) { return dlsym(RTLD_NEXT, name); }
void *caller_default(const char *name) { return dlsym(RTLD_DEFAULT, name); }
int puts(const char *s) { (void)s; return -1; }
C

cat >host.c <<'C'
#include "host.h"

static const char *base(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "(null)";
}

static void error(const char *what)
{
	const char *text = dlerror();

	printf("%s: %s\n", what, text ? text : "(no error)");
	text = dlerror();
	printf("  and then: %s\n", text ? text : "(no error)");
}

static void *try_open(const char *name, int mode)
{
	void *h = dlopen(name, mode);
	struct link_map *map = h;

	printf("dlopen(%s, %#x): %s\n", name ? name : "NULL", mode,
	       h ? map->l_name : "NULL");
	error("  dlerror");
	return h;
}

static void try_sym(void *h, const char *what, const char *name)
{
	Dl_info info;
	void *p = dlsym(h, name);

	printf("dlsym(%s, %s): %s\n", what, name, p ? "found" : "NULL");
	if (p && dladdr(p, &info))
		printf("  in %s, %s\n", base(info.dli_fname),
		       info.dli_sname ? info.dli_sname : "(no name)");
	error("  dlerror");
}

static int count(struct dl_phdr_info *info, size_t size, void *data)
{
	printf("  object %s, %d headers\n", base(info->dlpi_name),
	       info->dlpi_phnum);
	return 0;
}

static int local(void) { return 0; }

int main(int argc, char **argv)
{
	static const char *const names[] = {
		"libenv.so", "librun.so", "libsub.so", "libbeside.so",
		"./run/librun.so", "run/../run/librun.so", "$ORIGIN/env/libenv.so",
		"${ORIGIN}/env/libenv.so", "$ORIGIN/nothing.so", "$LIB/x.so",
		"broken.so", "./broken.so", "./needs.so", "./text.so", "./short.so",
		"./empty.so", "./folder.so", "./missing.so", "missing.so", "",
		"/", "/etc/passwd", "libm.so.6", "libc.so.6", NULL,
	};
	static const int modes[] = { RTLD_NOW, RTLD_LAZY, 0, RTLD_NOLOAD,
		RTLD_NOW | RTLD_NOLOAD, RTLD_NOW | RTLD_GLOBAL,
		RTLD_LAZY | RTLD_DEEPBIND, RTLD_NOW | 0x400000,
		RTLD_NOW | 0x200000, };
	void *caller, *h, *again, *p, *other;
	struct link_map *map, *map2;
	Dl_serinfo size, *info;
	ElfW(Sym) *sym;
	Dl_info where;
	Lmid_t ns;
	char folder[PATH_MAX];

	setvbuf(stdout, NULL, _IONBF, 0);
	error("at the start");
	for (int m = 0; m < (int)(sizeof modes / sizeof *modes); m++)
		for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
			h = try_open(names[i], modes[m]);
			if (h)
				printf("  dlclose: %d\n", dlclose(h));
		}

	puts("-- in a library's name");
	caller = try_open("./origin/libcaller.so", RTLD_NOW);
	void *(*caller_open)(const char *) =
		(void *(*)(const char *))dlsym(caller, "caller_open");
	void *(*caller_next)(const char *) =
		(void *(*)(const char *))dlsym(caller, "caller_next");
	void *(*caller_default)(const char *) =
		(void *(*)(const char *))dlsym(caller, "caller_default");
	for (int i = 0; names[i]; i++) {
		h = caller_open(names[i]);
		printf("%s: %s\n", names[i], h ? ((struct link_map *)h)->l_name : "NULL");
		error("  dlerror");
		if (h)
			dlclose(h);
	}
	h = caller_open("$ORIGIN/libbeside.so");
	printf("beside: %d\n", h ? call(h, "beside_value") : -1);
	error("  dlerror");
	printf("next puts: %d, default: %d\n",
	       caller_next("puts") == dlsym(caller, "puts"),
	       caller_default("puts") == dlsym(RTLD_DEFAULT, "puts"));
	printf("next nothing: %p\n", caller_next("nothing_at_all"));
	error("  dlerror");

	puts("-- symbols");
	h = try_open("./run/librun.so", RTLD_NOW);
	try_sym(h, "h", "run_value");
	try_sym(h, "h", "no_such");
	try_sym(RTLD_DEFAULT, "default", "run_value");
	try_sym(RTLD_DEFAULT, "default", "strlen");
	try_sym(RTLD_DEFAULT, "default", "stdout");
	try_sym(RTLD_NEXT, "next", "printf");
	try_sym(RTLD_NEXT, "next", "main");
	try_sym(h, "h", "printf");
	try_sym(h, "h", "");
	p = dlvsym(RTLD_DEFAULT, "printf", "GLIBC_2.2.5");
	printf("dlvsym: %d\n", p == dlsym(RTLD_DEFAULT, "printf"));
	printf("dlvsym: %p\n", dlvsym(RTLD_DEFAULT, "printf", "GLIBC_9"));
	error("  dlerror");
	other = try_open("./version.so", RTLD_NOW);
	printf("dlvsym: %d\n", dlvsym(other, "versioned", "V1") != NULL);
	printf("dlvsym: %d\n", dlvsym(other, "versioned", "V2") != NULL);
	error("  dlerror");

	puts("-- references");
	again = try_open("run/librun.so", RTLD_NOW | RTLD_GLOBAL);
	printf("same: %d\n", again == h);
	try_sym(RTLD_DEFAULT, "default", "run_value");
	printf("%d %d\n", dlclose(h), dlclose(again));
	printf("%d\n", dlclose(other));
	printf("dlclose of the program: %d %d\n", dlclose(dlopen(NULL, RTLD_NOW)),
	       dlclose(dlopen(NULL, RTLD_NOW)));
	h = try_open("./run/librun.so", RTLD_NOW | RTLD_NODELETE);
	printf("%d\n", dlclose(h));
	printf("%d\n", dlclose(h));
	error("  dlerror");

	puts("-- addresses");
	printf("dladdr: %d\n", dladdr((void *)main, &where));
	printf("%s %s %d\n", base(where.dli_fname),
	       where.dli_sname ? where.dli_sname : "(null)",
	       where.dli_saddr == (void *)main);
	printf("dladdr: %d\n", dladdr((void *)local, &where));
	printf("%s\n", where.dli_sname ? where.dli_sname : "(null)");
	printf("dladdr: %d\n", dladdr(&where, &where));
	printf("dladdr: %d\n", dladdr(NULL, &where));
	printf("dladdr: %d\n", dladdr((void *)-1, &where));
	p = dlsym(caller, "caller_open");
	printf("dladdr1: %d\n",
	       dladdr1(p, &where, (void **)&map, RTLD_DL_LINKMAP));
	printf("%s %d\n", where.dli_fname, map == caller);
	printf("dladdr1: %d\n",
	       dladdr1(p, &where, (void **)&sym, RTLD_DL_SYMENT));
	printf("%s %d\n", where.dli_sname, (int)ELF64_ST_TYPE(sym->st_info));

	puts("-- dlinfo");
	printf("%d\n", dlinfo(caller, RTLD_DI_LINKMAP, &map));
	printf("%s\n", map->l_name);
	printf("%d\n", dlinfo(caller, RTLD_DI_ORIGIN, folder));
	printf("%s\n", folder);
	printf("%d\n", dlinfo(caller, RTLD_DI_LMID, &ns));
	printf("base: %d\n", ns == LM_ID_BASE);
	printf("%d\n", dlinfo(caller, RTLD_DI_SERINFOSIZE, &size));
	info = calloc(1, size.dls_size);
	info->dls_size = size.dls_size;
	info->dls_cnt = size.dls_cnt;
	printf("%d\n", dlinfo(caller, RTLD_DI_SERINFO, info));
	for (unsigned i = 0; i < info->dls_cnt; i++)
		printf("  %s\n", info->dls_serpath[i].dls_name);
	printf("%d\n", dlinfo(caller, 99, &ns));
	error("  dlerror");

	puts("-- namespaces");
	h = dlmopen(LM_ID_NEWLM, "./origin/libcaller.so", RTLD_NOW);
	printf("%d\n", h != NULL && h != caller);
	error("  dlerror");
	printf("%d\n", dlinfo(h, RTLD_DI_LMID, &ns));
	printf("base: %d\n", ns == LM_ID_BASE);
	caller_open = (void *(*)(const char *))dlsym(h, "caller_open");
	other = caller_open("librun.so");
	printf("%d\n", other != NULL);
	error("  dlerror");
	printf("%d\n", dlinfo(other, RTLD_DI_LMID, &ns));
	printf("base: %d\n", ns == LM_ID_BASE);
	printf("%d\n", dlmopen(ns, "./missing.so", RTLD_NOW) != NULL);
	error("  dlerror");
	printf("%d\n", dlmopen(LM_ID_BASE, "./missing.so", RTLD_NOW) != NULL);
	error("  dlerror");
	printf("%d\n", dlmopen(LM_ID_BASE, "$ORIGIN/env/libenv.so", RTLD_NOW) != NULL);
	error("  dlerror");
	printf("%d\n", dlmopen(LM_ID_NEWLM, NULL, RTLD_NOW) != NULL);
	error("  dlerror");
	printf("%d %d\n", dlclose(other), dlclose(h));

	puts("-- who is there");
	dl_iterate_phdr(count, NULL);
	for (map2 = dlopen(NULL, RTLD_LAZY); map2; map2 = map2->l_next)
		printf("  map %s\n", base(map2->l_name));
	printf("stdout is %s\n", dlsym(RTLD_DEFAULT, "stdout") ? "there" : "not");
	return 0;
}
C
for way in pie no-pie now; do
	case $way in
	pie) options= ;;
	no-pie) options="-no-pie -fno-pie" ;;
	now) options="-fno-plt -Wl,-z,now" ;;
	esac
	# shellcheck disable=SC2086
	cc_host $way -w $options -Wl,-rpath,'$ORIGIN/run' <host.c
	export LD_LIBRARY_PATH=$PWD/env
	run_plain ./$way >plain.txt 2>&1 || fail "$way: exit status $?"
	run_audited ./$way >audited.txt 2>&1 || fail "$way: exit status $?"
	unset LD_LIBRARY_PATH
	diff -u plain.txt audited.txt || fail "$way: the output differs"
	[ "$(wc -l <plain.txt)" -gt 800 ] || fail "$way: too little output"
	grep -q 'undefined symbol: nowhere' plain.txt || fail "$way: no failures seen"
done

[ ! -e snapshots ] || fail "a snapshot folder was made for nothing"
