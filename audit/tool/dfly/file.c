/* Files, folders and what is known of them, by name or by descriptor. */
#include "dfly.h"
#include "handlers.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

int file_at(uint64_t fd)
{
	return (uint32_t)fd == BSD_AT_FDCWD ? AT_FDCWD : (int)fd;
}

static int at_flags(uint64_t flags)
{
	return (flags & BSD_AT_SYMLINK_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) |
	       (flags & BSD_AT_REMOVEDIR ? AT_REMOVEDIR : 0) |
	       (flags & BSD_AT_EACCESS ? AT_EACCESS : 0);
}

/* DragonFly's flag, Linux's flag. */
static const struct {
	int bsd, linux_flag;
} open_flags[] = {
	{ BSD_O_NONBLOCK, O_NONBLOCK }, { BSD_O_APPEND, O_APPEND },
	{ BSD_O_ASYNC, O_ASYNC },       { BSD_O_SYNC, O_SYNC },
	{ BSD_O_NOFOLLOW, O_NOFOLLOW }, { BSD_O_CREAT, O_CREAT },
	{ BSD_O_TRUNC, O_TRUNC },       { BSD_O_EXCL, O_EXCL },
	{ BSD_O_NOCTTY, O_NOCTTY },     { BSD_O_DIRECT, O_DIRECT },
	{ BSD_O_CLOEXEC, O_CLOEXEC },   { BSD_O_DIRECTORY, O_DIRECTORY },
};
#define OPEN_FLAGS (sizeof open_flags / sizeof open_flags[0])

int file_open_flags(int flags)
{
	int out = flags & BSD_O_ACCMODE;

	for (size_t i = 0; i < OPEN_FLAGS; i++)
		out |= flags & open_flags[i].bsd ? open_flags[i].linux_flag : 0;
	return out;
}

static int to_bsd_flags(int flags)
{
	int out = flags & O_ACCMODE;

	for (size_t i = 0; i < OPEN_FLAGS; i++)
		if ((flags & open_flags[i].linux_flag) == open_flags[i].linux_flag)
			out |= open_flags[i].bsd;
	return out;
}

/* DragonFly has no /proc/self, and Go's runtime/pprof would find a map of this process there
 * (proto_other.go, readMapping).  The path has been opened, so it can be read. */
static bool is_linux_only(uint64_t path)
{
	static const char prefix[] = "/proc/self/";
	const char *p = (const char *)path;

	for (size_t i = 0; i < sizeof prefix - 1; i++)
		if (p[i] != prefix[i])
			return false;
	return true;
}

/* With O_SHLOCK and O_EXLOCK the file is locked as flock does it. */
static long open_at(int at, uint64_t path, int flags, uint64_t mode)
{
	long fd = block6(__NR_openat, at, path, file_open_flags(flags), mode, 0, 0), r;

	if (!IS_ERROR(fd) && is_linux_only(path)) {
		sys1(__NR_close, fd);
		return -ENOENT;
	}
	if (IS_ERROR(fd) || !(flags & (BSD_O_SHLOCK | BSD_O_EXLOCK)))
		return fd;
	r = block3(__NR_flock, fd,
		   (flags & BSD_O_EXLOCK ? LOCK_EX : LOCK_SH) |
			   (flags & BSD_O_NONBLOCK ? LOCK_NB : 0),
		   0);
	if (IS_ERROR(r)) {
		sys1(__NR_close, fd);
		return r;
	}
	return fd;
}

long do_open(struct call *c)
{
	return open_at(AT_FDCWD, c->a[0], (int)c->a[1], c->a[2]);
}

long do_openat(struct call *c)
{
	return open_at(file_at(c->a[0]), c->a[1], (int)c->a[2], c->a[3]);
}

static long put_stat(const struct stat *s, struct bsd_stat *to)
{
	*to = (struct bsd_stat){
		.ino = s->st_ino,
		.nlink = (uint32_t)s->st_nlink,
		.dev = (uint32_t)s->st_dev,
		.mode = (uint16_t)s->st_mode,
		.uid = s->st_uid,
		.gid = s->st_gid,
		.rdev = (uint32_t)s->st_rdev,
		.atim = s->st_atim,
		.mtim = s->st_mtim,
		.ctim = s->st_ctim,
		.size = s->st_size,
		.blocks = s->st_blocks,
		.blksize = (uint32_t)s->st_blksize,
	};
	return 0;
}

static long stat_at(int at, uint64_t path, uint64_t to, int flags)
{
	struct stat s;
	long r = sys4(__NR_newfstatat, at, path, &s, flags);

	return r == 0 ? put_stat(&s, (struct bsd_stat *)to) : r;
}

