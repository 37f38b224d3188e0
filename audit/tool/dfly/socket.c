/* Sockets: addresses, messages and what travels beside them. */
#include "dfly.h"
#include "handlers.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define ADDRESS_ROOM 128

/* An address as Linux has it: the family in two bytes where DragonFly has length and
 * family in one each. */
struct address {
	uint8_t bytes[ADDRESS_ROOM];
	uint32_t len;
};

static int family_to_linux(int family)
{
	return family == BSD_AF_INET6                                        ? AF_INET6 :
	       family == BSD_AF_INET || family == BSD_AF_UNIX || family == 0 ? family :
									       -1;
}

static long address_in(struct address *a, uint64_t from, uint32_t len)
{
	int family;

	if (len < 2 || len > ADDRESS_ROOM)
		return -EINVAL;
	memcpy(a->bytes, (const void *)from, len);
	family = family_to_linux(a->bytes[1]);
	if (family < 0)
		return -EAFNOSUPPORT;
	a->bytes[0] = (uint8_t)family;
	a->bytes[1] = 0;
	a->len = len;
	if (family == AF_UNIX) { /* with one NUL, and not a name of Linux's own kind */
		uint32_t n = 2;

		while (n < len && a->bytes[n] != '\0')
			n++;
		if (n == 2)
			return -ENOENT;
		a->len = n < ADDRESS_ROOM ? n + 1 : n;
		a->bytes[n < ADDRESS_ROOM ? n : n - 1] = '\0';
	}
	return 0;
}

/* DragonFly's address, as much as there is room for; *len becomes the whole length. */
static void address_out(const struct address *a, uint64_t to, uint32_t *len)
{
	uint8_t bytes[ADDRESS_ROOM];
	uint32_t n = a->len < ADDRESS_ROOM ? a->len : ADDRESS_ROOM;
	uint16_t family;

	if (to == 0 || len == NULL)
		return;
	if (n < 2) { /* a socket without a name */
		*len = 0;
		return;
	}
	memcpy(bytes, a->bytes, n);
	memcpy(&family, bytes, 2);
	if (family == AF_UNIX && n > 2 && bytes[2] == '\0')
		n = 2; /* Linux's abstract names do not exist there */
	bytes[0] = (uint8_t)n;
	bytes[1] = family == AF_INET6 ? BSD_AF_INET6 : (uint8_t)family;
	memcpy((void *)to, bytes, n < *len ? n : *len);
	*len = n;
}

static int socket_type(uint64_t type)
{
	return (int)(type & 0xf) | (type & BSD_SOCK_CLOEXEC ? SOCK_CLOEXEC : 0) |
	       (type & BSD_SOCK_NONBLOCK ? SOCK_NONBLOCK : 0);
}

