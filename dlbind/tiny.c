/* The smallest object there is: for who has to open and close one. */
#include "tiny.h"

#include <errno.h>
#include <unistd.h>

#include "error.h"
#include "folder.h"
#include "head.h"

struct tiny {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[3];
	Elf64_Dyn dynamic[8];
	Elf64_Sym symbols[1];
	uint32_t hash[4];
	uintptr_t init[1];
	char strings[24];
	/* For gdb 18, which forgets the program's own symbols when an object goes that has
	 * no section. */
	Elf64_Shdr sections[3];
};

#define DATA_NAME  1 /* in strings */
#define NAMES_NAME 7

static struct tiny tiny_with(uintptr_t init)
{
#define AT(field)                            \
	{                                    \
		offsetof(struct tiny, field) \
	}
	return (struct tiny){
		.ehdr = {
			OBJECT_HEADER, .e_phoff = offsetof(struct tiny, phdrs),
			.e_phnum = 3,
			.e_shoff = offsetof(struct tiny, sections),
			.e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 3, .e_shstrndx = 2,
		},
		.phdrs = {
			SEGMENT(PT_LOAD, PF_R | PF_W, 0, sizeof(struct tiny)),
			SEGMENT(PT_DYNAMIC, PF_R | PF_W,
				offsetof(struct tiny, dynamic),
				offsetof(struct tiny, symbols)),
			{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W },
		},
		.dynamic = {
			{ DT_HASH, AT(hash) }, { DT_SYMTAB, AT(symbols) },
			{ DT_STRTAB, AT(strings) }, { DT_STRSZ, { 1 } },
			{ DT_SYMENT, { sizeof(Elf64_Sym) } },
			{ init ? DT_INIT_ARRAY : DT_NULL, AT(init) },
			{ DT_INIT_ARRAYSZ, { sizeof(uintptr_t) } }, { DT_NULL, { 0 } },
		},
		.hash = { 1, 1, 0, 0 },
		.init = { init },
		.strings = "\0.data\0.shstrtab",
		.sections = {
			{ 0 },
			{ DATA_NAME, SHT_PROGBITS, SHF_ALLOC | SHF_WRITE,
			  offsetof(struct tiny, dynamic), offsetof(struct tiny, dynamic),
			  offsetof(struct tiny, strings) - offsetof(struct tiny, dynamic),
			  0, 0, 8, 0 },
			{ NAMES_NAME, SHT_STRTAB, 0, 0, offsetof(struct tiny, strings),
			  sizeof "\0.data\0.shstrtab", 0, 0, 1, 0 },
		},
	};
}

int tiny_make(const char *name, uintptr_t init, char path[PATH_MAX])
{
	const struct tiny tiny = tiny_with(init);
	int fd = folder_allows(name, sizeof tiny) == 0 ? folder_file(NULL, name, path) : -1;
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, &tiny, sizeof tiny);
	if (n != (ssize_t)sizeof tiny) {
		error_set(n < 0 ? errno : ENOSPC, "%s: cannot be written: %m: free space",
			  path);
		unlink(path);
		close(fd);
		return -1;
	}
	close(fd);
	return 0;
}
