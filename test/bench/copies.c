/* Many copies of one plugin, each with globals of its own: instances under the module, or
 * files of their own that glibc alone opens.  At each number of copies a few more are opened
 * and timed; processor time of this thread.
 *
 *	copies instances PLUGIN FOLDER N...	FOLDER: of snapshots
 *	copies files FOLDER - N...		FOLDER/0.so, 1.so ... are there */
#include <dirent.h>
#include <dlfcn.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "goaudit.h"
#include "measure.h"

#define MORE 20
#define MOST (10000 + 2 * MORE)
#define ASKS 200000

typedef long add_fn(long, long);

static void *handle[MOST];
static char *address[MOST];
static unsigned opened;
static const char *plugin, *folder;
static int instances;

static double cpu(void)
{
	return ns_of(CLOCK_THREAD_CPUTIME_ID);
}

static void fail(const char *what)
{
	fprintf(stderr, "copies: %s: %s\n", what, dlerror());
	exit(1);
}

static void *open_one(unsigned i)
{
	char path[300];
	void *h;

	if (instances)
		return goaudit_open_instance(plugin, RTLD_NOW, &handle[i]);
	snprintf(path, sizeof path, "%s/%u.so", plugin, i);
	h = dlopen(path, RTLD_NOW);
	return h;
}

static double open_to(unsigned n)
{
	unsigned before = opened;
	double t = cpu();

	for (; opened < n; opened++)
		if (!(handle[opened] = open_one(opened)))
			fail("open");
	return (cpu() - t) / 1e3 / (n - before);
}

/* The first look for a function in each. */
static double look_up(unsigned from, const char *name)
{
	double t = cpu();

	for (unsigned i = from; i < opened; i++)
		if (!(address[i] = dlsym(handle[i], name)))
			fail("dlsym");
	return (cpu() - t) / 1e3 / (opened - from);
}

static unsigned next(unsigned *seed)
{
	return *seed = *seed * 1664525u + 1013904223u;
}

static double ask_instance(void)
{
	unsigned seed = 1;
	double t = cpu();

	for (int i = 0; i < ASKS; i++)
		if (!goaudit_instance_of(address[(next(&seed) >> 8) % opened]))
			fail("goaudit_instance_of");
	return (cpu() - t) / ASKS;
}

static double ask_object(void)
{
	struct dl_find_object found;
	unsigned seed = 1;
	double t = cpu();

	for (int i = 0; i < ASKS; i++)
		if (_dl_find_object(address[(next(&seed) >> 8) % opened], &found) != 0)
			fail("_dl_find_object");
	return (cpu() - t) / ASKS;
}

static double ask_dladdr(void)
{
	unsigned seed = 1;
	double t = cpu();
	Dl_info info;
	int n = 2000;

	for (int i = 0; i < n; i++)
		if (!dladdr(address[(next(&seed) >> 8) % opened], &info))
			fail("dladdr");
	return (cpu() - t) / n;
}

static long mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	long n = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static long anonymous(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	char line[200];
	long kb = 0;

	while (f && fgets(line, sizeof line, f))
		sscanf(line, "Anonymous: %ld", &kb);
	fclose(f);
	return kb * 1024;
}

static double file_bytes;

/* A file with several names counts once. */
static int add_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path, (void)ftw;
	if (type == FTW_F)
		file_bytes += st->st_blocks * 512.0 / st->st_nlink;
	return 0;
}

static double snapshots(void)
{
	file_bytes = 0;
	if (instances)
		nftw(folder, add_file, 16, FTW_PHYS);
	return file_bytes;
}

static double close_to(unsigned n)
{
	unsigned before = opened;
	double t = cpu();

	while (opened > n)
		if (dlclose(handle[--opened]) != 0)
			fail("dlclose");
	return (cpu() - t) / 1e3 / (before - n);
}

static void figures(unsigned n, long maps, double memory)
{
	double open;

	open_to(n > 2 ? n : 2);
	look_up(0, "touched"); /* a variable: has its page in memory, in both */
	printf("memory_%u %.2f KB\n", n,
	       (anonymous() + snapshots() - memory) / 1024 / (opened - 1));
	printf("mappings_%u %.2f each\n", n, (double)(mappings() - maps) / (opened - 1));
	open = open_to(opened + MORE);
	printf("open_%u %.2f us\n", n, open);
	printf("first_dlsym_%u %.2f us\n", n, look_up(opened - MORE, "Add"));
	printf("dlsym_%u %.2f us\n", n, look_up(opened - MORE, "Sub"));
	look_up(opened - MORE, "touched");
	printf("dladdr_%u %.2f ns\n", n, ask_dladdr());
	printf("find_object_%u %.2f ns\n", n, ask_object());
	if (instances)
		printf("instance_of_%u %.2f ns\n", n, ask_instance());
	printf("close_%u %.2f us\n", n, close_to(n));
}

int main(int argc, char **argv)
{
	double memory;
	long maps;

	instances = argc > 4 && strcmp(argv[1], "instances") == 0;
	plugin = argv[2];
	folder = argv[3];
	open_to(1); /* what is there but once */
	look_up(0, "Add");
	look_up(0, "touched");
	usleep(100000); /* the file's stamp is then old enough to be trusted */
	maps = mappings();
	memory = anonymous() + snapshots();
	for (int i = 4; i < argc; i++)
		figures(atoi(argv[i]), maps, memory);
	close_to(0);
	return 0;
}
