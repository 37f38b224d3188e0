/* Making and removing a guest build's folder.
 *
 * libstd.so is a copy in it, with a shorter note: go build reads the list of
 * the library's packages from the note .note.go.pkg-list, and for each of the
 * 355 checks that it is up to date, running cgo and the C compiler for those
 * that use cgo.  With "runtime" alone in the list it looks at what the guest
 * imports, and a build takes a second less.  The note is not loaded, and the
 * guest sees the real library only. */
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GO_NOTE_PKGLIST 1
#define SHORT_LIST "runtime\n"
#define STALE_SECONDS 60	/* a folder so old has been locked by its builder */

/* Removes what killed builds have left. */
static void
sweep(const char *tmp)
{
	char *const roots[] = { (char *)(uintptr_t)tmp, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;

	while (fts != NULL && (e = fts_read(fts)) != NULL) {
		int fd;

		if (e->fts_level != 1 || e->fts_info != FTS_D)
			continue;
		fts_set(fts, e, FTS_SKIP);
		if (e->fts_statp->st_mtime + STALE_SECONDS > time(NULL))
			continue;
		fd = open(e->fts_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			remove_tree(e->fts_path);
		if (fd >= 0)
			close(fd);
	}
	if (fts != NULL)
		fts_close(fts);
}

/* go writes some files in place (*.shlibname), and removes the others first
 * (*.a): only the latter may be links. */
static int
take_file(const char *from, const char *to)
{
	const char *dot = strrchr(to, '.');

	if (dot != NULL && strcmp(dot, ".a") == 0 && link(from, to) == 0)
		return 0;
	return copy_file(from, to);
}

static int
take_packages(const struct runtime *rt, const struct view *v)
{
	char *from = format("%s/pkg", rt->dir);
	char *const roots[] = { from, NULL };
	size_t root_len = strlen(from);
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	int r = fts == NULL ? -1 : 0;
	FTSENT *e;

	while (r == 0 && (e = fts_read(fts)) != NULL) {
		char *to = format("%s%s", v->pkg, e->fts_path + root_len);

		if (e->fts_info == FTS_D)
			r = mkdir(to, 0777);
		else if (e->fts_info == FTS_F)
			r = take_file(e->fts_path, to);
		free(to);
	}
	if (fts != NULL)
		fts_close(fts);
	free(from);
	return r;
}

/* File offset of the package list's note, and of its text; false: none. */
static bool
find_note(Elf *elf, uint64_t *note, uint64_t *text)
{
	size_t names, off, next, name, desc;
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	GElf_Nhdr nh;

	if (elf == NULL || elf_getshdrstrndx(elf, &names) != 0)
		return false;
	while ((scn = elf_nextscn(elf, scn)) != NULL) {
		const char *s;
		Elf_Data *d;

		if (gelf_getshdr(scn, &sh) == NULL || sh.sh_type != SHT_NOTE ||
		    (s = elf_strptr(elf, names, sh.sh_name)) == NULL ||
		    strcmp(s, ".note.go.pkg-list") != 0 || (d = elf_getdata(scn, NULL)) == NULL)
			continue;
		for (off = 0; (next = gelf_getnote(d, off, &nh, &name, &desc)) > 0; off = next)
			if (nh.n_type == GO_NOTE_PKGLIST && nh.n_descsz >= strlen(SHORT_LIST)) {
				*note = sh.sh_offset + off;
				*text = sh.sh_offset + desc;
				return true;
			}
	}
	return false;
}

static int
shorten_list(const char *path)
{
	const Elf64_Word size = strlen(SHORT_LIST);
	int fd = open(path, O_RDWR | O_CLOEXEC), status = STATUS_OK;
	uint64_t note = 0, text = 0;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!find_note(elf, &note, &text))
		status = tool_error("%s: no list of packages in it: goaudit runtime --clean",
				    path);
	elf_end(elf);
	if (status == STATUS_OK &&
	    (pwrite(fd, SHORT_LIST, size, (off_t)text) != (ssize_t)size ||
	     pwrite(fd, &size, sizeof size, (off_t)note + (off_t)offsetof(Elf64_Nhdr, n_descsz)) !=
		     (ssize_t)sizeof size))
		status = tool_error("%s: %s: is the disk full?", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return status;
}

int
view_open(struct tool *t, const struct runtime *rt, struct view *v)
{
	char *tmp = format("%s/tmp", t->cache);
	int status = STATUS_OK;

	*v = (struct view){ .lock = -1 };
	make_dirs(tmp);
	sweep(tmp);
	v->dir = format("%s/build.XXXXXX", tmp);
	if (mkdtemp(v->dir) == NULL) {
		status = tool_error("%s: %s: make the cache folder writable", tmp, strerror(errno));
		free(v->dir);
		v->dir = NULL;
		free(tmp);
		return status;
	}
	free(tmp);
	v->lock = open(v->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->lock >= 0)
		flock(v->lock, LOCK_EX);
	v->pkg = format("%s/pkg", v->dir);
	v->lib = format("%s/libstd.so", v->pkg);
	v->work = format("%s/work", v->dir);
	if (mkdir(v->work, 0777) != 0 || take_packages(rt, v) != 0 ||
	    copy_file(rt->libstd, v->lib) != 0)
		status = tool_error("%s: %s: see goaudit runtime", v->dir, strerror(errno));
	return status == STATUS_OK ? shorten_list(v->lib) : status;
}

void
view_close(struct view *v)
{
	if (v->dir != NULL)
		remove_tree(v->dir);
	if (v->lock >= 0)
		close(v->lock);
	free(v->dir);
	free(v->pkg);
	free(v->lib);
	free(v->work);
	*v = (struct view){ .lock = -1 };
}

static bool
differs(const FTSENT *e, const char *original)
{
	struct stat st;

	/* A hard link still, or, where links were impossible, as long. */
	return stat(original, &st) != 0 ||
	       (st.st_ino != e->fts_statp->st_ino && st.st_size != e->fts_statp->st_size);
}

char *
view_changed(const struct runtime *rt, const struct view *v)
{
	char *const roots[] = { v->pkg, NULL };
	size_t root_len = strlen(v->pkg);
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	char *found = NULL;
	FTSENT *e;

	while (fts != NULL && found == NULL && (e = fts_read(fts)) != NULL) {
		const char *rel = e->fts_path + root_len;
		size_t len = strlen(rel);
		char *original;

		if (e->fts_info != FTS_F || len < 4 || strcmp(rel + len - 2, ".a") != 0)
			continue;
		original = format("%s/pkg%s", rt->dir, rel);
		if (differs(e, original))
			found = format("%.*s", (int)len - 3, rel + 1);
		free(original);
	}
	if (fts != NULL)
		fts_close(fts);
	return found;
}
