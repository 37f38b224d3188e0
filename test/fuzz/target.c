/* What a fuzzer calls with each input (libFuzzer's interface; replay.c has a main for it).
 *
 * An input is an image, which is inspected, mended, given debug information and searched
 * for a probe; or "PAIR", the length of a first image in 32 bits, that image and another
 * one: these are compared as two builds of a guest.  Each lies in a block of its exact
 * length, so that the sanitizer sees each byte that is read beyond. */
#include "image/compare/move_plan.h"
#include "image/image.h"
#include "tool/inspect/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must be so of any input. */
static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

static uint8_t *block(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + (size == 0));

	must(copy != NULL, "out of memory");
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

/* As a library, as a program's host, and as the runtime library of a process. */
static void try_inspect(uint8_t *image, size_t size)
{
	struct inspector in = { 0 };
	struct report r;
	char why[200];

	inspect_bytes(&in, (char *)image, size, &r);
	report_free(&r);
	in.host = object_of_bytes((char *)image, size, why, sizeof why);
	if (in.host != NULL) {
		closure_open(&in, in.host, &in.host_closure);
		if (in.host->facts.kind == IMAGE_GO_RUNTIME)
			in.runtime = in.host;
		inspect_bytes(&in, (char *)image, size, &r);
		report_free(&r);
		in.runtime = NULL;
	}
	inspector_free(&in);
}

static void try_mend(const uint8_t *image, size_t size, const struct image_facts *facts)
{
	uint8_t *once = block(image, size), *twice;
	char why[100] = "";

	if (image_mend(once, size, facts, why, sizeof why) == IMAGE_OK) {
		twice = block(once, size);
		must(image_mend(twice, size, facts, NULL, 0) == IMAGE_OK,
		     "mended, and refused");
		must(memcmp(once, twice, size) == 0, "mending what is mended changes it");
		free(twice);
	} else {
		must(memcmp(once, image, size) == 0, "a failed mending changes the image");
	}
	free(once);
}

static void try_image(uint8_t *image, size_t size)
{
	struct image_facts facts = { .size = sizeof facts }, with = { .size = sizeof with };
	char why[100] = "";
	size_t len = 0;
	void *out = NULL;

	try_inspect(image, size);
	image_probe(image, size, "goaudit", "reload");
	if (image_inspect(image, size, &facts, why, sizeof why) != IMAGE_OK)
		return;
	try_mend(image, size, &facts);
	if (image_add_debug(image, size, &facts, &out, &len)) {
		must(image_inspect(out, len, &with, NULL, 0) == IMAGE_OK,
		     "the image with debug information is none");
		free(out);
	}
}

static void try_pair(const uint8_t *old, size_t old_size, const uint8_t *new, size_t new_size)
{
	static const char *const names[] = { "add", "value", "text" };
	struct image_copy_plan plan = { .size = sizeof plan };
	char text[200];

	image_compare_exports(old, old_size, new, new_size, names, sizeof names / sizeof *names,
			      text, sizeof text);
	if (image_plan_copy(old, old_size, new, new_size, NULL, &plan, text, sizeof text) ==
	    IMAGE_COPY_OK)
		image_copy_free(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *first, *second;
	uint32_t n;

	if (size < 8 || memcmp(data, "PAIR", 4) != 0) {
		first = block(data, size);
		try_image(first, size);
		free(first);
		return 0;
	}
	memcpy(&n, data + 4, sizeof n);
	data += 8;
	size -= 8;
	n = n < size ? n : (uint32_t)size;
	first = block(data, n);
	second = block(data + n, size - n);
	try_pair(first, n, second, size - n);
	free(first);
	free(second);
	return 0;
}
