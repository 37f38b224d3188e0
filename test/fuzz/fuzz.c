/* fuzz replay FILE...: each input once through target.c, as libFuzzer would.
 *
 * fuzz SEED COUNT FILE...: goaudit inspect on COUNT mutations of images, in one
 * process, meant to be built with -fsanitize=address,undefined.
 *
 * Each input is one of the files with one to eight changes, most of them where
 * ELF keeps its structure: headers, the dynamic table, symbols, hash tables,
 * relocations, notes.  It lies in a block of its exact length, so that the
 * sanitizer sees each byte that is read beyond; some are cut short.  It takes
 * the part of the library, of the host, and of the runtime library in turn.
 * An input that takes longer than a second counts as a hang. */
#include "tool/base/files.h"
#include "tool/base/text.h"
#include "tool/inspect/inspect.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILES_MAX   64
#define CHANGES_MAX 8

struct image {
	char *bytes;
	size_t len;
	size_t *hot; /* offsets of structure */
	size_t hot_n;
};

static uint64_t state;
static uint64_t current; /* number of the input, for who asks after a crash */

static uint64_t random_below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n == 0 ? 0 : (state * UINT64_C(0x2545f4914f6cdd1d) >> 11) % n;
}

static void add_range(struct image *im, size_t from, size_t len)
{
	if (from > im->len)
		return;
	for (size_t i = from; i < im->len && i < from + len && i < from + 65536; i++)
		im->hot[im->hot_n++ % (4 * im->len)] = i;
}

/* Headers, and all sections but code and debug information. */
static void find_hot(struct image *im)
{
	Elf64_Ehdr eh;
	Elf64_Shdr sh;

	im->hot = allocate(4 * im->len * sizeof *im->hot);
	memcpy(&eh, im->bytes, sizeof eh);
	for (int i = 0; i < 4; i++) /* these count for more */
		add_range(im, 0, sizeof eh + (size_t)eh.e_phnum * sizeof(Elf64_Phdr));
	for (size_t i = 0; i < eh.e_shnum; i++) {
		memcpy(&sh, im->bytes + eh.e_shoff + i * sizeof sh, sizeof sh);
		if (sh.sh_type == SHT_DYNAMIC || sh.sh_type == SHT_NOTE ||
		    sh.sh_type == SHT_GNU_HASH || sh.sh_type == SHT_HASH ||
		    sh.sh_type == SHT_DYNSYM || sh.sh_type == SHT_RELA)
			add_range(im, sh.sh_offset, sh.sh_size);
	}
	add_range(im, eh.e_shoff, (size_t)eh.e_shnum * sizeof sh);
	if (im->hot_n > 4 * im->len)
		im->hot_n = 4 * im->len;
}

static void change(const struct image *im, char *bytes, size_t len)
{
	static const uint64_t values[] = {
		0,
		1,
		2,
		7,
		8,
		16,
		24,
		0x7f,
		0x80,
		0xff,
		0xfff,
		0x1000,
		0x7fff,
		0x8000,
		0xffff,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xfffffffffffffff8,
		0xffffffffffffffff,
		0x6ffffef5,
		0x6ffffffb,
	};
	size_t at = random_below(8) == 0 ? random_below(len) : im->hot[random_below(im->hot_n)];
	size_t width = (size_t)1 << random_below(4);
	uint64_t v;

	if (len < 16 || at >= len - 8)
		return;
	at = random_below(2) ? at & ~(width - 1) : at;
	memcpy(&v, bytes + at, sizeof v);
	switch (random_below(6)) {
	case 0: v ^= UINT64_C(1) << random_below(8 * width); break;
	case 1: v = values[random_below(sizeof values / sizeof *values)]; break;
	case 2: v += random_below(33) - 16; break;
	case 3: v = random_below(UINT64_MAX); break;
	case 4: v = len - 8 + random_below(16); break;
	case 5: memcpy(&v, bytes + random_below(len - 8), sizeof v); break;
	}
	memcpy(bytes + at, &v, width);
}

