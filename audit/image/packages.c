/* The lists of packages in package libraries, and those that other Go images have of their
 * own (go/linker/goaudit_exports.go); and what two of them disagree in. */
#include "image/elf.h"

#include <stdio.h>
#include <string.h>

#define PACKAGES_MAX (16 << 20) /* bytes of a list */
#define BUILD_SHOWN  8          /* digits of a package's ID */

char *image_packages(const void *data, size_t len)
{
	struct image_elf img;
	char *text = NULL;
	GElf_Sym sym;
	Elf_Data *d;
	size_t i;

	if (image_elf_open(&img, data, len, NULL, 0) != IMAGE_OK)
		return NULL;
	i = image_find_symbol(&img, IMAGE_PACKAGES_SYMBOL);
	if (i == 0)
		i = image_find_symbol(&img, IMAGE_OWN_SYMBOL);
	if (i != 0 && gelf_getsym(img.sym, (int)i, &sym) != NULL && sym.st_size > 0 &&
	    sym.st_size < PACKAGES_MAX &&
	    (d = image_chunk(&img, sym.st_value, sym.st_size, ELF_T_BYTE)) != NULL)
		text = strndup(d->d_buf, sym.st_size);
	image_elf_close(&img);
	return text;
}

/* One word of a list. */
struct word {
	const char *s;
	size_t n;
};

struct package {
	struct word path, version, id;
};

static struct word next_word(const char **at)
{
	struct word w = { *at, strcspn(*at, " \n") };

	*at += w.n + ((*at)[w.n] == ' ');
	return w;
}

/* The next line "package PATH VERSION ID", and moves *list behind it. */
static bool next_package(const char **list, struct package *p)
{
	while (**list != '\0') {
		const char *at = *list;
		struct word kind = next_word(&at);

		*list += strcspn(*list, "\n");
		*list += **list == '\n';
		p->path = next_word(&at);
		p->version = next_word(&at);
		p->id = next_word(&at);
		if (kind.n == 7 && memcmp(kind.s, "package", 7) == 0 && p->id.n > 0)
			return true;
	}
	return false;
}

static bool same(struct word a, struct word b)
{
	return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

/* How unlike two builds of a package are. */
enum difference { NONE, OTHER_LIBRARY, OTHER_BUILD, OTHER_VERSION, PROGRAMS_OWN, GUESTS_OWN };

static bool is_own(const struct package *p)
{
	return p->id.n == 3 && memcmp(p->id.s, "own", 3) == 0;
}

static enum difference compare(const struct package *a, const struct package *b)
{
	if (is_own(b))
		return GUESTS_OWN;
	if (is_own(a))
		return PROGRAMS_OWN;
	if (!same(a->version, b->version))
		return OTHER_VERSION;
	return same(a->id, b->id) ? OTHER_LIBRARY : OTHER_BUILD;
}

/* Of the packages that both have, one whose builds differ most. */
static enum difference find_clash(const char *there, const char *wanted, struct package *a,
				  struct package *b)
{
	enum difference most = NONE, d;
	struct package have, want;

	while (next_package(&wanted, &want))
		for (const char *at = there; next_package(&at, &have);) {
			if (!same(have.path, want.path))
				continue;
			d = compare(&have, &want);
			if (d > most) {
				most = d;
				*a = have;
				*b = want;
			}
		}
	return most;
}

#define WORD(w) (int)(w).n, (w).s

bool image_clash(const char *there, const char *wanted, char *text, size_t size)
{
	struct package a = { 0 }, b = { 0 };

	switch (find_clash(there, wanted, &a, &b)) {
	case NONE: return false;
	case OTHER_VERSION:
		snprintf(
			text, size,
			"package %.*s: the program has %.*s, and this guest was built with %.*s: "
			"build both with one version, and restart the program",
			WORD(a.path), WORD(a.version), WORD(b.version));
		return true;
	case OTHER_BUILD:
		snprintf(
			text, size,
			"package %.*s %.*s has been changed: the program has build %.*s, and this "
			"guest was built with %.*s: build the program again, and restart it",
			WORD(a.path), WORD(a.version), BUILD_SHOWN, a.id.s, BUILD_SHOWN,
			b.id.s);
		return true;
	case PROGRAMS_OWN:
		snprintf(
			text, size,
			"package %.*s %.*s: the program has %.*s of its own, and this guest is "
			"over a library with it: build the program with -share, too",
			WORD(b.path), WORD(b.version), WORD(a.version));
		return true;
	case GUESTS_OWN:
		snprintf(
			text, size,
			"package %.*s %.*s: the program has %.*s, and this is the guest's own, "
			"with other types and variables: build it with -share, too",
			WORD(b.path), WORD(b.version), WORD(a.version));
		return true;
	case OTHER_LIBRARY:
		snprintf(text, size,
			 "package %.*s %.*s: the program has it in another library: build the "
			 "program and then the guest again",
			 WORD(a.path), WORD(a.version));
		return true;
	}
	return false;
}