long do_stat(struct call *c)
{
	return stat_at(AT_FDCWD, c->a[0], c->a[1], 0);
}
long do_lstat(struct call *c)
{
	return stat_at(AT_FDCWD, c->a[0], c->a[1], AT_SYMLINK_NOFOLLOW);
}

long do_fstatat(struct call *c)
{
	return stat_at(file_at(c->a[0]), c->a[1], c->a[2], at_flags(c->a[3]));
}

long do_fstat(struct call *c)
{
	struct stat s;
	long r = sys2(__NR_fstat, c->a[0], &s);

	return r == 0 ? put_stat(&s, (struct bsd_stat *)c->a[1]) : r;
}

static long put_statfs(const struct statfs *s, struct bsd_statfs *to)
{
	struct bsd_statfs out = {
		.bsize = s->f_bsize,
		.iosize = s->f_bsize,
		.blocks = (int64_t)s->f_blocks,
		.bfree = (int64_t)s->f_bfree,
		.bavail = (int64_t)s->f_bavail,
		.files = (int64_t)s->f_files,
		.ffree = (int64_t)s->f_ffree,
		.fsid = { s->f_fsid.__val[0], s->f_fsid.__val[1] },
		.type = (int32_t)s->f_type,
		.flags = (int32_t)(s->f_flags & 1), /* read-only */
		.fstypename = "linux",
		.mntonname = "/",
		.mntfromname = "linux",
	};

	*to = out;
	return 0;
}

long do_statfs(struct call *c)
{
	struct statfs s;
	long r = sys2(__NR_statfs, c->a[0], &s);

	return r == 0 ? put_statfs(&s, (struct bsd_statfs *)c->a[1]) : r;
}

long do_fstatfs(struct call *c)
{
	struct statfs s;
	long r = sys2(__NR_fstatfs, c->a[0], &s);

	return r == 0 ? put_statfs(&s, (struct bsd_statfs *)c->a[1]) : r;
}

/* The next word of a line of /proc/mounts in place; moves *p behind it. */
static char *word(char **p)
{
	char *from = *p;

	while (**p != ' ' && **p != '\n' && **p != '\0')
		(*p)++;
	if (**p != '\0')
		*(*p)++ = '\0';
	return from;
}

static void put_text(char *to, size_t room, const char *from)
{
	size_t n = text_len(from);

	memset(to, 0, room);
	memcpy(to, from, n < room ? n : room - 1);
}

/* One line of it; -> whether it is a file system that can be asked. */
static bool put_mount(char *line, struct bsd_statfs *to)
{
	char *from = word(&line), *on = word(&line), *type = word(&line);
	struct statfs s;

	if (sys2(__NR_statfs, on, &s) != 0)
		return false;
	put_statfs(&s, to);
	put_text(to->fstypename, sizeof to->fstypename, type);
	put_text(to->mntonname, sizeof to->mntonname, on);
	put_text(to->mntfromname, sizeof to->mntfromname, from);
	return true;
}

#define MOUNTS_ROOM 262144ul

/* getfsstat(buf, size, flags): how many file systems there are, and as many as fit. */
long do_getfsstat(struct call *c)
{
	struct bsd_statfs *to = (struct bsd_statfs *)c->a[0], one;
	long room = to != NULL ? (long)(c->a[1] / sizeof *to) : 0, n = 0, size = 0, r;
	long fd = sys3(__NR_open, "/proc/self/mounts", O_RDONLY | O_CLOEXEC, 0);
	char *text = fd < 0 ? NULL : pages_new(MOUNTS_ROOM);

	if (text == NULL)
		return fd < 0 ? fd : -ENOMEM;
	while ((r = sys3(__NR_read, fd, text + size, MOUNTS_ROOM - 1 - (uint64_t)size)) > 0)
		size += r;
	sys1(__NR_close, fd);
	for (char *p = text; *p != '\0' && (to == NULL || n < room);) {
		char *line = p;

		while (*p != '\n' && *p != '\0')
			p++;
		if (*p != '\0')
			*p++ = '\0';
		if (put_mount(line, &one)) {
			if (to != NULL)
				to[n] = one;
			n++;
		}
	}
	pages_free(text, MOUNTS_ROOM);
	return n;
}

struct linux_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

/* getdirentries(fd, buf, count, base).  DragonFly's entries are never longer than Linux's,
 * so they are made in place, from the first on. */
