#!/bin/bash
# SDT probes.  gdb stops at those of ld.so, where it has them, and not at r_brk: a
# debugger must be noticed by the one as by the other.  First the reader of probes,
# on objects that have one, one of another name, and none; then, if this glibc's
# ld.so has probes, that gdb uses them and is told of a guest that is parked.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

probe() { # PROVIDER NAME OUT
	cc_so "$3" <<C
void nothing(void) {}
__asm__(".text\n990: nop\n"
	".pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n"
	".4byte 992f-991f, 994f-993f, 3\n991: .asciz \"stapsdt\"\n"
	"992: .balign 4\n993: .8byte 990b\n.8byte _.stapsdt.base\n.8byte 0\n"
	".asciz \"$1\"\n.asciz \"$2\"\n.asciz \"\"\n994: .balign 4\n.popsection\n"
	".pushsection .stapsdt.base,\"a\",\"progbits\"\n.weak _.stapsdt.base\n"
	".hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n.popsection\n"
	".globl probe_is_here\nprobe_is_here = 990b\n");
C
}
probe rtld unmap_complete yes.so
probe rtld unmap_started other.so
probe other unmap_complete provider.so
cc_so none.so <<<'void nothing(void) {}'
cc_host reader -I"$ROOT/audit" -Wl,-rpath,"$GOAUDIT_BUILD" -L"$GOAUDIT_BUILD" \
	-l:libgoaudit-image.so <<'C'
#include "image/image.h"
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
	FILE *f = fopen(argv[1], "r");
	static char bytes[1 << 20];
	size_t n = fread(bytes, 1, sizeof bytes, f);

	printf("%lx\n", (unsigned long)image_probe(bytes, n, "rtld", "unmap_complete"));
	/* cut short, anywhere */
	for (size_t k = 0; k < n; k++)
		image_probe(bytes, k, "rtld", "unmap_complete");
	return 0;
}
C
here=$(nm yes.so | sed -n 's/^0*\([0-9a-f]*\) . probe_is_here$/\1/p')
[ "$(./reader yes.so)" = "$here" ] || fail "the probe is at $here, not $(./reader yes.so)"
for file in other provider none; do
	[ "$(./reader $file.so)" = 0 ] || fail "$file.so: $(./reader $file.so)"
done

ldso=$(ldd /bin/true | sed -n 's/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\).*/\1/p')
[ "$(./reader "$ldso")" != 0 ] ||
	skip "the reader passes; $ldso has no probes, so gdb with probes is not tried"

cc_so guest.so -O0 <<<'int guest_function(void) { return 1; }'
cc_host host -O0 <<'C'
#include "host.h"
void marker(void) {}
int main(void)
{
	void *h = open_guest("./guest.so");
	marker();
	close_guest(h);
	marker();
	CHECK(open_guest("./guest.so") == h);
	marker();
	return 0;
}
C
cat >commands <<'G'
python Call("marker", lambda: say("%d listed" % listed()))
run
G
expect_output gdb_run commands ./host <<'E'
gdb: 1 listed
gdb: 0 listed
gdb: 1 listed
[Inferior 1 exited normally]
E
