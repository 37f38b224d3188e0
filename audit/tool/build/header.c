/* Making, keeping and finding the C headers of guests. */
#include "tool/build/header.h"
#include "tool/base/files.h"
#include "tool/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define NAME            "_goaudit.h" /* in the package's work folder */
#define HEAD_SIZE       1024         /* of an archive: its build ID is in there */
#define UNUSED_SECONDS  (30 * 86400)
#define ID_SIZE         20 /* of a part of a build ID (cmd/internal/buildid, HashToString) */
#define GO_NOTE_BUILDID 4

char **header_ask_cgo(char **argv)
{
	char **more;
	const char *folder = NULL;
	size_t n = 0;

	for (; argv[n] != NULL; n++) {
		if (strcmp(argv[n], "-objdir") == 0)
			folder = argv[n + 1];
		if (strncmp(argv[n], "-exportheader", 13) == 0 ||
		    strcmp(argv[n], "-dynimport") == 0)
			return argv;
	}
	if (folder == NULL)
		return argv;
	more = allocate((n + 3) * sizeof *more);
	more[0] = argv[0];
	more[1] = copy_text("-exportheader");
	more[2] = format("%s%s", folder, NAME);
	memcpy(more + 3, argv + 1, (n - 1) * sizeof *more);
	return more;
}

/* FOLDER/ID.h, for an ID of the form ACTION/CONTENT.  It is made of letters,
 * digits, '-' and '_'. */
static char *place_of(const char *folder, const char *id, size_t n)
{
	char *path = format("%s/%.*s.h", folder, (int)n, id);

	for (char *s = path + strlen(folder) + 1; *s != '\0'; s++)
		if (*s == '/')
			*s = '+';
	return path;
}

/* The archive's head has a line: build id "ACTION/CONTENT". */
static char *place_of_archive(const char *folder, const char *archive)
{
	static const char mark[] = "\nbuild id \"";
	char head[HEAD_SIZE + 1], *id, *end;
	int fd = open(archive, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, head, HEAD_SIZE);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return NULL;
	head[n] = '\0';
	/* The members' names before it have no zero bytes, nor has it. */
	id = strstr(head, mark);
	if (id == NULL)
		return NULL;
	id += strlen(mark);
	end = strchr(id, '"');
	return end != NULL ? place_of(folder, id, (size_t)(end - id)) : NULL;
}

void header_keep(const char *folder, const char *archive)
{
	const char *slash = strrchr(archive, '/');
	char *from, *to, *part, *text = NULL;
	size_t n = 0;

	/* In its work folder; go's cache has other names. */
	if (slash == NULL || strcmp(slash, "/_pkg_.a") != 0)
		return;
	to = place_of_archive(folder, archive);
	if (to == NULL)
		return;
	from = format("%.*s/" NAME, (int)(slash - archive), archive);
	part = format("%s.%ld", to, (long)getpid());
	if (read_file(from, &text, &n) != 0)
		n = 0; /* nothing is exported */
	if (make_dirs(folder) != 0 ||
	    write_file(part, text != NULL ? text : "", n, 0666) != 0 || rename(part, to) != 0)
		unlink(part); /* go will make it when it is asked for */
	free(text);
	free(part);
	free(from);
	free(to);
}

/* The Go build ID of an ELF file, LINK/ACTION/CONTENT/OUTPUT; NULL: none. */
static char *build_id(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t off, next, name, desc;
	char *id = NULL;
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	GElf_Nhdr nh;
	Elf *elf;

	if (fd < 0)
		return NULL;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	while (elf != NULL && id == NULL && (scn = elf_nextscn(elf, scn)) != NULL) {
		Elf_Data *d;

		if (gelf_getshdr(scn, &sh) == NULL || sh.sh_type != SHT_NOTE ||
		    (d = elf_getdata(scn, NULL)) == NULL)
			continue;
		for (off = 0; (next = gelf_getnote(d, off, &nh, &name, &desc)) > 0; off = next)
			if (nh.n_type == GO_NOTE_BUILDID && nh.n_namesz == 4 &&
			    memcmp((char *)d->d_buf + name, "Go\0\0", 4) == 0)
				id = format("%.*s", (int)nh.n_descsz, (char *)d->d_buf + desc);
	}
	elf_end(elf);
	close(fd);
	return id;
}

/* The place of the header of a guest: from the two parts in the middle. */
static char *place_of_guest(const char *folder, const char *out)
{
	char *id = build_id(out), *first, *last, *place = NULL;

	if (id == NULL)
		return NULL;
	first = strchr(id, '/');
	last = strrchr(id, '/');
	if (first != NULL && last > first)
		place = place_of(folder, first + 1, (size_t)(last - first - 1));
	free(id);
	return place;
}

/* A header that is the same is left alone: what includes it stays built. */
static bool write_header(const char *path, const char *text, size_t n)
{
	char *now;
	size_t len;
	bool same;

	if (read_file(path, &now, &len) == 0) {
		same = len == n && memcmp(now, text, n) == 0;
		free(now);
		if (same)
			return true;
	}
	return write_file(path, text, n, 0666) == 0;
}

bool header_place(const struct tool *t, const char *out)
{
	char *folder = format("%s/headers", t->cache), *from = place_of_guest(folder, out);
	const char *slash = strrchr(out, '/'), *dot = strrchr(out, '.');
	char *to, *text;
	bool good = false;
	size_t n;

	to = format("%.*s.h",
		    (int)(dot != NULL && dot > slash ? (size_t)(dot - out) : strlen(out)), out);
	if (from != NULL && read_file(from, &text, &n) == 0) {
		good = n == 0 || write_header(to, text, n);
		utimensat(AT_FDCWD, from, NULL, 0);
		free(text);
	}
	free(from);
	free(to);
	free(folder);
	return good;
}

/* Is it a name that place_of gives, or the one of its part? */
static bool is_header(const char *name)
{
	size_t first = strcspn(name, "+"), last;

	if (name[first] != '+' || first < ID_SIZE)
		return false;
	last = strcspn(name + first + 1, ".");
	name += first + 1 + last;
	return last >= ID_SIZE && strncmp(name, ".h", 2) == 0 &&
	       (name[2] == '\0' || name[2] == '.');
}

void header_sweep(const struct tool *t)
{
	char *folder = format("%s/headers", t->cache);
	DIR *d = opendir(folder);
	struct dirent *e;
	struct stat st;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (is_header(e->d_name) &&
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtime + UNUSED_SECONDS < time(NULL))
			unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	free(folder);
}