long do_getdirentries(struct call *c)
{
	long r = sys3(__NR_getdents64, c->a[0], c->a[1], (uint32_t)c->a[2]);
	uint8_t *from = (uint8_t *)c->a[1], *to = from, *end = from + r;
	int64_t off = 0;

	for (; !IS_ERROR(r) && from < end;) {
		struct linux_dirent d;
		struct bsd_dirent *b = (struct bsd_dirent *)to;
		size_t n, size;

		memcpy(&d, from, sizeof d);
		n = text_len((char *)from + offsetof(struct linux_dirent, name));
		size = (sizeof *b + n + 1 + 7) & ~7ul;
		memmove(b->name, from + offsetof(struct linux_dirent, name), n);
		memset(b->name + n, 0, size - sizeof *b - n);
		*b = (struct bsd_dirent){ .ino = d.ino, .namlen = (uint16_t)n, .type = d.type };
		to += size;
		from += d.reclen;
		off = d.off;
	}
	if (IS_ERROR(r))
		return r;
	if (c->a[3] != 0)
		*(int64_t *)c->a[3] = off;
	return to - (uint8_t *)c->a[1];
}

long do_getdents(struct call *c)
{
	c->a[3] = 0;
	return do_getdirentries(c);
}

long do_getcwd(struct call *c)
{
	long r = sys2(__NR_getcwd, c->a[0], c->a[1]);

	return r > 0 ? 0 : r;
}

long do_fchmodat(struct call *c)
{
	int flags = at_flags(c->a[3]);

	/* fchmodat2, since Linux 6.6, is the one with flags. */
	return flags == 0 ? sys3(__NR_fchmodat, file_at(c->a[0]), c->a[1], c->a[2]) :
			    sys4(452, file_at(c->a[0]), c->a[1], c->a[2], flags);
}

long do_fchownat(struct call *c)
{
	return sys5(__NR_fchownat, file_at(c->a[0]), c->a[1], c->a[2], c->a[3],
		    at_flags(c->a[4]));
}

long do_faccessat(struct call *c)
{
	int flags = at_flags(c->a[3]);

	return flags == 0 ?
		       sys3(__NR_faccessat, file_at(c->a[0]), c->a[1], c->a[2]) :
		       sys4(439 /* faccessat2 */, file_at(c->a[0]), c->a[1], c->a[2], flags);
}

long do_eaccess(struct call *c)
{
	return sys4(439, AT_FDCWD, c->a[0], c->a[1], AT_EACCESS);
}

#define LINKS_MAX 32

/* "link/" as a name that is made or moved is the link itself for Linux, and what the link
 * leads to for DragonFly: follows it in `out', of PATH_ROOM. */
static const char *without_link(int at, const char *path, char *out)
{
	for (int i = 0; i < LINKS_MAX; i++) {
		char target[PATH_ROOM];
		size_t n = text_len(path), folder;
		long r;

		if (n < 2 || path[n - 1] != '/' || n + 1 >= PATH_ROOM)
			break;
		memmove(out, path, n);
		while (n > 1 && out[n - 1] == '/')
			n--;
		out[n] = '\0';
		r = sys4(__NR_readlinkat, at, out, target, sizeof target);
		if (r <= 0)
			break;
		folder = target[0] == '/' ? 0 : (size_t)(text_last_part(out) - out);
		if (folder + (size_t)r + 2 > PATH_ROOM)
			break;
		memcpy(out + folder, target, (size_t)r);
		memcpy(out + folder + r, "/", 2);
		path = out;
	}
	/* The last round has cut the slash off. */
	if (path == out && text_len(out) > 0 && out[text_len(out) - 1] != '/')
		memcpy(out + text_len(out), "/", 2);
	return path;
}

static long rename_at(int from_at, uint64_t from, int to_at, uint64_t to)
{
	char a[PATH_ROOM], b[PATH_ROOM];

	return sys4(__NR_renameat, from_at, without_link(from_at, (const char *)from, a), to_at,
		    without_link(to_at, (const char *)to, b));
}

static long make_folder(int at, uint64_t path, uint64_t mode)
{
	char a[PATH_ROOM];

	return sys3(__NR_mkdirat, at, without_link(at, (const char *)path, a), mode);
}

static long remove_folder(int at, uint64_t path)
{
	char a[PATH_ROOM];

	return sys3(__NR_unlinkat, at, without_link(at, (const char *)path, a), AT_REMOVEDIR);
}

long do_rmdir(struct call *c)
{
	return remove_folder(AT_FDCWD, c->a[0]);
}

long do_unlinkat(struct call *c)
{
	return c->a[2] & BSD_AT_REMOVEDIR ? remove_folder(file_at(c->a[0]), c->a[1]) :
					    sys3(__NR_unlinkat, file_at(c->a[0]), c->a[1], 0);
}