static char *mutate(const struct image *im, size_t *len)
{
	char *bytes;

	*len = random_below(50) == 0 ? random_below(im->len + 1) : im->len;
	bytes = malloc(*len + (*len == 0));
	memcpy(bytes, im->bytes, *len);
	for (uint64_t n = 1 + random_below(CHANGES_MAX); n > 0 && *len > 0; n--)
		change(im, bytes, *len);
	return bytes;
}

/* The mutated image as a host, and as a process's runtime library. */
static void as_partner(char *bytes, size_t len, const struct image *other)
{
	struct inspector in = { 0 };
	struct report r;
	char why[200];

	in.host = object_of_bytes(bytes, len, why, sizeof why);
	if (in.host == NULL)
		return;
	closure_open(&in, in.host, &in.host_closure);
	if (in.host->facts.kind == IMAGE_GO_RUNTIME)
		in.runtime = in.host;
	inspect_bytes(&in, other->bytes, other->len, &r);
	report_free(&r);
	in.runtime = NULL;
	inspector_free(&in);
}

/* All libraries see a clean report, so that it is known to say something. */
static unsigned try_one(const struct image *images, size_t n)
{
	const struct image *im = &images[random_below(n)];
	struct inspector in = { 0 };
	unsigned usable = 0;
	struct report r;
	size_t len;
	char *bytes = mutate(im, &len);

	if (random_below(4) == 0) {
		as_partner(bytes, len, &images[random_below(n)]);
	} else {
		inspect_bytes(&in, bytes, len, &r);
		usable = r.readable;
		report_free(&r);
		inspector_free(&in);
	}
	free(bytes);
	return usable;
}

static void hang(int sig)
{
	char line[64];
	/* NOLINTNEXTLINE(bugprone-signal-handler): the process hangs as it is, and ends. */
	int n = snprintf(line, sizeof line, "input %llu hangs\n", (unsigned long long)current);

	(void)sig;
	if (write(2, line, (size_t)n) < 0)
		_exit(4);
	_exit(3);
}

/* Each in a block of its own length; its name first, for who asks after a crash. */
static int replay(char **files)
{
	int n = 0;

	for (; files[n] != NULL; n++) {
		char *bytes;
		size_t len;

		if (read_file(files[n], &bytes, &len) != 0)
			return 2;
		fprintf(stderr, "%s\n", files[n]);
		alarm(60);
		LLVMFuzzerTestOneInput((const uint8_t *)bytes, len);
		free(bytes);
	}
	printf("%d inputs of the corpus: no crash, no hang\n", n);
	return n > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct image images[FILES_MAX] = { 0 };
	uint64_t count = argc > 3 ? strtoull(argv[2], NULL, 0) : 0, usable = 0;
	uint64_t first = argc > 3 ? strtoull(argv[1], NULL, 0) : 0;
	size_t n = 0;

	signal(SIGALRM, hang);
	if (argc > 1 && strcmp(argv[1], "replay") == 0)
		return replay(argv + 2);
	for (int i = 3; i < argc && n < FILES_MAX; i++, n++) {
		if (read_file(argv[i], &images[n].bytes, &images[n].len) != 0)
			return 2;
		find_hot(&images[n]);
	}
	if (n == 0)
		return 2;
	for (current = 0; current < count; current++) {
		/* Each input depends on its number only, so that it can be had again. */
		state = (first + current) * UINT64_C(0x9e3779b97f4a7c15) + 1;
		random_below(1);
		if (current % 64 == 0)
			alarm(20);
		usable += try_one(images, n);
		if (isatty(2) && current % 10000 == 0)
			fprintf(stderr, "\r%llu ", (unsigned long long)current);
	}
	printf("%llu inputs of %zu images, %llu of them usable: no crash, no hang\n",
	       (unsigned long long)count, n, (unsigned long long)usable);
	for (size_t i = 0; i < n; i++) {
		free(images[i].bytes);
		free(images[i].hot);
	}
	return usable > count / 20 ? 0 : 1; /* else it has not come far enough */
}
