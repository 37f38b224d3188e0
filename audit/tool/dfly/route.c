/* net.route: the list of interfaces, of addresses and of routes, from the kernel's netlink,
 * in DragonFly's messages. */
#include "dfly.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#define BUFFER    32768ul
#define ALIGN8(n) (((n) + 7) & ~7ul)

/* Where messages go: all are counted, as many are kept as fit. */
struct list {
	uint8_t *out;
	size_t room, n;
	int argument; /* the interface that is asked for; 0: all */
};

/* A message under way. */
struct message {
	uint8_t bytes[1024];
	size_t n;
};

static void append(struct message *m, const void *p, size_t n)
{
	memcpy(m->bytes + m->n, p, n);
	m->n += n;
	while (m->n % 8 != 0)
		m->bytes[m->n++] = 0;
}

static void finish(struct list *l, struct message *m)
{
	uint16_t n = (uint16_t)m->n;

	memcpy(m->bytes, &n, 2);
	if (l->n + m->n <= l->room)
		memcpy(l->out + l->n, m->bytes, m->n);
	l->n += m->n;
}

/* An attribute's data by type; NULL: none. */
static const void *attribute(const struct rtattr *a, long len, unsigned short type,
			     size_t *size)
{
	for (; len >= (long)sizeof *a && a->rta_len >= sizeof *a && a->rta_len <= len;) {
		if ((a->rta_type & NLA_TYPE_MASK) == type) {
			*size = a->rta_len - RTA_LENGTH(0);
			return RTA_DATA(a);
		}
		len -= (long)RTA_ALIGN(a->rta_len);
		a = (const struct rtattr *)((const uint8_t *)a + RTA_ALIGN(a->rta_len));
	}
	return NULL;
}

/* An address of DragonFly's; bits >= 0: a mask of so many bits. */
static void append_address(struct message *m, int family, const uint8_t *address, int bits)
{
	uint8_t a[28] = { 0 };
	size_t n = family == AF_INET6 ? 16 : 4, at = family == AF_INET6 ? 8 : 4;

	a[0] = family == AF_INET6 ? 28 : 16;
	a[1] = family == AF_INET6 ? BSD_AF_INET6 : BSD_AF_INET;
	for (size_t i = 0; i < n; i++)
		a[at + i] = bits < 0                 ? address != NULL ? address[i] : 0 :
			    bits >= (int)(i + 1) * 8 ? 0xff :
			    bits > (int)i * 8 ? (uint8_t)(0xff << (8 - (bits - (int)i * 8))) :
						0;
	append(m, a, a[0]);
}

static const struct {
	unsigned linux_flag;
	int bsd;
} flags[] = {
	{ IFF_UP, BSD_IFF_UP },
	{ IFF_BROADCAST, BSD_IFF_BROADCAST },
	{ IFF_LOOPBACK, BSD_IFF_LOOPBACK },
	{ IFF_POINTOPOINT, BSD_IFF_POINTOPOINT },
	{ IFF_RUNNING, BSD_IFF_RUNNING },
	{ IFF_NOARP, BSD_IFF_NOARP },
	{ IFF_PROMISC, BSD_IFF_PROMISC },
	{ IFF_ALLMULTI, BSD_IFF_ALLMULTI },
	{ IFF_MULTICAST, BSD_IFF_MULTICAST },
};