long do_rename(struct call *c)
{
	return rename_at(AT_FDCWD, c->a[0], AT_FDCWD, c->a[1]);
}

long do_renameat(struct call *c)
{
	return rename_at(file_at(c->a[0]), c->a[1], file_at(c->a[2]), c->a[3]);
}

long do_mkdir(struct call *c)
{
	return make_folder(AT_FDCWD, c->a[0], c->a[1]);
}
long do_mkdirat(struct call *c)
{
	return make_folder(file_at(c->a[0]), c->a[1], c->a[2]);
}

long do_mkfifo(struct call *c)
{
	return sys4(__NR_mknodat, AT_FDCWD, c->a[0], S_IFIFO | (c->a[1] & 07777), 0);
}

long do_mkfifoat(struct call *c)
{
	return sys4(__NR_mknodat, file_at(c->a[0]), c->a[1], S_IFIFO | (c->a[2] & 07777), 0);
}

long do_mknodat(struct call *c)
{
	return sys4(__NR_mknodat, file_at(c->a[0]), c->a[1], c->a[2], c->a[3]);
}

long do_readlinkat(struct call *c)
{
	return sys4(__NR_readlinkat, file_at(c->a[0]), c->a[1], c->a[2], c->a[3]);
}

long do_symlinkat(struct call *c)
{
	return sys3(__NR_symlinkat, c->a[0], file_at(c->a[1]), c->a[2]);
}

long do_linkat(struct call *c)
{
	return sys5(__NR_linkat, file_at(c->a[0]), c->a[1], file_at(c->a[2]), c->a[3],
		    c->a[4] & 4 ? AT_SYMLINK_FOLLOW : 0);
}

/* UTIME_NOW is -1 there, UTIME_OMIT -2. */
long do_utimensat(struct call *c)
{
	const struct timespec *from = (const struct timespec *)c->a[2];
	struct timespec ts[2];

	for (int i = 0; from != NULL && i < 2; i++) {
		ts[i] = from[i];
		if (ts[i].tv_nsec == -1)
			ts[i].tv_nsec = UTIME_NOW;
		else if (ts[i].tv_nsec == -2)
			ts[i].tv_nsec = UTIME_OMIT;
	}
	return sys4(__NR_utimensat, file_at(c->a[0]), c->a[1], from != NULL ? ts : NULL,
		    at_flags(c->a[3]));
}

/* utimes, lutimes and futimes: two of struct timeval. */
static long set_times(int at, uint64_t path, uint64_t times, int flags)
{
	const struct timeval *from = (const struct timeval *)times;
	struct timespec ts[2];

	for (int i = 0; from != NULL && i < 2; i++) {
		if (from[i].tv_usec < 0 || from[i].tv_usec >= 1000000)
			return -EINVAL;
		ts[i] = (struct timespec){ from[i].tv_sec, from[i].tv_usec * 1000 };
	}
	return sys4(__NR_utimensat, at, path, from != NULL ? ts : NULL, flags);
}

long do_utimes(struct call *c)
{
	return set_times(AT_FDCWD, c->a[0], c->a[1], 0);
}
long do_lutimes(struct call *c)
{
	return set_times(AT_FDCWD, c->a[0], c->a[1], AT_SYMLINK_NOFOLLOW);
}
long do_futimes(struct call *c)
{
	return set_times((int)c->a[0], 0, c->a[1], 0);
}

/* The length lies behind a pad. */
long do_truncate(struct call *c)
{
	return sys2(__NR_truncate, c->a[0], c->a[2]);
}
long do_ftruncate(struct call *c)
{
	return sys2(__NR_ftruncate, c->a[0], c->a[2]);
}
long do_lseek(struct call *c)
{
	return sys3(__NR_lseek, c->a[0], c->a[2], (int)c->a[3]);
}

static long lock_file(int fd, int command, struct bsd_flock *b)
{
	struct flock f = {
		.l_type = b->type == BSD_F_RDLCK ? F_RDLCK :
			  b->type == BSD_F_WRLCK ? F_WRLCK :
						   F_UNLCK,
		.l_whence = b->whence,
		.l_start = b->start,
		.l_len = b->len,
	};
	long r = block3(__NR_fcntl, fd, command, &f);

	if (r == 0 && command == F_GETLK) {
		b->type = f.l_type == F_RDLCK ? BSD_F_RDLCK :
			  f.l_type == F_WRLCK ? BSD_F_WRLCK :
						BSD_F_UNLCK;
		b->whence = f.l_whence;
		b->start = f.l_start;
		b->len = f.l_len;
		b->pid = f.l_pid;
	}
	return r;
}

