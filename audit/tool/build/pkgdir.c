/* Making, keeping and removing the folders of guest builds.
 *
 * Making one takes a fifth of a second, so a folder is kept for the builds that
 * come later: CACHE/tmp/KEY.N, whose builder holds a lock on it.  The file
 * "complete" in it says that nothing in it differs from the runtime library; it
 * is taken away for the time of a build, so a build that was killed leaves a
 * folder that is made anew.
 *
 * libstd.so is a copy in it, with a shorter note: go build reads the list of
 * the library's packages from the note .note.go.pkg-list, and for each of the
 * 355 checks that it is up to date, running cgo and the C compiler for those
 * that use cgo.  With "runtime" alone in the list it looks at what the guest
 * imports, and a build takes a second less.  The note is not loaded, and the
 * guest sees the real library only. */
#include "tool/build/pkgdir.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <gelf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GO_NOTE_PKGLIST 1
#define SHORT_LIST      "runtime\n"
#define STALE_SECONDS   60    /* one so old without "complete" was left by a killed build */
#define IDLE_SECONDS    86400 /* one that nobody has used for so long is removed */
#define KEPT            3     /* at most so many of a library are kept */

/* Is the runtime library gone that a folder KEY.N was made for? */
static bool is_orphan(const struct tool *t, const char *name)
{
	const char *dot = strrchr(name, '.');
	char *key = format("%s/runtime/%.*s/complete", t->cache,
			   (int)(dot != NULL ? dot - name : 0), name);
	bool gone = !file_exists(key);

	free(key);
	return gone;
}

static int lock_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat own, now;

	if (fd < 0)
		return -1;
	/* It may have been removed, and made anew, before the lock was ours. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &own) == 0 &&
	    stat(path, &now) == 0 && own.st_ino == now.st_ino)
		return fd;
	close(fd);
	return -1;
}

void view_sweep(struct tool *t)
{
	char *tmp = format("%s/tmp", t->cache);
	char *const roots[] = { tmp, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;

	while (fts != NULL && (e = fts_read(fts)) != NULL) {
		char *complete;
		time_t age;
		int fd;

		if (e->fts_level != 1 || e->fts_info != FTS_D)
			continue;
		fts_set(fts, e, FTS_SKIP);
		if (!is_marked(e->fts_path))
			continue;
		age = time(NULL) - e->fts_statp->st_mtime;
		complete = format("%s/complete", e->fts_path);
		if (age > IDLE_SECONDS ||
		    (file_exists(complete) ? is_orphan(t, e->fts_name) : age > STALE_SECONDS)) {
			fd = lock_folder(e->fts_path);
			if (fd >= 0) {
				remove_tree(e->fts_path);
				close(fd);
			}
		}
		free(complete);
	}
	if (fts != NULL)
		fts_close(fts);
	free(tmp);
}

/* go writes some files in place (*.shlibname), and removes the others first
 * (*.a): only the latter may be links. */
static int take_file(const char *from, const char *to)
{
	const char *dot = strrchr(to, '.');

	if (dot != NULL && strcmp(dot, ".a") == 0 && link(from, to) == 0)
		return 0;
	return copy_file(from, to);
}

static int take_packages(const struct runtime *rt, const struct view *v)
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
static bool find_note(Elf *elf, uint64_t *note, uint64_t *text)
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

static int shorten_list(const char *path)
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
	     pwrite(fd, &size, sizeof size,
		    (off_t)note + (off_t)offsetof(Elf64_Nhdr, n_descsz)) !=
		     (ssize_t)sizeof size))
		status = tool_error("%s: %s: is the disk full?", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return status;
}

static bool differs(const FTSENT *e, const char *original)
{
	struct stat st;

	/* A hard link still, or, where links were impossible, as long. */
	return stat(original, &st) != 0 ||
	       (st.st_ino != e->fts_statp->st_ino && st.st_size != e->fts_statp->st_size);
}