static void add_link(struct list *l, const struct ifinfomsg *i, long len)
{
	const struct rtattr *a =
		(const struct rtattr *)((const uint8_t *)i + NLMSG_ALIGN(sizeof *i));
	struct bsd_if_msghdr h = { .version = BSD_RTM_VERSION,
				   .type = BSD_RTM_IFINFO,
				   .addrs = BSD_RTA_IFP,
				   .index = (uint16_t)i->ifi_index };
	struct bsd_sockaddr_dl dl = { .family = BSD_AF_LINK, .index = (uint16_t)i->ifi_index };
	struct message m = { .n = 0 };
	size_t n = 0, name_size = 0, address_size = 0;
	const char *name = attribute(a, len, IFLA_IFNAME, &name_size);
	const uint8_t *address = attribute(a, len, IFLA_ADDRESS, &address_size);
	const uint32_t *mtu = attribute(a, len, IFLA_MTU, &n);

	if ((l->argument != 0 && l->argument != i->ifi_index) || name == NULL)
		return;
	for (size_t k = 0; k < sizeof flags / sizeof flags[0]; k++)
		h.flags |= i->ifi_flags & flags[k].linux_flag ? flags[k].bsd : 0;
	dl.type = i->ifi_type == ARPHRD_ETHER    ? BSD_IFT_ETHER :
		  i->ifi_type == ARPHRD_LOOPBACK ? BSD_IFT_LOOP :
						   BSD_IFT_OTHER;
	if (address == NULL || address_size > 20 || i->ifi_type == ARPHRD_LOOPBACK)
		address_size = 0;
	dl.nlen = (uint8_t)text_len(name);
	dl.alen = (uint8_t)address_size;
	memcpy(dl.data, name, dl.nlen);
	memcpy(dl.data + dl.nlen, address, address_size);
	dl.len = (uint8_t)sizeof dl;
	h.data.type = dl.type;
	h.data.addrlen = dl.alen;
	h.data.mtu = mtu != NULL ? *mtu : 0;
	append(&m, &h, sizeof h);
	append(&m, &dl, sizeof dl);
	finish(l, &m);
}

static void add_address(struct list *l, const struct ifaddrmsg *i, long len)
{
	const struct rtattr *a =
		(const struct rtattr *)((const uint8_t *)i + NLMSG_ALIGN(sizeof *i));
	struct bsd_ifa_msghdr h = { .version = BSD_RTM_VERSION,
				    .type = BSD_RTM_NEWADDR,
				    .addrs = BSD_RTA_NETMASK | BSD_RTA_IFA,
				    .flags = BSD_RTF_UP,
				    .index = (uint16_t)i->ifa_index };
	struct message m = { .n = 0 };
	size_t n = 0;
	const uint8_t *local = attribute(a, len, IFA_LOCAL, &n);
	const uint8_t *broadcast = attribute(a, len, IFA_BROADCAST, &n);
	uint8_t scoped[16];

	if (local == NULL)
		local = attribute(a, len, IFA_ADDRESS, &n);
	if (local == NULL || (l->argument != 0 && l->argument != (int)i->ifa_index) ||
	    (i->ifa_family != AF_INET && i->ifa_family != AF_INET6))
		return;
	/* A link-local address has its interface's number in it. */
	if (i->ifa_family == AF_INET6 && local[0] == 0xfe && (local[1] & 0xc0) == 0x80) {
		memcpy(scoped, local, 16);
		scoped[2] = (uint8_t)(i->ifa_index >> 8);
		scoped[3] = (uint8_t)i->ifa_index;
		local = scoped;
	}
	h.addrs |= broadcast != NULL && i->ifa_family == AF_INET ? BSD_RTA_BRD : 0;
	append(&m, &h, sizeof h);
	append_address(&m, i->ifa_family, NULL, i->ifa_prefixlen);
	append_address(&m, i->ifa_family, local, -1);
	if (h.addrs & BSD_RTA_BRD)
		append_address(&m, i->ifa_family, broadcast, -1);
	finish(l, &m);
}