long do_socket(struct call *c)
{
	int family = family_to_linux((int)c->a[0]), protocol = (int)c->a[2], one = 1;
	long fd;

	if (family < 0)
		return (int)c->a[0] == BSD_AF_ROUTE ? -EPROTONOSUPPORT : -EAFNOSUPPORT;
	fd = sys3(__NR_socket, family, socket_type(c->a[1]), protocol);
	/* DragonFly's have nothing to do with IPv4, and cannot be made to. */
	if (!IS_ERROR(fd) && family == AF_INET6)
		sys5(__NR_setsockopt, fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	return fd;
}

long do_socketpair(struct call *c)
{
	int family = family_to_linux((int)c->a[0]);

	return family < 0 ?
		       -EAFNOSUPPORT :
		       sys4(__NR_socketpair, family, socket_type(c->a[1]), c->a[2], c->a[3]);
}

static long with_address(long number, struct call *c)
{
	struct address a;
	long r = address_in(&a, c->a[1], (uint32_t)c->a[2]);

	return r != 0 ? r : block3(number, c->a[0], a.bytes, a.len);
}

long do_connect(struct call *c)
{
	return with_address(__NR_connect, c);
}
long do_bind(struct call *c)
{
	return with_address(__NR_bind, c);
}

static long name_of(long number, struct call *c)
{
	struct address a = { .len = ADDRESS_ROOM };
	long r = sys3(number, c->a[0], a.bytes, &a.len);

	if (r == 0)
		address_out(&a, c->a[1], (uint32_t *)c->a[2]);
	return r;
}

long do_getpeername(struct call *c)
{
	return name_of(__NR_getpeername, c);
}
long do_getsockname(struct call *c)
{
	return name_of(__NR_getsockname, c);
}

static long accept_one(struct call *c, int flags)
{
	struct address a = { .len = ADDRESS_ROOM };
	long r = block6(__NR_accept4, c->a[0], a.bytes, &a.len, flags, 0, 0);

	if (!IS_ERROR(r))
		address_out(&a, c->a[1], (uint32_t *)c->a[2]);
	return r;
}

/* There a new connection has its listener's O_NONBLOCK. */
long do_accept(struct call *c)
{
	long flags = sys2(__NR_fcntl, c->a[0], F_GETFL);

	return accept_one(c, flags > 0 && flags & O_NONBLOCK ? SOCK_NONBLOCK : 0);
}

long do_accept4(struct call *c)
{
	return accept_one(c, socket_type(c->a[3]) & (SOCK_CLOEXEC | SOCK_NONBLOCK));
}

static const struct {
	int bsd, linux_flag;
} message_flags[] = {
	{ BSD_MSG_OOB, MSG_OOB },
	{ BSD_MSG_PEEK, MSG_PEEK },
	{ BSD_MSG_DONTROUTE, MSG_DONTROUTE },
	{ BSD_MSG_EOR, MSG_EOR },
	{ BSD_MSG_TRUNC, MSG_TRUNC },
	{ BSD_MSG_CTRUNC, MSG_CTRUNC },
	{ BSD_MSG_WAITALL, MSG_WAITALL },
	{ BSD_MSG_DONTWAIT, MSG_DONTWAIT },
	{ BSD_MSG_NOSIGNAL, MSG_NOSIGNAL },
	{ BSD_MSG_CMSG_CLOEXEC, MSG_CMSG_CLOEXEC },
};
#define MESSAGE_FLAGS (sizeof message_flags / sizeof message_flags[0])

static int flags_in(uint64_t flags)
{
	int out = 0;

	for (size_t i = 0; i < MESSAGE_FLAGS; i++)
		out |= (int)flags & message_flags[i].bsd ? message_flags[i].linux_flag : 0;
	return out;
}

static int flags_out(int flags)
{
	int out = 0;

	for (size_t i = 0; i < MESSAGE_FLAGS; i++)
		out |= flags & message_flags[i].linux_flag ? message_flags[i].bsd : 0;
	return out;
}

/* recvfrom(s, buf, len, flags, from, fromlen) */
long do_recvfrom(struct call *c)
{
	struct address a = { .len = ADDRESS_ROOM };
	bool named = c->a[4] != 0;
	long r = block6(__NR_recvfrom, c->a[0], c->a[1], c->a[2], flags_in(c->a[3]),
			named ? a.bytes : NULL, named ? &a.len : NULL);

	if (!IS_ERROR(r) && named)
		address_out(&a, c->a[4], (uint32_t *)c->a[5]);
	return r;
}

long do_sendto(struct call *c)
{
	struct address a = { .len = 0 };
	long r = c->a[4] != 0 ? address_in(&a, c->a[4], (uint32_t)c->a[5]) : 0;

	return r != 0 ? r :
			block6(__NR_sendto, c->a[0], c->a[1], c->a[2], flags_in(c->a[3]),
			       c->a[4] != 0 ? a.bytes : NULL, a.len);
}

/* ---- control messages: both have their data at 16 bytes, of the same forms ---- */

static const struct {
	int level, type, linux_level, linux_type;
} controls[] = {
	{ BSD_SOL_SOCKET, BSD_SCM_RIGHTS, SOL_SOCKET, SCM_RIGHTS },
	{ BSD_SOL_SOCKET, BSD_SCM_TIMESTAMP, SOL_SOCKET, SO_TIMESTAMP },
	{ IPPROTO_IP, 65 /* IP_RECVTTL */, IPPROTO_IP, IP_TTL },
	{ IPPROTO_IPV6, 46, IPPROTO_IPV6, IPV6_PKTINFO },
	{ IPPROTO_IPV6, 47, IPPROTO_IPV6, IPV6_HOPLIMIT },
	{ IPPROTO_IPV6, 61, IPPROTO_IPV6, IPV6_TCLASS },
};
#define CONTROLS     (sizeof controls / sizeof controls[0])
#define CONTROL_HEAD 16ul
#define CONTROL_ROOM 4096ul
#define ALIGN8(n)    (((n) + 7) & ~7ul)

/* From DragonFly's in `in' to Linux's in `out'; -> its size, or an error. */
static long control_in(const uint8_t *in, size_t size, uint8_t *out)
{
	size_t at = 0, n = 0;

	while (size - at >= sizeof(struct bsd_cmsghdr)) {
		struct bsd_cmsghdr h;
		size_t i = 0;

		memcpy(&h, in + at, sizeof h);
		if (h.len < CONTROL_HEAD || h.len > size - at)
			return -EINVAL;
		while (i < CONTROLS &&
		       (controls[i].level != h.level || controls[i].type != h.type))
			i++;
		if (i == CONTROLS)
			return -EINVAL;
		memcpy(out + n,
		       &(struct cmsghdr){ .cmsg_len = h.len,
					  .cmsg_level = controls[i].linux_level,
					  .cmsg_type = controls[i].linux_type },
		       CONTROL_HEAD);
		memcpy(out + n + CONTROL_HEAD, in + at + CONTROL_HEAD, h.len - CONTROL_HEAD);
		n += ALIGN8(h.len);
		at += ALIGN8(h.len) < size - at ? ALIGN8(h.len) : size - at;
	}
	return (long)n;
}

/* The other way, in place; what DragonFly has no word for is left out. */
static size_t control_out(uint8_t *p, size_t size)
{
	size_t at = 0, n = 0;

	while (size - at >= CONTROL_HEAD) {
		struct cmsghdr h;
		size_t i = 0, whole;

		memcpy(&h, p + at, CONTROL_HEAD);
		if (h.cmsg_len < CONTROL_HEAD || h.cmsg_len > size - at)
			break;
		whole = ALIGN8(h.cmsg_len) < size - at ? ALIGN8(h.cmsg_len) : size - at;
		while (i < CONTROLS && (controls[i].linux_level != h.cmsg_level ||
					controls[i].linux_type != h.cmsg_type))
			i++;
		if (i < CONTROLS) {
			struct bsd_cmsghdr b = { (uint32_t)h.cmsg_len, controls[i].level,
						 controls[i].type };

			memmove(p + n, p + at, whole);
			memset(p + n, 0, CONTROL_HEAD);
			memcpy(p + n, &b, sizeof b);
			n += whole;
		}
		at += whole;
	}
	return n;
}

long do_sendmsg(struct call *c)
{
	struct bsd_msghdr m = *(const struct bsd_msghdr *)c->a[1];
	uint8_t control[CONTROL_ROOM];
	struct address a = { .len = 0 };
	struct msghdr l = { .msg_iov = m.iov, .msg_iovlen = (size_t)m.iovlen };
	long r = 0;

	if (m.name != NULL && m.namelen > 0) {
		r = address_in(&a, (uint64_t)m.name, m.namelen);
		l.msg_name = a.bytes;
		l.msg_namelen = a.len;
	}
	if (r == 0 && m.control != NULL && m.controllen > 0) {
		r = m.controllen > sizeof control ?
			    -EMSGSIZE :
			    control_in(m.control, m.controllen, control);
		l.msg_control = control;
		l.msg_controllen = r > 0 ? (size_t)r : 0;
	}
	return r < 0 ? r : block3(__NR_sendmsg, c->a[0], &l, flags_in(c->a[2]));
}

long do_recvmsg(struct call *c)
{
	struct bsd_msghdr *to = (struct bsd_msghdr *)c->a[1], m = *to;
	struct address a = { .len = ADDRESS_ROOM };
	struct msghdr l = {
		.msg_iov = m.iov,
		.msg_iovlen = (size_t)m.iovlen,
		.msg_name = m.name != NULL ? a.bytes : NULL,
		.msg_namelen = m.name != NULL ? a.len : 0,
		.msg_control = m.control,
		.msg_controllen = m.control != NULL ? m.controllen : 0,
	};
	long r = block3(__NR_recvmsg, c->a[0], &l, flags_in(c->a[2]));

	if (IS_ERROR(r))
		return r;
	if (m.name != NULL) {
		a.len = l.msg_namelen;
		address_out(&a, (uint64_t)m.name, &m.namelen);
	}
	to->namelen = m.namelen;
	to->controllen =
		m.control != NULL ? (uint32_t)control_out(m.control, l.msg_controllen) : 0;
	to->flags = flags_out(l.msg_flags);
	return r;
}

/* sendfile(fd, s, offset, nbytes, headers, sent, flags): 0 bytes means all there are */
long do_sendfile(struct call *c)
{
	int64_t offset = (int64_t)c->a[2], *sent = (int64_t *)c->a[5];
	long r = block6(__NR_sendfile, c->a[1], c->a[0], &offset,
			c->a[3] != 0 ? c->a[3] : 0x7ffff000, 0, 0);

	if (c->a[4] != 0)
		return -EINVAL;
	if (sent != NULL)
		*sent = r > 0 ? r : 0;
	return r < 0 ? r : 0;
}

/* ---- options ---- */

enum { DONE = -2 }; /* it is so already, or Linux needs none of it */
static const struct {
	int level, name, linux_level, linux_name;
} options[] = {
	{ BSD_SOL_SOCKET, 0x0002, SOL_SOCKET, SO_ACCEPTCONN },
	{ BSD_SOL_SOCKET, 0x0004, SOL_SOCKET, SO_REUSEADDR },
	{ BSD_SOL_SOCKET, 0x0008, SOL_SOCKET, SO_KEEPALIVE },
	{ BSD_SOL_SOCKET, 0x0010, SOL_SOCKET, SO_DONTROUTE },
	{ BSD_SOL_SOCKET, 0x0020, SOL_SOCKET, SO_BROADCAST },
	{ BSD_SOL_SOCKET, 0x0080, SOL_SOCKET, SO_LINGER },
	{ BSD_SOL_SOCKET, 0x0100, SOL_SOCKET, SO_OOBINLINE },
	{ BSD_SOL_SOCKET, 0x0200, SOL_SOCKET, SO_REUSEPORT },
	{ BSD_SOL_SOCKET, 0x0400, SOL_SOCKET, SO_TIMESTAMP },
	{ BSD_SOL_SOCKET, 0x0800, SOL_SOCKET, DONE }, /* SO_NOSIGPIPE */
	{ BSD_SOL_SOCKET, 0x1001, SOL_SOCKET, SO_SNDBUF },
	{ BSD_SOL_SOCKET, 0x1002, SOL_SOCKET, SO_RCVBUF },
	{ BSD_SOL_SOCKET, 0x1003, SOL_SOCKET, SO_SNDLOWAT },
	{ BSD_SOL_SOCKET, 0x1004, SOL_SOCKET, SO_RCVLOWAT },
	{ BSD_SOL_SOCKET, 0x1005, SOL_SOCKET, SO_SNDTIMEO },
	{ BSD_SOL_SOCKET, 0x1006, SOL_SOCKET, SO_RCVTIMEO },
	{ BSD_SOL_SOCKET, 0x1007, SOL_SOCKET, SO_ERROR },
	{ BSD_SOL_SOCKET, 0x1008, SOL_SOCKET, SO_TYPE },
	{ IPPROTO_TCP, 0x001, IPPROTO_TCP, 1 }, /* TCP_NODELAY */
	{ IPPROTO_TCP, 0x002, IPPROTO_TCP, 2 }, /* TCP_MAXSEG */
	{ IPPROTO_TCP, 0x004, IPPROTO_TCP, 3 }, /* TCP_NOPUSH, TCP_CORK */
	{ IPPROTO_TCP, 0x100, IPPROTO_TCP, 4 }, /* TCP_KEEPIDLE */
	{ IPPROTO_TCP, 0x200, IPPROTO_TCP, 5 }, /* TCP_KEEPINTVL */
	{ IPPROTO_TCP, 0x400, IPPROTO_TCP, 6 }, /* TCP_KEEPCNT */
	{ IPPROTO_IP, 2, IPPROTO_IP, IP_HDRINCL },
	{ IPPROTO_IP, 3, IPPROTO_IP, IP_TOS },
	{ IPPROTO_IP, 4, IPPROTO_IP, IP_TTL },
	{ IPPROTO_IP, 9, IPPROTO_IP, IP_MULTICAST_IF },
	{ IPPROTO_IP, 10, IPPROTO_IP, IP_MULTICAST_TTL },
	{ IPPROTO_IP, 11, IPPROTO_IP, IP_MULTICAST_LOOP },
	{ IPPROTO_IP, 12, IPPROTO_IP, IP_ADD_MEMBERSHIP },
	{ IPPROTO_IP, 13, IPPROTO_IP, IP_DROP_MEMBERSHIP },
	{ IPPROTO_IP, 19, IPPROTO_IP, DONE }, /* IP_PORTRANGE */
	{ IPPROTO_IP, 65, IPPROTO_IP, IP_RECVTTL },
	{ IPPROTO_IPV6, 4, IPPROTO_IPV6, IPV6_UNICAST_HOPS },
	{ IPPROTO_IPV6, 9, IPPROTO_IPV6, IPV6_MULTICAST_IF },
	{ IPPROTO_IPV6, 10, IPPROTO_IPV6, IPV6_MULTICAST_HOPS },
	{ IPPROTO_IPV6, 11, IPPROTO_IPV6, IPV6_MULTICAST_LOOP },
	{ IPPROTO_IPV6, 12, IPPROTO_IPV6, IPV6_JOIN_GROUP },
	{ IPPROTO_IPV6, 13, IPPROTO_IPV6, IPV6_LEAVE_GROUP },
	{ IPPROTO_IPV6, 14, IPPROTO_IPV6, DONE }, /* IPV6_PORTRANGE */
	{ IPPROTO_IPV6, 26, IPPROTO_IPV6, IPV6_CHECKSUM },
	{ IPPROTO_IPV6, 27, IPPROTO_IPV6, IPV6_V6ONLY },
	{ IPPROTO_IPV6, 36, IPPROTO_IPV6, IPV6_RECVPKTINFO },
	{ IPPROTO_IPV6, 37, IPPROTO_IPV6, IPV6_RECVHOPLIMIT },
	{ IPPROTO_IPV6, 57, IPPROTO_IPV6, IPV6_RECVTCLASS },
	{ IPPROTO_IPV6, 61, IPPROTO_IPV6, IPV6_TCLASS },
	{ IPPROTO_IPV6, 62, IPPROTO_IPV6, IPV6_DONTFRAG },
};
#define OPTIONS (sizeof options / sizeof options[0])

static size_t find_option(struct call *c)
{
	size_t i = 0;

	while (i < OPTIONS &&
	       (options[i].level != (int)c->a[1] || options[i].name != (int)c->a[2]))
		i++;
	return i;
}

long do_setsockopt(struct call *c)
{
	size_t i = find_option(c);

	if (i == OPTIONS)
		return -ENOPROTOOPT;
	if (options[i].linux_level == IPPROTO_IPV6 && options[i].linux_name == IPV6_V6ONLY &&
	    (c->a[4] < sizeof(int) || *(const int *)c->a[3] == 0))
		return -EINVAL;
	return options[i].linux_name == DONE ?
		       0 :
		       sys5(__NR_setsockopt, c->a[0], options[i].linux_level,
			    options[i].linux_name, c->a[3], (uint32_t)c->a[4]);
}

long do_getsockopt(struct call *c)
{
	size_t i = find_option(c);
	int *value = (int *)c->a[3];
	long r;

	if (i == OPTIONS || options[i].linux_name == DONE)
		return -ENOPROTOOPT;
	r = sys5(__NR_getsockopt, c->a[0], options[i].linux_level, options[i].linux_name, value,
		 c->a[4]);
	if (r != 0 || options[i].linux_level != SOL_SOCKET)
		return r;
	if (options[i].linux_name == SO_ERROR && *value != 0)
		*value = errno_to_bsd(*value);
	/* Linux counts its own needs in as well. */
	if (options[i].linux_name == SO_SNDBUF || options[i].linux_name == SO_RCVBUF)
		*value /= 2;
	return r;
}
