/* sysctl: what Go's std asks for, by name and by number. */
#include "dfly.h"
#include "handlers.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>

/* The release that answers are of: ifa_msghdr and control messages have their present
 * form since 5.7. */
#define OSRELDATE 600400
#define OSRELEASE "6.4-RELEASE"
#define MIB_MAX   12

enum kind { TEXT, NUMBER };
static const struct known {
	const char *name;
	int mib[2];
	enum kind kind;
	const char *text;
	long number; /* -1: see compute() */
} known[] = {
	{ "kern.ostype", { BSD_CTL_KERN, 1 }, TEXT, "DragonFly", 0 },
	{ "kern.osrelease", { BSD_CTL_KERN, 2 }, TEXT, OSRELEASE, 0 },
	{ "kern.osrevision", { BSD_CTL_KERN, 3 }, NUMBER, NULL, 200708 },
	{ "kern.version",
	  { BSD_CTL_KERN, 4 },
	  TEXT,
	  "DragonFly " OSRELEASE " (goaudit dfly)",
	  0 },
	{ "kern.maxproc", { BSD_CTL_KERN, 6 }, NUMBER, NULL, 32000 },
	{ "kern.maxfiles", { BSD_CTL_KERN, 7 }, NUMBER, NULL, 1048576 },
	{ "kern.argmax", { BSD_CTL_KERN, 8 }, NUMBER, NULL, 262144 },
	{ "kern.hostname", { BSD_CTL_KERN, 10 }, TEXT, NULL, 0 },
	{ "kern.ngroups", { BSD_CTL_KERN, 18 }, NUMBER, NULL, 1023 },
	{ "kern.osreldate", { BSD_CTL_KERN, 24 }, NUMBER, NULL, OSRELDATE },
	{ "kern.maxfilesperproc", { BSD_CTL_KERN, 27 }, NUMBER, NULL, 1048576 },
	{ "kern.ipc.somaxconn", { BSD_CTL_KERN, 200 }, NUMBER, NULL, 4096 },
	{ "kern.ipc.soacceptqueue", { BSD_CTL_KERN, 201 }, NUMBER, NULL, 4096 },
	{ "hw.machine", { BSD_CTL_HW, 1 }, TEXT, "x86_64", 0 },
	{ "hw.model", { BSD_CTL_HW, 2 }, TEXT, NULL, 0 },
	{ "hw.ncpu", { BSD_CTL_HW, 3 }, NUMBER, NULL, -1 },
	{ "hw.byteorder", { BSD_CTL_HW, 4 }, NUMBER, NULL, 1234 },
	{ "hw.physmem", { BSD_CTL_HW, 5 }, NUMBER, NULL, -1 },
	{ "hw.pagesize", { BSD_CTL_HW, 7 }, NUMBER, NULL, (long)PAGE },
	{ "hw.machine_arch", { BSD_CTL_HW, 11 }, TEXT, "x86_64", 0 },
};
#define KNOWN       (sizeof known / sizeof known[0])
#define IS(k, text) text_is((k)->name, text)

/* old and oldlen as sysctl has them: the length alone where there is no room. */
static long answer(struct call *c, const void *value, size_t n)
{
	void *old = (void *)c->a[2];
	uint64_t *oldlen = (uint64_t *)c->a[3], room = oldlen != NULL ? *oldlen : 0;

	if (oldlen != NULL)
		*oldlen = old != NULL && n > room ? room : n;
	if (old == NULL)
		return 0;
	memcpy(old, value, n < room ? n : room);
	return n <= room ? 0 : -ENOMEM;
}

static int processors(void)
{
	uint64_t set[128] = { 0 };
	long n = sys3(__NR_sched_getaffinity, 0, sizeof set, set), count = 0;

	for (long i = 0; i < n / 8; i++)
		for (uint64_t b = set[i]; b != 0; b &= b - 1)
			count++;
	return count > 0 ? (int)count : 1;
}

