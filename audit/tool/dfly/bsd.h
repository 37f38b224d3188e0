/* DragonFly BSD's numbers and structures on x86-64, as far as Go programs use them: from
 * Go's syscall/ztypes_dragonfly_amd64.go, syscall/zerrors_dragonfly_amd64.go and
 * runtime/defs_dragonfly_amd64.go, and DragonFly's own headers.  Names that Linux has as
 * well begin with BSD_. */
#ifndef DFLY_BSD_H
#define DFLY_BSD_H

#include "arch_x86_64.h"

#include <stdint.h>
#include <time.h>

#define BSD_NSIG 35 /* signals are 1 to 34 */

/* clang-format off */
enum {				/* errno */
	BSD_EBUSY = 16, BSD_EAGAIN = 35, BSD_EFTYPE = 79,
};

enum {				/* open, fcntl */
	BSD_O_ACCMODE = 3, BSD_O_NONBLOCK = 4, BSD_O_APPEND = 8, BSD_O_SHLOCK = 0x10,
	BSD_O_EXLOCK = 0x20, BSD_O_ASYNC = 0x40, BSD_O_SYNC = 0x80, BSD_O_NOFOLLOW = 0x100,
	BSD_O_CREAT = 0x200, BSD_O_TRUNC = 0x400, BSD_O_EXCL = 0x800, BSD_O_NOCTTY = 0x8000,
	BSD_O_DIRECT = 0x10000, BSD_O_CLOEXEC = 0x20000, BSD_O_DIRECTORY = 0x8000000,

	BSD_F_DUPFD = 0, BSD_F_GETFD = 1, BSD_F_SETFD = 2, BSD_F_GETFL = 3, BSD_F_SETFL = 4,
	BSD_F_GETOWN = 5, BSD_F_SETOWN = 6, BSD_F_GETLK = 7, BSD_F_SETLK = 8, BSD_F_SETLKW = 9,
	BSD_F_DUP2FD = 10, BSD_F_DUPFD_CLOEXEC = 17, BSD_F_DUP2FD_CLOEXEC = 18,
	BSD_F_RDLCK = 1, BSD_F_UNLCK = 2, BSD_F_WRLCK = 3,

	BSD_AT_SYMLINK_NOFOLLOW = 1, BSD_AT_REMOVEDIR = 2, BSD_AT_EACCESS = 4,
	BSD_AT_SYMLINK_FOLLOW = 8,
};
/* clang-format on */
#define BSD_AT_FDCWD 0xfffafdcdu

/* clang-format off */
enum {				/* mmap, madvise */
	BSD_MAP_SHARED = 1, BSD_MAP_PRIVATE = 2, BSD_MAP_FIXED = 0x10,
	BSD_MAP_NORESERVE = 0x40, BSD_MAP_ANON = 0x1000, BSD_MAP_TRYFIXED = 0x10000,
	BSD_MADV_WILLNEED = 3, BSD_MADV_DONTNEED = 4, BSD_MADV_FREE = 5,
};

enum {				/* signals */
	BSD_SIGSYS = 12, BSD_SIGCONT = 19, BSD_SIGCHLD = 20,
	BSD_SIGILL = 4, BSD_SIGTRAP = 5, BSD_SIGFPE = 8, BSD_SIGKILL = 9, BSD_SIGBUS = 10,
	BSD_SIGSEGV = 11, BSD_SIGSTOP = 17,
	BSD_SIG_DFL = 0, BSD_SIG_IGN = 1,
	BSD_SIG_BLOCK = 1, BSD_SIG_UNBLOCK = 2, BSD_SIG_SETMASK = 3,
	BSD_SA_ONSTACK = 1, BSD_SA_RESTART = 2, BSD_SA_RESETHAND = 4, BSD_SA_NOCLDSTOP = 8,
	BSD_SA_NODEFER = 0x10, BSD_SA_NOCLDWAIT = 0x20,
	BSD_SS_ONSTACK = 1, BSD_SS_DISABLE = 4,
};

enum {				/* processes */
	BSD_WNOHANG = 1, BSD_WUNTRACED = 2, BSD_WCONTINUED = 4, BSD_WNOWAIT = 8,
	BSD_WEXITED = 0x10, BSD_WTRAPPED = 0x20,
	BSD_P_PID = 0, BSD_P_PGID = 2, BSD_P_ALL = 7,
	BSD_EXTEXIT_LWP = 0x10000,
};