static long duplicate_to(int from, int to, int flags)
{
	if (from == to)
		return sys2(__NR_fcntl, from, F_GETFD) < 0 ? -EBADF : to;
	kqueue_closed(to);
	return sys3(__NR_dup3, from, to, flags);
}

long do_fcntl(struct call *c)
{
	int fd = (int)c->a[0];
	uint64_t a = c->a[2];
	long r;

	switch ((int)c->a[1]) {
	case BSD_F_DUPFD: return sys3(__NR_fcntl, fd, F_DUPFD, a);
	case BSD_F_DUPFD_CLOEXEC: return sys3(__NR_fcntl, fd, F_DUPFD_CLOEXEC, a);
	case BSD_F_DUP2FD: return duplicate_to(fd, (int)a, 0);
	case BSD_F_DUP2FD_CLOEXEC: return duplicate_to(fd, (int)a, O_CLOEXEC);
	case BSD_F_GETFD: return sys2(__NR_fcntl, fd, F_GETFD);
	case BSD_F_SETFD: return sys3(__NR_fcntl, fd, F_SETFD, a);
	case BSD_F_GETFL:
		r = sys2(__NR_fcntl, fd, F_GETFL);
		return r < 0 ? r : to_bsd_flags((int)r) & ~(BSD_O_CLOEXEC | BSD_O_DIRECTORY);
	case BSD_F_SETFL:
		return sys3(__NR_fcntl, fd, F_SETFL,
			    file_open_flags((int)a) &
				    (O_NONBLOCK | O_APPEND | O_ASYNC | O_DIRECT));
	case BSD_F_GETOWN: return sys2(__NR_fcntl, fd, F_GETOWN);
	case BSD_F_SETOWN: return sys3(__NR_fcntl, fd, F_SETOWN, a);
	case BSD_F_GETLK: return lock_file(fd, F_GETLK, (struct bsd_flock *)a);
	case BSD_F_SETLK: return lock_file(fd, F_SETLK, (struct bsd_flock *)a);
	case BSD_F_SETLKW: return lock_file(fd, F_SETLKW, (struct bsd_flock *)a);
	default: return -EINVAL;
	}
}

long do_dup2(struct call *c)
{
	return duplicate_to((int)c->a[0], (int)c->a[1], 0);
}

long do_close(struct call *c)
{
	long r;

	kqueue_closed((int)c->a[0]);
	r = sys1(__NR_close, c->a[0]);
	return r == -EINTR ? 0 : r; /* it is closed */
}

long do_closefrom(struct call *c)
{
	return sys3(436 /* close_range */, c->a[0], ~0u, 0);
}

/* Two results, and on DragonFly the array is not written. */
static long make_pipe(struct call *c, int flags)
{
	int fd[2];
	long r = sys2(__NR_pipe2, fd, flags);

	if (r != 0)
		return r;
	arch_set_second(c->regs, (uint64_t)fd[1]);
	return fd[0];
}

long do_pipe(struct call *c)
{
	return make_pipe(c, 0);
}

long do_pipe2(struct call *c)
{
	return make_pipe(c, file_open_flags((int)c->a[1]) & (O_CLOEXEC | O_NONBLOCK));
}

/* extpread(fd, buf, n, flags, offset): an offset of -1 is the file's own. */
long do_extpread(struct call *c)
{
	return (int64_t)c->a[4] == -1 ?
		       block3(__NR_read, c->a[0], c->a[1], c->a[2]) :
		       block6(__NR_pread64, c->a[0], c->a[1], c->a[2], c->a[4], 0, 0);
}

long do_extpwrite(struct call *c)
{
	return (int64_t)c->a[4] == -1 ?
		       block3(__NR_write, c->a[0], c->a[1], c->a[2]) :
		       block6(__NR_pwrite64, c->a[0], c->a[1], c->a[2], c->a[4], 0, 0);
}

/* Linux has no such flags of files. */
long do_chflags(struct call *c)
{
	(void)c;
	return -EOPNOTSUPP;
}

/* pathconf and fpathconf, for the names that are limits of Linux as well. */
long do_pathconf(struct call *c)
{
	switch ((int)c->a[1]) {
	case 1: return 32767; /* _PC_LINK_MAX */
	case 4: return 255;   /* _PC_NAME_MAX */
	case 5: return 1024;  /* _PC_PATH_MAX */
	case 6: return 4096;  /* _PC_PIPE_BUF */
	case 7: return 1;     /* _PC_CHOWN_RESTRICTED */
	case 8: return 1;     /* _PC_NO_TRUNC */
	default: return -EINVAL;
	}
}