static long answer_known(struct call *c, const struct known *k)
{
	struct utsname u;
	struct sysinfo info;
	int32_t v = (int32_t)k->number;

	if (c->a[4] != 0)
		return -EPERM;
	if (k->text != NULL)
		return answer(c, k->text, text_len(k->text) + 1);
	if (IS(k, "kern.hostname")) {
		sys1(__NR_uname, &u);
		return answer(c, u.nodename, text_len(u.nodename) + 1);
	}
	if (IS(k, "hw.model"))
		return answer(c, "x86-64", 7);
	if (IS(k, "hw.physmem")) {
		uint64_t size;

		sys1(__NR_sysinfo, &info);
		size = (uint64_t)info.totalram * info.mem_unit;
		return answer(c, &size, 8);
	}
	if (IS(k, "hw.ncpu"))
		v = processors();
	return answer(c, &v, 4);
}

/* {0, 3} and a name: its numbers. */
static long number_of(struct call *c)
{
	char name[64];
	size_t n = c->a[5];

	if (c->a[4] == 0 || n >= sizeof name)
		return -ENOENT;
	memcpy(name, (const void *)c->a[4], n);
	name[n] = '\0';
	for (size_t i = 0; i < KNOWN; i++)
		if (text_is(name, known[i].name))
			return answer(c, known[i].mib, sizeof known[i].mib);
	return -ENOENT;
}

static long image_path(struct call *c, int pid)
{
	if (pid != -1 && pid != sys0(__NR_getpid))
		return -ESRCH;
	return answer(c, dfly.image, text_len(dfly.image) + 1);
}

/* net.route: into the program's room, or into none to learn the size. */
static long routes(struct call *c, const int *mib)
{
	uint64_t *oldlen = (uint64_t *)c->a[3], room = *oldlen;
	long n;

	if (c->a[4] != 0)
		return -EPERM;
	n = route_list((uint8_t *)c->a[2], c->a[2] != 0 ? room : 0, mib[3], mib[4], mib[5]);
	if (n < 0)
		return n;
	/* As there, the estimate has room for what may come in between. */
	*oldlen = c->a[2] == 0 ? (uint64_t)n + (uint64_t)n / 10 : (uint64_t)n;
	return c->a[2] != 0 && (uint64_t)n > room ? -ENOMEM : 0;
}

long do_sysctl(struct call *c)
{
	unsigned n = (unsigned)c->a[1];
	int mib[MIB_MAX] = { 0 };

	if (n < 2 || n > MIB_MAX)
		return -EINVAL;
	memcpy(mib, (const void *)c->a[0], n * sizeof *mib);
	if (n == 2 && mib[0] == 0 && mib[1] == 3)
		return number_of(c);
	if (n == 4 && mib[0] == BSD_CTL_KERN && mib[1] == BSD_KERN_PROC &&
	    mib[2] == BSD_KERN_PROC_PATHNAME)
		return image_path(c, mib[3]);
	if (n == 6 && mib[0] == BSD_CTL_NET && mib[1] == BSD_AF_ROUTE)
		return routes(c, mib);
	for (size_t i = 0; n == 2 && i < KNOWN; i++)
		if (mib[0] == known[i].mib[0] && mib[1] == known[i].mib[1])
			return answer_known(c, &known[i]);
	return -ENOENT;
}

/* The five texts of 32 bytes of DragonFly's uname, which lie behind each other. */
long do_uname(struct call *c)
{
	char(*to)[32] = (char(*)[32])c->a[0];
	struct utsname u;

	sys1(__NR_uname, &u);
	memset(to, 0, 5 * sizeof *to);
	memcpy(to[0], "DragonFly", 9);
	memcpy(to[1], u.nodename, text_len(u.nodename) < 31 ? text_len(u.nodename) : 31);
	memcpy(to[2], OSRELEASE, sizeof OSRELEASE - 1);
	memcpy(to[3], "goaudit", 7);
	memcpy(to[4], "x86_64", 6);
	return 0;
}