enum {				/* sockets */
	BSD_AF_UNIX = 1, BSD_AF_INET = 2, BSD_AF_ROUTE = 17, BSD_AF_LINK = 18, BSD_AF_INET6 = 28,
	BSD_SOCK_CLOEXEC = 0x10000000, BSD_SOCK_NONBLOCK = 0x20000000,
	BSD_SOL_SOCKET = 0xffff,
	BSD_MSG_OOB = 1, BSD_MSG_PEEK = 2, BSD_MSG_DONTROUTE = 4, BSD_MSG_EOR = 8,
	BSD_MSG_TRUNC = 0x10, BSD_MSG_CTRUNC = 0x20, BSD_MSG_WAITALL = 0x40,
	BSD_MSG_DONTWAIT = 0x80, BSD_MSG_NOSIGNAL = 0x400, BSD_MSG_CMSG_CLOEXEC = 0x1000,
	BSD_SCM_RIGHTS = 1, BSD_SCM_TIMESTAMP = 2, BSD_SCM_CREDS = 3,
};

enum {				/* kqueue */
	BSD_EVFILT_READ = -1, BSD_EVFILT_WRITE = -2, BSD_EVFILT_USER = -9,
	BSD_EV_ADD = 1, BSD_EV_DELETE = 2, BSD_EV_ENABLE = 4, BSD_EV_DISABLE = 8,
	BSD_EV_ONESHOT = 0x10, BSD_EV_CLEAR = 0x20, BSD_EV_RECEIPT = 0x40,
	BSD_EV_DISPATCH = 0x80, BSD_EV_ERROR = 0x4000, BSD_EV_EOF = 0x8000,
	BSD_NOTE_TRIGGER = 0x1000000,
};

enum {				/* sysctl, the routing table's messages */
	BSD_CTL_KERN = 1, BSD_CTL_NET = 4, BSD_CTL_HW = 6,
	BSD_KERN_PROC = 14, BSD_KERN_PROC_PATHNAME = 9,
	BSD_NET_RT_DUMP = 1, BSD_NET_RT_FLAGS = 2, BSD_NET_RT_IFLIST = 3,
	BSD_RTM_VERSION = 7, BSD_RTM_GET = 4, BSD_RTM_NEWADDR = 12, BSD_RTM_IFINFO = 14,
	BSD_RTA_DST = 1, BSD_RTA_GATEWAY = 2, BSD_RTA_NETMASK = 4, BSD_RTA_IFP = 0x10,
	BSD_RTA_IFA = 0x20, BSD_RTA_BRD = 0x80,
	BSD_RTF_UP = 1, BSD_RTF_GATEWAY = 2, BSD_RTF_HOST = 4, BSD_RTF_STATIC = 0x800,
	BSD_IFF_UP = 1, BSD_IFF_BROADCAST = 2, BSD_IFF_LOOPBACK = 8, BSD_IFF_POINTOPOINT = 0x10,
	BSD_IFF_RUNNING = 0x40, BSD_IFF_NOARP = 0x80, BSD_IFF_PROMISC = 0x100,
	BSD_IFF_ALLMULTI = 0x200, BSD_IFF_SIMPLEX = 0x800, BSD_IFF_MULTICAST = 0x8000,
	BSD_IFT_ETHER = 6, BSD_IFT_LOOP = 24, BSD_IFT_OTHER = 1,
};
/* clang-format on */

struct bsd_sigset {
	uint32_t bits[4];
};
struct bsd_stack {
	uint64_t sp, size;
	int32_t flags, pad;
};
struct bsd_sigaction {
	uint64_t handler;
	int32_t flags;
	struct bsd_sigset mask;
};

struct bsd_siginfo {
	int32_t signo, error, code, pid;
	uint32_t uid;
	int32_t status;
	uint64_t addr, value;
	int64_t band;
	int32_t spare[7], pad;
};

struct bsd_ucontext {
	struct bsd_sigset mask;
	uint8_t pad[48];
	struct bsd_mcontext m;
	uint64_t link;
	struct bsd_stack stack;
	int32_t spare[8];
};

struct bsd_stat {
	uint64_t ino;
	uint32_t nlink, dev;
	uint16_t mode, pad;
	uint32_t uid, gid, rdev;
	struct timespec atim, mtim, ctim;
	int64_t size, blocks;
	uint32_t blksize, flags, gen;
	int32_t lspare;
	int64_t qspare[2];
};

