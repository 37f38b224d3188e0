/* SDT probes: places in code that are described by notes in a section that is not
 * loaded,
 *
 *	address, link-time base, semaphore	8 bytes each
 *	provider, name, arguments		NUL-terminated
 *
 * where the base is what .stapsdt.base was at, before a prelinker moved it. */
#include "image/elf.h"

#include <string.h>

#define NOTE_OWNER "stapsdt"
#define NOTE_TYPE  3

struct probe {
	uint64_t address, base, semaphore;
};

static bool is_wanted(const char *desc, size_t size, const char *provider, const char *name)
{
	const char *p = desc + sizeof(struct probe), *end = desc + size;
	size_t n = strlen(provider) + 1, k = strlen(name) + 1;

	return size > sizeof(struct probe) && (size_t)(end - p) >= n + k &&
	       memcmp(p, provider, n) == 0 && memcmp(p + n, name, k) == 0;
}

static uint64_t search_notes(Elf_Data *d, const char *provider, const char *name,
			     uint64_t *base)
{
	size_t off = 0, next, owner, desc;
	GElf_Nhdr nh;

	while ((next = gelf_getnote(d, off, &nh, &owner, &desc)) > off) {
		const char *bytes = d->d_buf;
		struct probe p;

		off = next;
		if (nh.n_type != NOTE_TYPE || nh.n_namesz != sizeof NOTE_OWNER ||
		    memcmp(bytes + owner, NOTE_OWNER, sizeof NOTE_OWNER) != 0 ||
		    !is_wanted(bytes + desc, nh.n_descsz, provider, name))
			continue;
		memcpy(&p, bytes + desc, sizeof p);
		*base = p.base;
		return p.address;
	}
	return 0;
}

uint64_t image_probe(const void *data, size_t len, const char *provider, const char *name)
{
	uint64_t address = 0, linked = 0, base = 0;
	struct image_elf img;
	Elf_Scn *scn = NULL;
	size_t names;

	if (image_elf_open(&img, data, len, NULL, 0) != IMAGE_OK)
		return 0;
	if (elf_getshdrstrndx(img.elf, &names) != 0)
		names = 0;
	while (names != 0 && (scn = elf_nextscn(img.elf, scn)) != NULL) {
		const char *s;
		Elf_Data *d;
		GElf_Shdr sh;

		if (gelf_getshdr(scn, &sh) == NULL ||
		    (s = elf_strptr(img.elf, names, sh.sh_name)) == NULL)
			continue;
		if (strcmp(s, ".stapsdt.base") == 0)
			base = sh.sh_addr;
		else if (address == 0 && strcmp(s, ".note.stapsdt") == 0 &&
			 (d = elf_getdata(scn, NULL)) != NULL)
			address = search_notes(d, provider, name, &linked);
	}
	image_elf_close(&img);
	if (address == 0 || linked == 0 || base == 0)
		return address;
	return address + (base - linked);
}
