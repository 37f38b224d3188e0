/* Arithmetic expressions to x86-64.
 *
 * A function keeps x at -8(%rbp), and values on the stack; a subexpression's result
 * is in %rax.  All functions begin and end alike, so one unwind table, with the
 * addresses filled in, serves them all. */
#include "jit.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dlbind.h"

#define MAX_CODE  4096
#define MAX_NAME  64
#define MAX_DEPTH 100

struct jit {
	void *library;
	void (*divide_by_zero)(void);
};

struct compiler {
	const struct jit *jit;
	const char *at; /* in the expression */
	unsigned char code[MAX_CODE];
	size_t size;
	unsigned pushed, depth;
	const char *wrong; /* NULL: nothing */
};

static _Thread_local char error_text[300];

const char *jit_error(void)
{
	return error_text;
}

static void set_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error_text, sizeof error_text, format, ap);
	va_end(ap);
}

/* --- code ------------------------------------------------------------------ */

static void emit(struct compiler *c, const void *bytes, size_t n)
{
	if (n > MAX_CODE - c->size) {
		c->wrong = "too long";
		return;
	}
	memcpy(c->code + c->size, bytes, n);
	c->size += n;
}

#define EMIT(c, ...)                                    \
	emit(c, (const unsigned char[]){ __VA_ARGS__ }, \
	     sizeof(const unsigned char[]){ __VA_ARGS__ })

static void emit_value(struct compiler *c, uint64_t value)
{
	EMIT(c, 0x48, 0xb8); /* mov $value, %rax */
	emit(c, &value, sizeof value);
}

/* The stack is 16-aligned at calls. */
static void emit_call(struct compiler *c, void *function)
{
	if (c->pushed % 2)
		EMIT(c, 0x48, 0x83, 0xec, 8); /* sub $8, %rsp */
	emit_value(c, (uint64_t)function);
	EMIT(c, 0xff, 0xd0); /* call *%rax */
	if (c->pushed % 2)
		EMIT(c, 0x48, 0x83, 0xc4, 8); /* add $8, %rsp */
}

static void emit_operation(struct compiler *c, char operation)
{
	size_t jump;

	EMIT(c, 0x48, 0x89, 0xc1, 0x58); /* mov %rax, %rcx; pop %rax */
	c->pushed--;
	switch (operation) {
	case '+': EMIT(c, 0x48, 0x01, 0xc8); return;
	case '-': EMIT(c, 0x48, 0x29, 0xc8); return;
	case '*': EMIT(c, 0x48, 0x0f, 0xaf, 0xc1); return;
	}
	EMIT(c, 0x48, 0x85, 0xc9, 0x75, 0); /* test %rcx, %rcx; jnz over */
	jump = c->size;
	emit_call(c, (void *)c->jit->divide_by_zero);
	if (c->wrong)
		return;
	c->code[jump - 1] = c->size - jump;
	EMIT(c, 0x48, 0x99, 0x48, 0xf7, 0xf9); /* cqo; idiv %rcx */
	if (operation == '%')
		EMIT(c, 0x48, 0x89, 0xd0); /* mov %rdx, %rax */
}

/* --- expressions -------------------------------------------------------------- */

static void sum(struct compiler *c);

static char peek(struct compiler *c)
{
	while (isspace((unsigned char)*c->at))
		c->at++;
	return *c->at;
}

static void call(struct compiler *c)
{
	char name[MAX_NAME];
	size_t n = 0;
	void *function;

	while (isalnum((unsigned char)*c->at) || *c->at == '_') {
		if (n < sizeof name - 1)
			name[n++] = *c->at;
		c->at++;
	}
	name[n] = 0;
	if (peek(c) != '(') {
		if (strcmp(name, "x") == 0)
			EMIT(c, 0x48, 0x8b, 0x45, 0xf8); /* mov -8(%rbp), %rax */
		else
			c->wrong = "an unknown variable";
		return;
	}
	c->at++;
	sum(c);
	if (peek(c) != ')') {
		c->wrong = "a ) is missing";
		return;
	}
	c->at++;
	function = dlsym(c->jit->library, name);
	if (!function)
		function = dlsym(RTLD_DEFAULT, name);
	if (!function) {
		c->wrong = "an unknown function";
		return;
	}
	EMIT(c, 0x48, 0x89, 0xc7); /* mov %rax, %rdi */
	emit_call(c, function);
}

