/* ioctl: terminals, and what sockets and pipes hold. */
#include "dfly.h"
#include "handlers.h"

#include <asm/ioctls.h>

/* Not glibc's structure: the kernel's. */
struct kernel_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[19];
};

enum {
	BSD_TIOCGETA = 0x402c7413,
	BSD_TIOCSETA = 0x802c7414,
	BSD_TIOCSETAW = 0x802c7415,
	BSD_TIOCSETAF = 0x802c7416,
	BSD_TIOCGWINSZ = 0x40087468,
	BSD_TIOCSWINSZ = 0x80087467,
	BSD_TIOCGPGRP = 0x40047477,
	BSD_TIOCSPGRP = 0x80047476,
	BSD_TIOCSCTTY = 0x20007461,
	BSD_TIOCNOTTY = 0x20007471,
	BSD_TIOCGSID = 0x40047463,
	BSD_FIONREAD = 0x4004667f,
	BSD_FIONBIO = 0x8004667e,
	BSD_FIOCLEX = 0x20006601,
	BSD_FIONCLEX = 0x20006602,
};

struct pair {
	uint32_t bsd, linux_bit;
};

/* Input: of the first twelve only these differ. */
static const struct pair input[] = {
	{ 1, 1 },
	{ 2, 2 },
	{ 4, 4 },
	{ 8, 8 },
	{ 0x10, 0x10 },
	{ 0x20, 0x20 },
	{ 0x40, 0x40 },
	{ 0x80, 0x80 },
	{ 0x100, 0x100 },
	{ 0x200, 0x400 /* IXON */ },
	{ 0x400, 0x1000 /* IXOFF */ },
	{ 0x800, 0x800 /* IXANY */ },
	{ 0x2000, 0x2000 /* IMAXBEL */ },
	{ 0, 0 },
};
static const struct pair output[] = {
	{ 1, 1 /* OPOST */ },       { 2, 4 /* ONLCR */ },        { 0x10, 8 /* OCRNL */ },
	{ 0x20, 0x10 /* ONOCR */ }, { 0x40, 0x20 /* ONLRET */ }, { 0, 0 },
};
static const struct pair control[] = {
	{ 0x100, 0x10 },
	{ 0x200, 0x20 }, /* CSIZE */
	{ 0x400, 0x40 /* CSTOPB */ },
	{ 0x800, 0x80 /* CREAD */ },
	{ 0x1000, 0x100 /* PARENB */ },
	{ 0x2000, 0x200 /* PARODD */ },
	{ 0x4000, 0x400 /* HUPCL */ },
	{ 0x8000, 0x800 /* CLOCAL */ },
	{ 0, 0 },
};
static const struct pair local[] = {
	{ 1, 0x800 /* ECHOKE */ },
	{ 2, 0x10 /* ECHOE */ },
	{ 4, 0x20 /* ECHOK */ },
	{ 8, 8 /* ECHO */ },
	{ 0x10, 0x40 /* ECHONL */ },
	{ 0x20, 0x400 /* ECHOPRT */ },
	{ 0x40, 0x200 /* ECHOCTL */ },
	{ 0x80, 1 /* ISIG */ },
	{ 0x100, 2 /* ICANON */ },
	{ 0x400, 0x8000 /* IEXTEN */ },
	{ 0x400000, 0x100 /* TOSTOP */ },
	{ 0x800000, 0x1000 /* FLUSHO */ },
	{ 0x20000000, 0x4000 /* PENDIN */ },
	{ 0x80000000u, 0x80 /* NOFLSH */ },
	{ 0, 0 },
};
/* Control characters: DragonFly's place, Linux's. */
static const uint8_t characters[][2] = {
	{ 0, 4 },   { 1, 11 },  { 2, 16 }, { 3, 2 },   { 4, 14 }, { 5, 3 },
	{ 6, 12 },  { 8, 0 },   { 9, 1 },  { 10, 10 }, { 12, 8 }, { 13, 9 },
	{ 14, 15 }, { 15, 13 }, { 16, 6 }, { 17, 5 },
};
#define CHARACTERS (sizeof characters / sizeof characters[0])

