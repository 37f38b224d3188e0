#!/bin/bash
# Debug information from .gopclntab, of guests whose bytes have been changed at
# random or cut short: no access outside of the file, no leak, an end in time, and
# a whole file or none.  What comes out of the unchanged guests is sound for
# elfutils.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file guest/guest.go <<'GO'
package main

import "C"
import (
	"fmt"
	"strings"
)

//export Show
func Show(n int) {
	var b strings.Builder
	for i := 0; i < n; i++ {
		b.WriteByte('a')
	}
	fmt.Println(b.String())
}

func main() {}
GO
build_guest w.so guest -ldflags=-w
build_guest s.so guest -ldflags=-s
cc_host fuzz -D_GNU_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=all -I"$ROOT/audit" \
	"$ROOT"/audit/image/*.c -lelf <<'C'
#include "image/image.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 0x9e3779b97f4a7c15;
static uint32_t chance(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

/* Where the table is: changes go there, mostly. */
static size_t table(const unsigned char *b, size_t n)
{
	static const unsigned char magic[] = { 0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8 };
	unsigned char *at = memmem(b, n, magic, sizeof magic);

	return at ? (size_t)(at - b) : 0;
}

static bool once(const unsigned char *b, size_t n, const struct image_facts *facts,
		 const char *save)
{
	unsigned char *copy = malloc(n);	/* for the sanitizer: its end is known */
	size_t len;
	void *out;
	bool good;

	memcpy(copy, b, n);
	good = image_add_debug(copy, n, facts, &out, &len);
	free(copy);
	if (!good)
		return false;
	if (len <= n || len > 20 * n)
		exit(printf("%zu bytes of %zu\n", len, n));
	if (save) {
		FILE *f = fopen(save, "w");
		fwrite(out, 1, len, f);
		fclose(f);
	}
	free(out);
	return true;
}

int main(int argc, char **argv)
{
	static unsigned char bytes[1 << 20], b[1 << 20];
	struct image_facts facts = { .size = sizeof facts };
	FILE *f = fopen(argv[1], "r");
	size_t n = fread(bytes, 1, sizeof bytes, f), at = table(bytes, n);
	unsigned made = 0, rounds = 3000;

	fclose(f);
	if (image_inspect(bytes, n, &facts, NULL, 0) != IMAGE_OK ||
	    !once(bytes, n, &facts, argv[2]))
		return printf("not made\n");
	for (unsigned i = 0; i < rounds; i++) {
		memcpy(b, bytes, n);
		for (unsigned k = 1 + chance(6); k > 0; k--)
			b[chance(3) ? at + chance(3000) % (n - at) : chance(n)] = chance(256);
		made += once(b, n, &facts, NULL);
	}
	for (size_t k = 0; k < n; k += 1 + chance(64))
		once(bytes, k, &facts, NULL);
	printf("%s\n", made > rounds / 10 && made < rounds ? "some made, some not" : "one-sided");
	return 0;
}
C
for kind in w s; do
	expect_output ./fuzz $kind.so $kind.debug.so <<<'some made, some not'
done
command -v eu-readelf >/dev/null || skip "no elfutils: the result is not looked at"
for kind in w s; do
	eu-readelf --debug-dump=info --debug-dump=line --debug-dump=frames --debug-dump=aranges \
		$kind.debug.so >dump.txt 2>errors.txt || fail "eu-readelf: $(cat errors.txt)"
	[ ! -s errors.txt ] || fail "$(cat errors.txt)"
	grep -q '"main.Show"' dump.txt || fail "no main.Show: $(head -20 dump.txt)"
	eu-elflint --gnu-ld $kind.debug.so >lint.txt 2>&1 || true
	! grep -v "owner name 'Go'\|^$\|No errors" lint.txt || fail "$(cat lint.txt)"
done
