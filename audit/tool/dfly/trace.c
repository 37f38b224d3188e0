/* goaudit dfly -t: each call, its arguments and its result on one line of standard error, as
 * truss(1) writes them.  An argument's form is a letter of the table's format:
 *
 *	d	a number		s	a path
 *	x	bits			f	a descriptor
 *	o	a mode			O	flags of open
 *	p	an address		S	a signal
 *	B	bytes that are written, as many as the next argument says
 *	b	bytes that have been read, as many as the result says
 *	t	a timespec		A, a	a socket's address, given or received */
#include "dfly.h"

#define SHOWN      32 /* bytes of a buffer */
#define PATH_SHOWN 256

/* In quotes; what is no printable character as C writes it. */
static void put_bytes(struct line *l, const uint8_t *p, size_t n)
{
	line_text(l, "\"");
	for (size_t i = 0; i < n; i++) {
		char c = (char)p[i];

		if (c == '\n') {
			line_text(l, "\\n");
		} else if (c == '"' || c == '\\') {
			line_text(l, "\\");
			line_bytes(l, &c, 1);
		} else if (p[i] >= 0x20 && p[i] < 0x7f) {
			line_bytes(l, &c, 1);
		} else {
			line_text(l, "\\x");
			line_bytes(l, &"0123456789abcdef"[p[i] >> 4], 1);
			line_bytes(l, &"0123456789abcdef"[p[i] & 15], 1);
		}
	}
	line_text(l, "\"");
}

static void put_memory(struct line *l, uint64_t at, size_t n)
{
	uint8_t bytes[SHOWN];
	size_t shown = n < SHOWN ? n : SHOWN;

	if (arch_peek(bytes, (const void *)at, shown) != 0) {
		line_hex(l, at);
		return;
	}
	put_bytes(l, bytes, shown);
	if (n > shown)
		line_text(l, "...");
}

static void put_path(struct line *l, uint64_t at)
{
	uint8_t path[PATH_SHOWN];
	size_t n = 0;

	if (at == 0) {
		line_text(l, "NULL");
		return;
	}
	while (n < sizeof path && arch_peek(path + n, (const void *)(at + n), 1) == 0 &&
	       path[n] != 0)
		n++;
	put_bytes(l, path, n);
}

static void put_open_flags(struct line *l, int flags)
{
	static const struct {
		int bit;
		const char *name;
	} names[] = {
		{ BSD_O_NONBLOCK, "|O_NONBLOCK" },   { BSD_O_APPEND, "|O_APPEND" },
		{ BSD_O_SHLOCK, "|O_SHLOCK" },       { BSD_O_EXLOCK, "|O_EXLOCK" },
		{ BSD_O_SYNC, "|O_SYNC" },           { BSD_O_NOFOLLOW, "|O_NOFOLLOW" },
		{ BSD_O_CREAT, "|O_CREAT" },         { BSD_O_TRUNC, "|O_TRUNC" },
		{ BSD_O_EXCL, "|O_EXCL" },           { BSD_O_NOCTTY, "|O_NOCTTY" },
		{ BSD_O_DIRECT, "|O_DIRECT" },       { BSD_O_CLOEXEC, "|O_CLOEXEC" },
		{ BSD_O_DIRECTORY, "|O_DIRECTORY" },
	};
	static const char *const access[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "3" };

	line_text(l, access[flags & BSD_O_ACCMODE]);
	flags &= ~BSD_O_ACCMODE;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (flags & names[i].bit) {
			line_text(l, names[i].name);
			flags &= ~names[i].bit;
		}
	if (flags != 0) {
		line_text(l, "|");
		line_hex(l, (uint64_t)flags);
	}
}

static void put_timespec(struct line *l, uint64_t at)
{
	struct timespec ts;

	if (at == 0 || arch_peek(&ts, (const void *)at, sizeof ts) != 0) {
		line_text(l, at == 0 ? "NULL" : "?");
		return;
	}
	line_text(l, "{");
	line_number(l, ts.tv_sec);
	line_text(l, ",");
	line_number(l, ts.tv_nsec);
	line_text(l, "}");
}

