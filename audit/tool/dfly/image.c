/* The program's file: whether it is one for DragonFly, its segments where they were linked
 * for, and its calls as jumps. */
#include "dfly.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PHDRS_MAX 32
#define CODE_ROOM 65536ul /* for the jumps' targets, below the image */

/* A file, mapped to be read. */
struct file {
	const uint8_t *bytes;
	size_t size;
	const Elf64_Ehdr *e;
	const Elf64_Phdr *p;
};

static const char *file_open(struct file *f, const char *path, int *status)
{
	long fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC, 0), p;
	struct stat st;

	*status = EXIT_NOT_FOUND;
	if (fd < 0)
		return fd == -ENOENT ? "no such program: give its path" :
				       errno_name(errno_to_bsd((int)-fd));
	*status = EXIT_REFUSED;
	if (sys2(__NR_fstat, fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		sys1(__NR_close, fd);
		return "not a file";
	}
	p = st.st_size < (long)sizeof(Elf64_Ehdr) ?
		    -ENOEXEC :
		    sys6(__NR_mmap, 0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	sys1(__NR_close, fd);
	if (IS_ERROR(p))
		return p == -ENOEXEC ? "not an ELF program" : "no memory to read it";
	f->bytes = (const uint8_t *)p;
	f->size = (size_t)st.st_size;
	f->e = (const Elf64_Ehdr *)p;
	return NULL;
}

static void file_close(struct file *f)
{
	sys2(__NR_munmap, f->bytes, f->size);
}

static const char *check_headers(struct file *f)
{
	const Elf64_Ehdr *e = f->e;

	if (memcmp(e->e_ident, ELFMAG, SELFMAG) != 0)
		return "not an ELF program";
	if (e->e_machine != ARCH_MACHINE || e->e_ident[EI_CLASS] != ELFCLASS64)
		return "built for another processor: build it with GOOS=dragonfly GOARCH=amd64";
	if (e->e_phentsize != sizeof *f->p || e->e_phnum > PHDRS_MAX || e->e_phoff % 8 != 0 ||
	    e->e_phoff > f->size || f->size - e->e_phoff < e->e_phnum * sizeof *f->p)
		return "a broken ELF program";
	f->p = (const Elf64_Phdr *)(f->bytes + e->e_phoff);
	for (int i = 0; i < e->e_phnum; i++)
		if (f->p[i].p_offset > f->size ||
		    f->size - f->p[i].p_offset < f->p[i].p_filesz ||
		    f->p[i].p_filesz > f->p[i].p_memsz)
			return "a broken ELF program";
	return NULL;
}

static const uint8_t *find(const uint8_t *in, size_t size, const char *what, size_t n)
{
	for (size_t i = 0; i + n <= size; i++)
		if (in[i] == (uint8_t)what[0] && memcmp(in + i, what, n) == 0)
			return in + i;
	return NULL;
}

/* A number as debug/buildinfo reads it; moves p on. */
static size_t varint(const uint8_t **p, const uint8_t *end)
{
	size_t v = 0;

	for (unsigned shift = 0; *p < end && shift < 63; shift += 7) {
		uint8_t b = *(*p)++;

		v |= (size_t)(b & 127) << shift;
		if (b < 128)
			break;
	}
	return v;
}

#define INFO_MAGIC      "\xff Go buildinf:"
#define INFO_MAGIC_SIZE 14
#define INFO_HEAD       32
#define INFO_INLINE     2

/* What Go's build information says of GOOS: 1 dragonfly, 0 another, -1 nothing.  It is the
 * first that is in the data, on a boundary of 16 bytes. */
static int told_system(const struct file *f)
{
	for (int i = 0; i < f->e->e_phnum; i++) {
		const uint8_t *p = f->bytes + f->p[i].p_offset, *end = p + f->p[i].p_filesz;

		if (f->p[i].p_type != PT_LOAD || !(f->p[i].p_flags & PF_W))
			continue;
		for (; p + INFO_HEAD <= end; p += 16) {
			size_t n;

			if (memcmp(p, INFO_MAGIC, INFO_MAGIC_SIZE) != 0 ||
			    !(p[15] & INFO_INLINE))
				continue;
			p += INFO_HEAD;
			n = varint(&p, end);
			p += n < (size_t)(end - p) ? n : (size_t)(end - p);
			n = varint(&p, end);
			n = n < (size_t)(end - p) ? n : (size_t)(end - p);
			if (find(p, n, "\tGOOS=dragonfly\n", 16) != NULL)
				return 1;
			return find(p, n, "\tGOOS=", 6) != NULL ? 0 : -1;
		}
	}
	return -1;
}

/* Without build information, as the tools make programs by themselves, the call that sets
 * the thread pointer tells. */
static bool calls_set_tls(const struct file *f)
{
	for (int i = 0; i < f->e->e_phnum; i++)
		if (f->p[i].p_type == PT_LOAD && f->p[i].p_flags & PF_X &&
		    arch_calls(f->bytes + f->p[i].p_offset, f->p[i].p_filesz, 472))
			return true;
	return false;
}

static const char *check_program(struct file *f)
{
	const char *why = check_headers(f);
	int told;

	if (why != NULL)
		return why;
	told = told_system(f);
	if (told == 0 || (told < 0 && !calls_set_tls(f)))
		return "not built for DragonFly BSD: build it with GOOS=dragonfly";
	for (int i = 0; i < f->e->e_phnum; i++)
		if (f->p[i].p_type == PT_INTERP)
			return "it needs DragonFly's shared libraries: build it with CGO_ENABLED=0";
	if (f->e->e_type != ET_EXEC)
		return "not linked for a fixed address: build it with -buildmode=exe";
	return NULL;
}

bool image_is_dragonfly(const char *path)
{
	struct file f;
	int status;
	bool is = false;

	if (file_open(&f, path, &status) == NULL) {
		is = check_program(&f) == NULL;
		file_close(&f);
	}
	return is;
}

static uint64_t down(uint64_t v)
{
	return v & ~(PAGE - 1);
}
static uint64_t up(uint64_t v)
{
	return (v + PAGE - 1) & ~(PAGE - 1);
}

static int protection(const Elf64_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0);
}