struct bsd_statfs {
	int64_t spare2, bsize, iosize, blocks, bfree, bavail, files, ffree;
	int32_t fsid[2];
	uint32_t owner;
	int32_t type, flags, pad0;
	int64_t syncwrites, asyncwrites;
	char fstypename[16], mntonname[80];
	int64_t syncreads, asyncreads;
	int16_t spares1;
	char mntfromname[80];
	int16_t spares2;
	int32_t pad1;
	int64_t spare[2];
};

struct bsd_dirent {
	uint64_t ino;
	uint16_t namlen;
	uint8_t type, unused1;
	uint32_t unused2;
	char name[];
};

struct bsd_flock {
	int64_t start, len;
	int32_t pid;
	int16_t type, whence;
};
struct bsd_rlimit {
	int64_t cur, max;
};
struct bsd_lwp {
	uint64_t start, arg, stack;
	uint32_t *tid1, *tid2;
};
struct bsd_tls {
	uint64_t base, size;
};
struct bsd_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t cc[20];
	uint32_t ispeed, ospeed;
};

struct bsd_kevent {
	uint64_t ident;
	int16_t filter;
	uint16_t flags;
	uint32_t fflags;
	int64_t data;
	uint64_t udata;
};

struct bsd_sockaddr {
	uint8_t len, family;
	uint8_t data[];
};
struct bsd_msghdr {
	void *name;
	uint32_t namelen, pad0;
	void *iov;
	int32_t iovlen, pad1;
	void *control;
	uint32_t controllen;
	int32_t flags;
};
struct bsd_cmsghdr {
	uint32_t len;
	int32_t level, type;
};

struct bsd_sockaddr_dl {
	uint8_t len, family;
	uint16_t index;
	uint8_t type, nlen, alen, slen;
	char data[46]; /* the name, then the link's address */
};

struct bsd_if_data {
	uint8_t type, physical, addrlen, hdrlen, recvquota, xmitquota, pad[2];
	uint64_t mtu, metric, link_state, baudrate, ipackets, ierrors, opackets, oerrors,
		collisions, ibytes, obytes, imcasts, omcasts, iqdrops, noproto, hwassist,
		unused;
	struct timeval lastchange;
};
struct bsd_if_msghdr {
	uint16_t msglen;
	uint8_t version, type;
	int32_t addrs, flags;
	uint16_t index, pad;
	struct bsd_if_data data;
};
/* Of 24 bytes since kern.osreldate 500705. */
struct bsd_ifa_msghdr {
	uint16_t msglen;
	uint8_t version, type;
	int32_t addrs, flags;
	uint16_t index, pad;
	int32_t addrflags, metric;
};
struct bsd_rt_msghdr {
	uint16_t msglen;
	uint8_t version, type;
	uint16_t index, pad;
	int32_t flags, addrs, pid, seq, error, use;
	uint64_t inits, metrics[14];
};

_Static_assert(sizeof(struct bsd_siginfo) == 80, "runtime.siginfo");
_Static_assert(sizeof(struct bsd_mcontext) == 1280, "runtime.mcontext");
_Static_assert(sizeof(struct bsd_ucontext) == 64 + 1280 + 8 + 24 + 32, "runtime.ucontext");
_Static_assert(sizeof(struct bsd_stat) == 128, "syscall.Stat_t");
_Static_assert(sizeof(struct bsd_statfs) == 320, "syscall.Statfs_t");
_Static_assert(sizeof(struct bsd_kevent) == 32, "syscall.Kevent_t");
_Static_assert(sizeof(struct bsd_msghdr) == 48, "syscall.Msghdr");
_Static_assert(sizeof(struct bsd_termios) == 44, "syscall.Termios");
_Static_assert(sizeof(struct bsd_if_msghdr) == 0xb0, "syscall.IfMsghdr");
_Static_assert(sizeof(struct bsd_ifa_msghdr) == 0x18, "ifa_msghdr");
_Static_assert(sizeof(struct bsd_rt_msghdr) == 0x98, "syscall.RtMsghdr");
_Static_assert(sizeof(struct bsd_sockaddr_dl) == 54, "syscall.RawSockaddrDatalink");

#endif