static void put_address(struct line *l, uint64_t at)
{
	uint8_t a[28];

	if (at == 0 || arch_peek(a, (const void *)at, 16) != 0) {
		line_text(l, at == 0 ? "NULL" : "?");
		return;
	}
	switch (a[1]) {
	case BSD_AF_UNIX: put_path(l, at + 2); break;
	case BSD_AF_INET:
		for (int i = 4; i < 8; i++) {
			line_number(l, a[i]);
			line_text(l, i < 7 ? "." : ":");
		}
		line_number(l, a[2] << 8 | a[3]);
		break;
	case BSD_AF_INET6:
		line_text(l, "[ipv6]:");
		line_number(l, a[2] << 8 | a[3]);
		break;
	default:
		line_text(l, "{family ");
		line_number(l, a[1]);
		line_text(l, "}");
	}
}

static void put_argument(struct line *l, const struct call *c, unsigned i, char form,
			 long result)
{
	uint64_t v = c->a[i];

	switch (form) {
	case 'd': line_number(l, v >> 16 == 0xffff ? (int)v : (long)v); break;
	case 'f':
		if ((uint32_t)v == BSD_AT_FDCWD)
			line_text(l, "AT_FDCWD");
		else
			line_number(l, (int)v);
		break;
	case 'o': line_octal(l, v); break;
	case 'O': put_open_flags(l, (int)v); break;
	case 's': put_path(l, v); break;
	case 'S': line_text(l, v == 0 ? "0" : signal_name((int)v)); break;
	case 'B': put_memory(l, v, c->a[i + 1]); break;
	case 'b':
		if (result >= 0)
			put_memory(l, v, (size_t)result);
		else
			line_hex(l, v);
		break;
	case 't': put_timespec(l, v); break;
	case 'a':
		if (result < 0) {
			line_hex(l, v);
			break;
		}
		put_address(l, v);
		break;
	case 'A': put_address(l, v); break;
	default: line_hex(l, v); break;
	}
}

static void put_call(struct line *l, const struct call *c, unsigned number,
		     const struct entry *e, long result)
{
	line_text(l, "[");
	line_number(l, c->thread->tid);
	line_text(l, "] ");
	if (e->name != NULL) {
		line_text(l, e->name);
	} else {
		line_text(l, "call#");
		line_number(l, number);
	}
	line_text(l, "(");
	for (unsigned i = 0; e->format != NULL && e->format[i] != '\0'; i++) {
		if (i > 0)
			line_text(l, ",");
		put_argument(l, c, i, e->format[i], result);
	}
	line_text(l, ")");
}

void trace_call(const struct call *c, unsigned number, const struct entry *e)
{
	struct line l = { .n = 0 };

	put_call(&l, c, number, e, -1);
	line_put(&l);
}

void trace_result(const struct call *c, unsigned number, const struct entry *e, long result,
		  int error)
{
	struct line l = { .n = 0 };

	put_call(&l, c, number, e, error != 0 ? -1 : result);
	if (error != 0) {
		line_text(&l, " ERR#");
		line_number(&l, error);
		line_text(&l, " ");
		line_text(&l, errno_name(error));
	} else {
		line_text(&l, " = ");
		line_number(&l, result);
		line_text(&l, " (");
		line_hex(&l, (uint64_t)result);
		line_text(&l, ")");
	}
	line_put(&l);
}

void trace_signal(struct thread *t, int number, const siginfo_t *info)
{
	struct line l = { .n = 0 };

	line_text(&l, "[");
	line_number(&l, t->tid);
	line_text(&l, "] ");
	line_text(&l, signal_name(number));
	line_text(&l, " code ");
	line_number(&l, info->si_code);
	line_put(&l);
}
