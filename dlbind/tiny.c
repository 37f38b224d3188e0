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
	char strings[8];
};

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