static const char *map_segment(const struct file *f, long fd, const Elf64_Phdr *p)
{
	uint64_t from = down(p->p_vaddr), to = up(p->p_vaddr + p->p_memsz);
	uint64_t file_to = p->p_vaddr + p->p_filesz;
	int prot = protection(p), first = prot & PROT_EXEC ? PROT_READ | PROT_WRITE : prot;

	(void)f;
	if (sys6(__NR_mmap, from, to - from, first,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1,
		 0) != (long)from)
		return "the addresses that it was linked for are taken: run it without goaudit's "
		       "other tools, or link it anew";
	if (p->p_filesz > 0 &&
	    sys6(__NR_mmap, from, up(file_to) - from, first, MAP_PRIVATE | MAP_FIXED, fd,
		 down(p->p_offset)) != (long)from)
		return "its file cannot be mapped";
	if (first & PROT_WRITE && !(prot & PROT_EXEC) && p->p_memsz > p->p_filesz)
		memset((void *)file_to, 0, up(file_to) - file_to);
	return NULL;
}

/* Pages are written before they may be executed; never both. */
static const char *finish_text(const Elf64_Phdr *p, uint64_t *code)
{
	uint64_t from = down(p->p_vaddr), to = up(p->p_vaddr + p->p_memsz);

	if (*code != 0)
		*code += arch_patch((uint8_t *)p->p_vaddr, p->p_filesz, p->p_vaddr,
				    (uint8_t *)*code, dfly.code_to - *code, *code);
	return sys3(__NR_mprotect, from, to - from, protection(p)) == 0 ?
		       NULL :
		       "its text cannot be made executable";
}