static void add_route(struct list *l, const struct rtmsg *r, long len)
{
	const struct rtattr *a =
		(const struct rtattr *)((const uint8_t *)r + NLMSG_ALIGN(sizeof *r));
	struct bsd_rt_msghdr h = { .version = BSD_RTM_VERSION,
				   .type = BSD_RTM_GET,
				   .flags = BSD_RTF_UP | BSD_RTF_STATIC,
				   .addrs = BSD_RTA_DST | BSD_RTA_GATEWAY | BSD_RTA_NETMASK };
	struct message m = { .n = 0 };
	size_t n = 0;
	const uint8_t *to = attribute(a, len, RTA_DST, &n),
		      *by = attribute(a, len, RTA_GATEWAY, &n);
	const uint32_t *out = attribute(a, len, RTA_OIF, &n);

	if (r->rtm_table != RT_TABLE_MAIN ||
	    (r->rtm_family != AF_INET && r->rtm_family != AF_INET6))
		return;
	h.index = out != NULL ? (uint16_t)*out : 0;
	h.flags |= by != NULL ? BSD_RTF_GATEWAY : 0;
	append(&m, &h, sizeof h);
	append_address(&m, r->rtm_family, to, -1);
	if (by != NULL) {
		append_address(&m, r->rtm_family, by, -1);
	} else {
		struct bsd_sockaddr_dl dl = { .len = sizeof dl,
					      .family = BSD_AF_LINK,
					      .index = h.index };

		append(&m, &dl, sizeof dl);
	}
	append_address(&m, r->rtm_family, NULL, r->rtm_dst_len);
	finish(l, &m);
}

static void add_one(struct list *l, const struct nlmsghdr *h)
{
	const void *data = (const uint8_t *)h + NLMSG_HDRLEN;
	long len = (long)h->nlmsg_len - NLMSG_HDRLEN;

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
		add_link(l, data, len - (long)NLMSG_ALIGN(sizeof(struct ifinfomsg)));
		break;
	case RTM_NEWADDR:
		add_address(l, data, len - (long)NLMSG_ALIGN(sizeof(struct ifaddrmsg)));
		break;
	case RTM_NEWROUTE:
		add_route(l, data, len - (long)NLMSG_ALIGN(sizeof(struct rtmsg)));
		break;
	default: break;
	}
}

/* All that the kernel has of one type. */
static long dump(struct list *l, uint8_t *buffer, long fd, uint16_t type, int family)
{
	struct {
		struct nlmsghdr h;
		struct rtgenmsg g;
	} ask = {
		.h = { .nlmsg_len = sizeof ask,
		       .nlmsg_type = type,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		       .nlmsg_seq = 1 },
		.g = { .rtgen_family = (unsigned char)family },
	};
	long n = sys6(__NR_sendto, fd, &ask, sizeof ask, 0, 0, 0);

	while (n >= 0) {
		n = sys6(__NR_recvfrom, fd, buffer, BUFFER, 0, 0, 0);
		if (n == -EINTR) {
			n = 0;
			continue;
		}
		for (long at = 0; n - at >= (long)sizeof(struct nlmsghdr);) {
			const struct nlmsghdr *h = (const struct nlmsghdr *)(buffer + at);

			if (h->nlmsg_len < sizeof *h || h->nlmsg_len > n - at)
				return -EIO;
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return -EIO;
			add_one(l, h);
			at += (long)NLMSG_ALIGN(h->nlmsg_len);
		}
	}
	return n;
}

static int family_to_linux(int family)
{
	return family == BSD_AF_INET6 ? AF_INET6 : family == BSD_AF_INET ? AF_INET : 0;
}

long route_list(uint8_t *out, size_t room, int family, int op, int argument)
{
	struct list l = { .out = out, .room = room, .argument = argument };
	uint8_t *buffer;
	long fd, r;

	if (op != BSD_NET_RT_IFLIST && op != BSD_NET_RT_DUMP && op != BSD_NET_RT_FLAGS)
		return -EINVAL;
	fd = sys3(__NR_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return fd;
	buffer = pages_new(BUFFER);
	r = buffer == NULL ? -ENOMEM : 0;
	family = family_to_linux(family);
	if (r == 0 && op == BSD_NET_RT_IFLIST) {
		r = dump(&l, buffer, fd, RTM_GETLINK, AF_UNSPEC);
		r = r == 0 ? dump(&l, buffer, fd, RTM_GETADDR, family) : r;
	} else if (r == 0) {
		l.argument = 0;
		r = dump(&l, buffer, fd, RTM_GETROUTE, family);
	}
	if (buffer != NULL)
		pages_free(buffer, BUFFER);
	sys1(__NR_close, fd);
	return r != 0 ? r : (long)l.n;
}
