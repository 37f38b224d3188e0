/* Text, memory and locks, where there is no libc. */
#include "dfly.h"

#include <sys/mman.h>

void *memcpy(void *to, const void *from, size_t n)
{
	void *p = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return p;
}

void *memmove(void *to, const void *from, size_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (t <= f || t >= f + n)
		return memcpy(to, from, n);
	while (n-- > 0)
		((volatile uint8_t *)t)[n] = f[n];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	void *p = to;

	__asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(c) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

size_t text_len(const char *s)
{
	size_t n = 0;

	while (((const volatile char *)s)[n] != '\0')
		n++;
	return n;
}

bool text_is(const char *a, const char *b)
{
	for (; *a == *b; a++, b++)
		if (*a == '\0')
			return true;
	return false;
}

const char *text_last_part(const char *path)
{
	const char *last = path;

	for (; *path != '\0'; path++)
		if (*path == '/' && path[1] != '\0')
			last = path + 1;
	return last;
}

void lock_take(struct lock *l)
{
	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE) != 0)
		sys0(__NR_sched_yield);
}

void lock_give(struct lock *l)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

void line_bytes(struct line *l, const char *s, size_t n)
{
	if (n > sizeof l->s - 1 - l->n)
		n = sizeof l->s - 1 - l->n;
	memcpy(l->s + l->n, s, n);
	l->n += n;
}

void line_text(struct line *l, const char *s)
{
	line_bytes(l, s, text_len(s));
}

static void line_digits(struct line *l, uint64_t v, unsigned base)
{
	char digits[24];
	size_t n = sizeof digits;

	do {
		digits[--n] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	line_bytes(l, digits + n, sizeof digits - n);
}

void line_number(struct line *l, long v)
{
	if (v < 0)
		line_text(l, "-");
	line_digits(l, v < 0 ? -(uint64_t)v : (uint64_t)v, 10);
}

void line_hex(struct line *l, uint64_t v)
{
	line_text(l, "0x");
	line_digits(l, v, 16);
}

void line_octal(struct line *l, uint64_t v)
{
	if (v != 0)
		line_text(l, "0");
	line_digits(l, v, 8);
}

void line_put(struct line *l)
{
	l->s[l->n++] = '\n';
	sys3(__NR_write, 2, l->s, l->n);
	l->n = 0;
}

void *pages_new(size_t size)
{
	long p = sys6(__NR_mmap, 0, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return IS_ERROR(p) ? NULL : (void *)p;
}

void pages_free(void *p, size_t size)
{
	sys2(__NR_munmap, p, size);
}
