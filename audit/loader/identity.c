#include "loader/identity.h"

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/loader.h"

#define PUBLIC   (sizeof(struct link_map) / sizeof(uint64_t)) /* words */
#define POINTERS 16 /* words in which a pointer to the record's own end is looked for */
#define LARGEST  4096

/* How many words of the record may be read: to its newest name, which stands behind it in
 * the same block (elf/dl-object.c, _dl_new_object); 0: not known. */
static size_t words_of(const uint64_t *record)
{
	size_t n = 0;

	for (size_t i = PUBLIC; i < POINTERS; i++) {
		uint64_t at = record[i] - (uint64_t)(uintptr_t)record;

		if (at < LARGEST && at / sizeof *record > n)
			n = at / sizeof *record;
	}
	return n;
}

void identity_learn(struct loader *ld, const struct link_map *map, const char *file)
{
	const uint64_t *record = (const void *)map;
	size_t n = words_of(record), found = 0, place = 0;
	struct stat st;

	if (stat(file, &st) != 0)
		return;
	for (size_t i = PUBLIC; i + 1 < n; i++)
		if (record[i] == st.st_dev && record[i + 1] == st.st_ino) {
			found++;
			place = i;
		}
	if (found == 1)
		ld->ldso.inode = (place + 1) * sizeof *record;
}

bool identity_known(const struct loader *ld)
{
	return __atomic_load_n(&ld->ldso.inode, __ATOMIC_RELAXED) != 0;
}

/* No file has the number 0. */
void identity_drop(const struct loader *ld, struct link_map *map)
{
	if (identity_known(ld))
		memset((char *)map + ld->ldso.inode, 0, sizeof(uint64_t));
}