static void operand(struct compiler *c)
{
	char next = peek(c), *end;

	if (c->wrong)
		return;
	if (++c->depth > MAX_DEPTH) {
		c->wrong = "nested too deeply";
	} else if (isdigit((unsigned char)next)) {
		emit_value(c, strtol(c->at, &end, 0));
		c->at = end;
	} else if (isalpha((unsigned char)next)) {
		call(c);
	} else if (next == '-') {
		c->at++;
		operand(c);
		EMIT(c, 0x48, 0xf7, 0xd8); /* neg %rax */
	} else if (next == '(') {
		c->at++;
		sum(c);
		if (peek(c) == ')')
			c->at++;
		else
			c->wrong = "a ) is missing";
	} else {
		c->wrong = "a number, x, a call or ( is missing";
	}
	c->depth--;
}

static void product(struct compiler *c)
{
	operand(c);
	while (!c->wrong && peek(c) && strchr("*/%", peek(c))) {
		char operation = *c->at++;

		EMIT(c, 0x50); /* push %rax */
		c->pushed++;
		operand(c);
		emit_operation(c, operation);
	}
}

static void sum(struct compiler *c)
{
	product(c);
	while (!c->wrong && peek(c) && strchr("+-", peek(c))) {
		char operation = *c->at++;

		EMIT(c, 0x50);
		c->pushed++;
		product(c);
		emit_operation(c, operation);
	}
}

static bool function(struct compiler *c)
{
	EMIT(c, 0x55, 0x48, 0x89, 0xe5); /* push %rbp; mov %rsp, %rbp */
	EMIT(c, 0x48, 0x83, 0xec, 16);   /* sub $16, %rsp */
	EMIT(c, 0x48, 0x89, 0x7d, 0xf8); /* mov %rdi, -8(%rbp) */
	sum(c);
	if (!c->wrong && peek(c))
		c->wrong = "something follows the end";
	EMIT(c, 0xc9, 0xc3); /* leave; ret */
	return !c->wrong;
}

/* --- the library ----------------------------------------------------------------- */

/* The unwind table of a function of the above shape: absolute addresses, so that
 * the bytes may stand anywhere. */
static int add_frame(const struct jit *jit, void *code, size_t size)
{
	struct __attribute__((packed)) {
		uint32_t cie_length, cie_id;
		unsigned char cie[16];
		uint32_t fde_length, fde_cie;
		uint64_t begin, size;
		unsigned char fde[20];
	} frame = {
		20,
		0,
		/* version 1, "zR"; addresses absolute; CFA = rsp + 8 */
		{ 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0, 0x0c, 7, 8, 0x90, 1 },
		40,
		28,
		(uint64_t)code,
		size,
		/* after push: CFA = rsp + 16, rbp saved; after mov: CFA = rbp + 16;
		 * behind leave, one byte before the end: CFA = rsp + 8 */
		{ 0, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x04 },
	};
	uint32_t rest = size - 5;

	memcpy(&frame.fde[10], &rest, sizeof rest);
	memcpy(&frame.fde[14], (unsigned char[]){ 0x0c, 7, 8 }, 3);
	return dlframe(jit->library, &frame, sizeof frame, NULL);
}

struct jit *jit_new(const char *name, void (*divide_by_zero)(void))
{
	struct dlbind_options options = {
		.size = sizeof options,
		.flags = DLBIND_WRITE_ALIAS,
	};
	struct jit *jit = malloc(sizeof *jit);

	if (!jit)
		return NULL;
	jit->divide_by_zero = divide_by_zero;
	jit->library = dlcreate_with_options(name, &options);
	if (!jit->library) {
		set_error("%s", dlbind_error());
		free(jit);
		return NULL;
	}
	return jit;
}

void jit_delete(struct jit *jit)
{
	dldelete(jit->library);
	free(jit);
}

void *jit_library(const struct jit *jit)
{
	return jit->library;
}

/* A debugger hears of the name and of the unwind table together. */
static bool publish(const struct jit *jit, const char *name, void *code, size_t size)
{
	bool bound;

	dlbind_begin(jit->library);
	bound = dlbind(jit->library, name, code, size, STT_FUNC);
	if (!bound) {
		set_error("%s", dlbind_error());
	} else if (add_frame(jit, code, size) != 0) {
		set_error("%s", dlbind_error());
		dlunbind(jit->library, name);
		bound = false;
	}
	dlbind_commit(jit->library);
	return bound;
}

jit_function *jit_compile(struct jit *jit, const char *name, const char *expression)
{
	struct compiler c = { .jit = jit, .at = expression };
	void *code;

	if (!function(&c)) {
		set_error("%s: at '%s': %s", name, c.at, c.wrong);
		return NULL;
	}
	code = dlalloc(jit->library, c.size, SHF_EXECINSTR);
	if (!code) {
		set_error("%s", dlbind_error());
		return NULL;
	}
	memcpy(dlwritable(jit->library, code), c.code, c.size);
	if (!publish(jit, name, code, c.size)) {
		dlfree(jit->library, code);
		return NULL;
	}
	return (jit_function *)code;
}