/* A place for the jumps' targets within their reach; 0: none, and all calls are signals. */
static uint64_t code_below(uint64_t from)
{
	uint64_t at = from - CODE_ROOM;

	if (dfly.by_signal || from < 2 * CODE_ROOM ||
	    sys6(__NR_mmap, at, CODE_ROOM, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (long)at)
		return 0;
	dfly.code_from = at;
	dfly.code_to = at + CODE_ROOM;
	return at;
}

static const char *map_all(const struct file *f, long fd, struct image *image)
{
	const char *why = NULL;
	uint64_t code;

	*image = (struct image){ .entry = f->e->e_entry, .from = UINT64_MAX };
	for (int i = 0; i < f->e->e_phnum && why == NULL; i++) {
		const Elf64_Phdr *p = &f->p[i];

		if (p->p_type != PT_LOAD || p->p_memsz == 0)
			continue;
		why = map_segment(f, fd, p);
		if (p->p_vaddr < image->from)
			image->from = down(p->p_vaddr);
		if (p->p_vaddr + p->p_memsz > image->to)
			image->to = up(p->p_vaddr + p->p_memsz);
	}
	if (why != NULL)
		return why;
	code = code_below(image->from);
	for (int i = 0; i < f->e->e_phnum && why == NULL; i++)
		if (f->p[i].p_type == PT_LOAD && f->p[i].p_flags & PF_X)
			why = finish_text(&f->p[i], &code);
	if (dfly.code_from != 0)
		sys3(__NR_mprotect, dfly.code_from, CODE_ROOM, PROT_READ | PROT_EXEC);
	return why;
}

const char *image_map(const char *path, struct image *image, int *status)
{
	struct file f;
	const char *why = file_open(&f, path, status);
	long fd;

	if (why != NULL)
		return why;
	why = check_program(&f);
	if (why == NULL) {
		fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC, 0);
		why = fd < 0 ? "its file cannot be opened again" : map_all(&f, fd, image);
		if (fd >= 0)
			sys1(__NR_close, fd);
	}
	file_close(&f);
	return why;
}

/* Reads section i's header; NULL: there is none. */
static const Elf64_Shdr *section(const struct file *f, unsigned i)
{
	const Elf64_Ehdr *e = f->e;
	const Elf64_Shdr *s;

	if (i >= e->e_shnum || e->e_shentsize != sizeof *s || e->e_shoff % 8 != 0 ||
	    e->e_shoff > f->size || f->size - e->e_shoff < e->e_shnum * sizeof *s)
		return NULL;
	s = (const Elf64_Shdr *)(f->bytes + e->e_shoff) + i;
	return s->sh_offset <= f->size && f->size - s->sh_offset >= s->sh_size ? s : NULL;
}

static bool symbol_in(const struct file *f, const Elf64_Shdr *table, uint64_t pc, char *out,
		      size_t room)
{
	const Elf64_Shdr *text = section(f, table->sh_link);
	const Elf64_Sym *s = (const Elf64_Sym *)(f->bytes + table->sh_offset);
	size_t n = table->sh_size / sizeof *s;
	struct line l = { .n = 0 };

	for (size_t i = 0; text != NULL && i < n; i++) {
		if (ELF64_ST_TYPE(s[i].st_info) != STT_FUNC ||
		    pc - s[i].st_value >= s[i].st_size || s[i].st_name >= text->sh_size)
			continue;
		line_text(&l, (const char *)f->bytes + text->sh_offset + s[i].st_name);
		line_text(&l, "+");
		line_hex(&l, pc - s[i].st_value);
		if (l.n >= room)
			l.n = room - 1;
		memcpy(out, l.s, l.n);
		out[l.n] = '\0';
		return true;
	}
	return false;
}

bool image_symbol(uint64_t pc, char *out, size_t room)
{
	bool found = false;
	struct file f;
	int status;

	if (file_open(&f, dfly.image, &status) != NULL)
		return false;
	if (check_headers(&f) == NULL)
		for (unsigned i = 0; i < f.e->e_shnum && !found; i++) {
			const Elf64_Shdr *s = section(&f, i);

			if (s != NULL && s->sh_type == SHT_SYMTAB)
				found = symbol_in(&f, s, pc, out, room);
		}
	file_close(&f);
	return found;
}
