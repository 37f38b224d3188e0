/* runtime.rt0_go asks the processor who it is (mov $1,%eax; cpuid), then
 *
 *	mov  _cgo_init(%rip),%rax	48 8b 05 rel32, or through the GOT:
 *					mov rel32(%rip),%reg; mov (%reg),%rax
 *	test %rax,%rax			48 85 c0
 *	jz   needtls			74 rel8, or 0f 84 rel32
 *   ...
 *   needtls:
 *	lea  m0+tls(%rip),%rdi		48 8d 3d rel32 (GOT: 48 8b 3d rel32, add)
 *	call settls			e8 rel32
 *
 * settls sets the thread pointer, by a system call whose number tells the
 * system.  _cgo_init is 0 at run time when it has neither bytes in the file nor
 * a relocation. */
#include "tool/inspect/thread_pointer.h"

#include <string.h>

#define TRIES_MAX 64

static const uint8_t *code_at(struct object *o, uint64_t vaddr, size_t size)
{
	uint64_t off;

	return image_offset(&o->elf, vaddr, size, &off, NULL) ?
		       (const uint8_t *)o->bytes + off :
		       NULL;
}

static int32_t rel32(const uint8_t *p)
{
	int32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static const char *system_of(int number)
{
	switch (number) {
	case 158: return "Linux: arch_prctl";
	case 165: return "FreeBSD: sysarch";
	case 317: return "NetBSD: _lwp_setprivate";
	case 329: return "OpenBSD: __set_tcb";
	case 472: return "DragonFly: set_tls_area";
	default: return "unknown";
	}
}

/* The system call of the function at vaddr, -1 if none is seen. */
static int syscall_of(struct object *o, uint64_t vaddr)
{
	int number = -1;

	for (size_t i = 0; i < 96; i++) {
		const uint8_t *p = code_at(o, vaddr + i, 7);

		if (p == NULL)
			return -1;
		if (p[0] == 0x48 && p[1] == 0xc7 && p[2] == 0xc0)
			number = rel32(p + 3);
		else if (p[0] == 0xb8)
			number = rel32(p + 1);
		else if (p[0] == 0x0f && p[1] == 0x05)
			return number;
	}
	return -1;
}

/* The system call of settls, called at needtls; -1: this system does without. */
static int settls_at(struct object *o, uint64_t needtls)
{
	const uint8_t *p = code_at(o, needtls, 24);
	size_t call;

	if (p == NULL || p[0] != 0x48 || p[2] != 0x3d || (p[1] != 0x8d && p[1] != 0x8b))
		return -1;
	call = p[1] == 0x8d ? 7 : 14;
	return p[call] == 0xe8 ? syscall_of(o, needtls + call + 5 +
						       (uint64_t)(int64_t)rel32(p + call + 1)) :
				 -1;
}

/* Is the variable 0 when the program starts?  Through the GOT `slot` holds its
 * address, by a relocation. */
static bool starts_as_zero(struct object *o, uint64_t slot, bool got)
{
	uint64_t value = 0, at = slot;
	const uint8_t *p;
	GElf_Sym sym;
	GElf_Rela r;

	if (got) {
		if (image_reloc_at(&o->elf, slot, 0, o->elf.rela_count, &r)) {
			at = (uint64_t)r.r_addend;
			if (object_symbol(o, GELF_R_SYM(r.r_info), &sym)) {
				if (sym.st_shndx == SHN_UNDEF)
					return false; /* another image's */
				at = sym.st_value;
			}
		} else if ((p = code_at(o, slot, 8)) != NULL) {
			memcpy(&at, p, sizeof at);
		}
	}
	if (image_reloc_at(&o->elf, at, 0, o->elf.rela_count, &r))
		return false;
	p = code_at(o, at, 8);
	if (p != NULL)
		memcpy(&value, p, sizeof value);
	return value == 0;
}

/* The sequence at vaddr, right behind cpuid; the call's number, or -1. */
static int clobber_at(struct object *o, uint64_t vaddr)
{
	for (uint64_t at = vaddr; at < vaddr + 40; at++) {
		const uint8_t *p = code_at(o, at, 20), *t;
		uint64_t slot, end;
		bool got;

		if (p == NULL)
			return -1;
		if ((p[0] & 0xfb) != 0x48 || p[1] != 0x8b || (p[2] & 0xc7) != 5)
			continue;
		slot = at + 7 + (uint64_t)(int64_t)rel32(p + 3);
		t = p + 7;
		got = (t[0] & 0xfe) == 0x48 && t[1] == 0x8b && t[2] == (p[2] >> 3 & 7);
		t += got ? 3 : 0;
		if (t[0] != 0x48 || t[1] != 0x85 || t[2] != 0xc0)
			continue;
		end = at + (uint64_t)(t - p);
		if (t[3] == 0x74)
			end += 5 + (uint64_t)(int64_t)(int8_t)t[4];
		else if (t[3] == 0x0f && t[4] == 0x84)
			end += 9 + (uint64_t)(int64_t)rel32(t + 5);
		else
			continue;
		return starts_as_zero(o, slot, got) ? settls_at(o, end) : -1;
	}
	return -1;
}

static int find_clobber(struct object *o)
{
	static const uint8_t cpuid[] = { 0xb8, 1, 0, 0, 0, 0x0f, 0xa2 };
	unsigned tries = 0;
	GElf_Phdr ph;

	for (size_t i = 0; i < o->elf.phnum; i++) {
		const char *s, *end, *hit;

		if (gelf_getphdr(o->elf.elf, (int)i, &ph) == NULL || ph.p_type != PT_LOAD ||
		    (ph.p_flags & PF_X) == 0)
			continue;
		s = o->bytes + ph.p_offset; /* checked when it was opened */
		end = s + ph.p_filesz;
		for (hit = s; tries < TRIES_MAX && (hit = memmem(hit, (size_t)(end - hit),
								 cpuid, sizeof cpuid)) != NULL;
		     tries++) {
			int number;

			hit += sizeof cpuid;
			number = clobber_at(o, ph.p_vaddr + (uint64_t)(hit - s));
			if (number >= 0)
				return number;
		}
	}
	return -1;
}

void inspect_thread_pointer(struct object *o, struct report *r)
{
	int number = find_clobber(o);

	if (number >= 0)
		report_add(
			r, LEVEL_WARNING, "thread-pointer",
			"start it as a process of its own, or build it with cgo",
			"entering it from another program would take that one's thread pointer "
			"(system call %d, %s)",
			number, system_of(number));
}