/* The first file whose name ends in `suffix' and that is not as in the library:
 * its path beneath pkg, to be freed. */
static char *first_change(const struct runtime *rt, const struct view *v, const char *suffix)
{
	char *const roots[] = { v->pkg, NULL };
	size_t root_len = strlen(v->pkg), suffix_len = strlen(suffix);
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	char *found = NULL;
	FTSENT *e;

	while (fts != NULL && found == NULL && (e = fts_read(fts)) != NULL) {
		const char *rel = e->fts_path + root_len;
		size_t len = strlen(rel);
		char *original;

		if (e->fts_info != FTS_F || len < suffix_len ||
		    strcmp(rel + len - suffix_len, suffix) != 0)
			continue;
		original = strcmp(rel, "/libstd.so") == 0 ? copy_text(rt->libstd) :
							    format("%s/pkg%s", rt->dir, rel);
		if (differs(e, original))
			found = copy_text(rel + 1);
		free(original);
	}
	if (fts != NULL)
		fts_close(fts);
	return found;
}

char *view_changed(const struct runtime *rt, const struct view *v)
{
	char *found = first_change(rt, v, ".a");

	if (found != NULL)
		found[strlen(found) - 2] = '\0';
	return found;
}

/* The first folder that is free; it is locked. */
static int take_folder(struct tool *t, const struct runtime *rt, struct view *v)
{
	for (unsigned n = 0; n < 10000; n++) {
		v->dir = format("%s/tmp/%s.%u", t->cache, rt->key, n);
		if (mkdir(v->dir, 0777) == 0 ? mark_folder(v->dir) != 0 : errno != EEXIST)
			break;
		v->lock = is_marked(v->dir) ? lock_folder(v->dir) : -1;
		if (v->lock >= 0) {
			v->kept = n < KEPT;
			return STATUS_OK;
		}
		free(v->dir);
		v->dir = NULL;
	}
	free(v->dir);
	v->dir = NULL;
	return tool_error("%s/tmp: %s: make the cache folder writable", t->cache,
			  strerror(errno));
}

static int fill_folder(const struct runtime *rt, const struct view *v)
{
	remove_tree(v->pkg);
	remove_tree(v->work);
	if (mkdir(v->work, 0777) != 0 || take_packages(rt, v) != 0 ||
	    copy_file(rt->libstd, v->lib) != 0)
		return tool_error("%s: %s: see goaudit runtime", v->dir, strerror(errno));
	return shorten_list(v->lib);
}

int view_open(struct tool *t, const struct runtime *rt, struct view *v)
{
	char *tmp = format("%s/tmp", t->cache);
	int status;

	*v = (struct view){ .lock = -1 };
	make_dirs(tmp);
	free(tmp);
	view_sweep(t);
	status = take_folder(t, rt, v);
	if (status != STATUS_OK)
		return status;
	v->pkg = format("%s/pkg", v->dir);
	v->lib = format("%s/libstd.so", v->pkg);
	v->work = format("%s/work", v->dir);
	v->complete = format("%s/complete", v->dir);
	if (unlink(v->complete) == 0)
		return STATUS_OK;
	return fill_folder(rt, v);
}

void view_close(const struct runtime *rt, struct view *v)
{
	char *changed = NULL;

	/* go removes its own files, but not when it is killed. */
	if (v->kept && v->work != NULL && rmdir(v->work) == 0 && mkdir(v->work, 0777) == 0 &&
	    (changed = first_change(rt, v, "")) == NULL)
		write_file(v->complete, "", 0, 0666);
	else if (v->dir != NULL)
		remove_tree(v->dir);
	free(changed);
	if (v->lock >= 0)
		close(v->lock);
	free(v->dir);
	free(v->pkg);
	free(v->lib);
	free(v->work);
	free(v->complete);
	*v = (struct view){ .lock = -1 };
}
