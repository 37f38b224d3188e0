/* The one question put to DWARF, with libdw: where in a struct a member lies.
 *
 * A file of its own, so that a process which never asks does not map libdw. */
#include "image.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool
named(Dwarf_Die *die, const char *name)
{
	const char *s = dwarf_diename(die);

	return s != NULL && strcmp(s, name) == 0;
}

static long
member_offset(Dwarf_Die *type, const char *member)
{
	Dwarf_Die die;
	Dwarf_Attribute attr;
	Dwarf_Word off;

	if (dwarf_child(type, &die) != 0)
		return -1;
	do {
		if (dwarf_tag(&die) == DW_TAG_member && named(&die, member) &&
		    dwarf_formudata(dwarf_attr(&die, DW_AT_data_member_location, &attr),
				    &off) == 0)
			return (long)off;
	} while (dwarf_siblingof(&die, &die) == 0);
	return -1;
}

static long
unit_offset(Dwarf_Die *unit, const char *type, const char *member)
{
	Dwarf_Die die;

	if (dwarf_child(unit, &die) != 0)
		return -1;
	do {
		if (dwarf_tag(&die) == DW_TAG_structure_type && named(&die, type))
			return member_offset(&die, member);
	} while (dwarf_siblingof(&die, &die) == 0);
	return -1;
}

static long
find(Dwarf *dw, const char *type, const char *member)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;
	long off = -1;

	while (off < 0 &&
	       dwarf_get_units(dw, cu, &cu, NULL, NULL, &unit, NULL) == 0)
		off = unit_offset(&unit, type, member);
	return off;
}

long
image_member_offset(const char *path, const char *type, const char *member)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long off = -1;
	Dwarf *dw;

	if (fd < 0)
		return -1;
	dw = dwarf_begin(fd, DWARF_C_READ);
	if (dw != NULL) {
		off = find(dw, type, member);
		dwarf_end(dw);
	}
	close(fd);
	return off;
}
