/* The runner's beginning: its own relocations, its arguments, and the program's stack. */
#include "dfly.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

struct dfly dfly;

extern char __executable_start[], etext[];

void put_error(const char *subject, const char *reason, const char *cure)
{
	struct line l = { .n = 0 };

	line_text(&l, "goaudit: ");
	line_text(&l, subject);
	line_text(&l, ": ");
	line_text(&l, reason);
	if (cure != NULL) {
		line_text(&l, ": ");
		line_text(&l, cure);
	}
	line_put(&l);
}

static int number_of(const char *s)
{
	int n = 0;

	for (; *s >= '0' && *s <= '9' && n < 1000; s++)
		n = n * 10 + (*s - '0');
	return *s == '\0' ? n : -1;
}

/* Options as goaudit gives them, and as execve in process.c does: -t, -s, -f ERRNO,
 * -0 ARGV0; -> the index of the program in argv. */
static int options(int argc, char **argv, const char **argv0)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		switch (argv[i][1]) {
		case 't': dfly.trace = true; break;
		case 's': dfly.by_signal = true; break;
		case 'f':
			dfly.fail_settls = number_of(value);
			i++;
			break;
		case '0':
			*argv0 = value;
			i++;
			break;
		case '-': return i + 1;
		default: return argc;
		}
	}
	return i;
}

/* The program starts as DragonFly starts one: RDI and RSP are at argc, then argv,
 * the environment, and the auxiliary vector, of which Go reads the page size. */
static uint64_t *stack_for(uint64_t *sp, int argc, char **argv, char **env)
{
	int n = 0;
	uint64_t *p;

	while (env[n] != NULL)
		n++;
	sp -= argc + n + 16;
	sp = (uint64_t *)((uint64_t)sp & ~15ul);
	p = sp;
	*p++ = (uint64_t)argc;
	for (int i = 0; i < argc; i++)
		*p++ = (uint64_t)argv[i];
	*p++ = 0;
	for (int i = 0; i < n; i++)
		*p++ = (uint64_t)env[i];
	*p++ = 0;
	*p++ = AT_PAGESZ;
	*p++ = PAGE;
	*p++ = AT_NULL;
	*p++ = 0;
	return sp;
}

static void link_of(const char *path, char *out)
{
	long n = sys3(__NR_readlink, path, out, PATH_ROOM - 1);

	out[n > 0 ? n : 0] = '\0';
}

/* The file's path without links, as DragonFly's kernel gives it. */
static void find_image(const char *path)
{
	struct line name = { .n = 0 };
	long fd = sys3(__NR_open, path, O_PATH | O_CLOEXEC, 0);

	if (fd < 0)
		return;
	line_text(&name, "/proc/self/fd/");
	line_number(&name, fd);
	name.s[name.n] = '\0';
	link_of(name.s, dfly.image);
	sys1(__NR_close, fd);
}

static void run(int argc, char **argv, char **env, uint64_t *sp)
{
	const char *argv0 = NULL, *why;
	int at = options(argc, argv, &argv0), status = EXIT_REFUSED;
	struct image image;
	struct thread *t;

	if (at >= argc) {
		put_error("goaudit-dfly", "no PROGRAM", "run it as goaudit dfly PROGRAM");
		sys1(__NR_exit_group, 2);
	}
	dfly.program = argv[at];
	link_of("/proc/self/exe", dfly.self);
	find_image(argv[at]);
	why = image_map(argv[at], &image, &status);
	if (why != NULL) {
		put_error(argv[at], why, NULL);
		sys1(__NR_exit_group, status);
	}
	t = thread_new();
	if (t == NULL) {
		put_error(argv[at], "no memory for a thread", NULL);
		sys1(__NR_exit_group, EXIT_REFUSED);
	}
	t->tid = (int)sys0(__NR_gettid);
	t->alive = 1;
	sys2(__NR_prctl, PR_SET_NAME, text_last_part(argv[at]));
	thread_attach(t);
	signal_begin(t);
	call_begin_dispatch();
	if (argv0 != NULL)
		argv[at] = (char *)(uintptr_t)argv0;
	sp = stack_for(sp, argc - at, argv + at, env);
	arch_start(image.entry, (uint64_t)sp, (uint64_t)sp);
}

/* What was only to be relocated is read-only from here on. */
static void protect(const Elf64_Ehdr *e)
{
	const Elf64_Phdr *p = (const Elf64_Phdr *)((const uint8_t *)e + e->e_phoff);

	for (int i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_GNU_RELRO) {
			uint64_t from = ((uint64_t)e + p[i].p_vaddr) & ~(PAGE - 1);
			uint64_t to = ((uint64_t)e + p[i].p_vaddr + p[i].p_memsz) & ~(PAGE - 1);

			sys3(__NR_mprotect, from, to - from, PROT_READ);
		}
}

/* Nothing in here may need a relocation before the loop. */
static void relocate(const Elf64_Dyn *d, uint64_t base)
{
	const Elf64_Rela *r = NULL;
	size_t n = 0;

	for (; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_RELA)
			r = (const Elf64_Rela *)(base + d->d_un.d_ptr);
		if (d->d_tag == DT_RELASZ)
			n = d->d_un.d_val / sizeof *r;
	}
	for (; n > 0; n--, r++)
		if (ELF64_R_TYPE(r->r_info) == R_X86_64_RELATIVE)
			*(uint64_t *)(base + r->r_offset) = base + (uint64_t)r->r_addend;
}

void dfly_start(uint64_t *sp, const Elf64_Dyn *dynamic, uint64_t base);

void dfly_start(uint64_t *sp, const Elf64_Dyn *dynamic, uint64_t base)
{
	int argc = (int)sp[0];
	char **argv = (char **)(sp + 1);

	relocate(dynamic, base);
	protect((const Elf64_Ehdr *)base);
	dfly.text_from = (uint64_t)__executable_start;
	dfly.text_to = (uint64_t)etext;
	/* Below this function's own frame, which is not left any more. */
	run(argc, argv, argv + argc + 1,
	    (uint64_t *)((uint64_t)__builtin_frame_address(0) - 65536));
}