static uint32_t bits(const struct pair *p, uint32_t from, bool to_bsd)
{
	uint32_t out = 0;

	for (; p->bsd != 0; p++)
		if (from & (to_bsd ? p->linux_bit : p->bsd))
			out |= to_bsd ? p->bsd : p->linux_bit;
	return out;
}

static long get_terminal(int fd, struct bsd_termios *to)
{
	struct kernel_termios k;
	struct bsd_termios t = { .ispeed = 38400, .ospeed = 38400 };
	long r = sys3(__NR_ioctl, fd, TCGETS, &k);

	if (r != 0)
		return r;
	t.iflag = bits(input, k.iflag, true);
	t.oflag = bits(output, k.oflag, true);
	t.cflag = bits(control, k.cflag, true);
	t.lflag = bits(local, k.lflag, true);
	memset(t.cc, 0xff, sizeof t.cc); /* _POSIX_VDISABLE */
	for (size_t i = 0; i < CHARACTERS; i++)
		t.cc[characters[i][0]] = k.cc[characters[i][1]];
	*to = t;
	return 0;
}

static long set_terminal(int fd, unsigned request, const struct bsd_termios *from)
{
	struct bsd_termios t = *from;
	struct kernel_termios k;
	long r = sys3(__NR_ioctl, fd, TCGETS, &k);

	if (r != 0)
		return r;
	k.iflag = bits(input, t.iflag, false);
	k.oflag = bits(output, t.oflag, false);
	k.cflag = (k.cflag & 0x100f /* CBAUD */) | bits(control, t.cflag, false);
	k.lflag = bits(local, t.lflag, false);
	for (size_t i = 0; i < CHARACTERS; i++)
		k.cc[characters[i][1]] = t.cc[characters[i][0]];
	return sys3(__NR_ioctl, fd, request, &k);
}

long do_ioctl(struct call *c)
{
	int fd = (int)c->a[0];
	uint64_t a = c->a[2];

	switch ((uint32_t)c->a[1]) {
	case BSD_TIOCGETA: return get_terminal(fd, (struct bsd_termios *)a);
	case BSD_TIOCSETA: return set_terminal(fd, TCSETS, (const struct bsd_termios *)a);
	case BSD_TIOCSETAW: return set_terminal(fd, TCSETSW, (const struct bsd_termios *)a);
	case BSD_TIOCSETAF: return set_terminal(fd, TCSETSF, (const struct bsd_termios *)a);
	case BSD_TIOCGWINSZ: return sys3(__NR_ioctl, fd, TIOCGWINSZ, a);
	case BSD_TIOCSWINSZ: return sys3(__NR_ioctl, fd, TIOCSWINSZ, a);
	case BSD_TIOCGPGRP: return sys3(__NR_ioctl, fd, TIOCGPGRP, a);
	case BSD_TIOCSPGRP: return sys3(__NR_ioctl, fd, TIOCSPGRP, a);
	case BSD_TIOCSCTTY: return sys3(__NR_ioctl, fd, TIOCSCTTY, 0);
	case BSD_TIOCNOTTY: return sys3(__NR_ioctl, fd, TIOCNOTTY, 0);
	case BSD_TIOCGSID: return sys3(__NR_ioctl, fd, TIOCGSID, a);
	case BSD_FIONREAD: return sys3(__NR_ioctl, fd, FIONREAD, a);
	case BSD_FIONBIO: return sys3(__NR_ioctl, fd, FIONBIO, a);
	case BSD_FIOCLEX: return sys3(__NR_ioctl, fd, FIOCLEX, 0);
	case BSD_FIONCLEX: return sys3(__NR_ioctl, fd, FIONCLEX, 0);
	default: return -ENOTTY;
	}
}
