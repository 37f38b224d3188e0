/* A package's archive (cmd/internal/archive, cmd/internal/goobj; Go 1.22 to 1.27):
 *
 *	!<arch>
 *	__.PKGDEF	go object linux amd64 go1.26.8 ...
 *			build id "ACTION/CONTENT"
 *	_go_.o		the same lines, "!", then the object:
 *
 *		magic		"\x00go120ld"
 *		fingerprint	8 bytes
 *		flags		4 bytes
 *		offsets		of the blocks, 4 bytes each; Autolib is the first
 *
 * Autolib has 16 bytes for each import: its path's length and offset in the object, and
 * the fingerprint of its exports.  An object of another magic is refused. */
#include "tool/share/archive.h"
#include "tool/base/error.h"
#include "tool/base/files.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define AR_MAGIC     "!<arch>\n"
#define AR_HEADER    60
#define AR_SIZE_AT   48
#define OBJECT_MAGIC "\x00go120ld"
#define OFFSETS_AT   20
#define IMPORT_SIZE  16

struct bytes {
	const char *p;
	size_t n;
};

/* The content of the member that is named so; false: there is none. */
static bool find_member(struct bytes ar, const char *name, struct bytes *out)
{
	size_t at = strlen(AR_MAGIC), len = strlen(name);

	if (ar.n < at || memcmp(ar.p, AR_MAGIC, at) != 0)
		return false;
	while (ar.n - at >= AR_HEADER) {
		size_t size = strtoul(ar.p + at + AR_SIZE_AT, NULL, 10);
		const char *head = ar.p + at;

		at += AR_HEADER;
		if (ar.n - at < size)
			return false;
		if (memcmp(head, name, len) == 0 && (head[len] == ' ' || head[len] == '/')) {
			*out = (struct bytes){ ar.p + at, size };
			return true;
		}
		at += size + (size & 1);
		if (at > ar.n)
			return false;
	}
	return false;
}

static char *content_id(struct bytes def)
{
	static const char mark[] = "\nbuild id \"";
	const char *id = memmem(def.p, def.n, mark, sizeof mark - 1), *slash, *end;
	size_t left;

	if (id == NULL)
		return NULL;
	id += sizeof mark - 1;
	left = (size_t)(def.p + def.n - id);
	end = memchr(id, '"', left);
	slash = end != NULL ? memrchr(id, '/', (size_t)(end - id)) : NULL;
	return slash != NULL ? format("%.*s", (int)(end - slash - 1), slash + 1) : NULL;
}

static uint32_t word(struct bytes object, size_t at)
{
	uint32_t w = 0;

	if (at <= object.n && object.n - at >= sizeof w)
		memcpy(&w, object.p + at, sizeof w);
	return w;
}

static bool read_imports(struct bytes member, struct list *imports)
{
	const char *text = memmem(member.p, member.n, "\n!\n", 3);
	struct bytes o;
	size_t at, end;

	if (text == NULL)
		return false;
	o.p = text + 3;
	o.n = (size_t)(member.p + member.n - o.p);
	if (o.n < OFFSETS_AT + 8 || memcmp(o.p, OBJECT_MAGIC, sizeof OBJECT_MAGIC - 1) != 0)
		return false;
	end = word(o, OFFSETS_AT + 4);
	for (at = word(o, OFFSETS_AT); at + IMPORT_SIZE <= end; at += IMPORT_SIZE) {
		size_t len = word(o, at), off = word(o, at + 4);

		if (off > o.n || o.n - off < len)
			return false;
		list_add(imports, format("%.*s", (int)len, o.p + off));
	}
	return true;
}

int archive_read(const char *path, char **content, struct list *imports)
{
	struct bytes ar, def, object;
	int status = STATUS_OK;
	char *data;

	*content = NULL;
	if (read_file(path, &data, &ar.n) != 0)
		return tool_error("%s: %m: build again", path);
	ar.p = data;
	if (!find_member(ar, "__.PKGDEF", &def) || (*content = content_id(def)) == NULL ||
	    !find_member(ar, "_go_.o", &object) || !read_imports(object, imports)) {
		free(*content);
		*content = NULL;
		status = tool_error("%s: not an archive of a Go that goaudit(1) lists: build "
				    "with -share none",
				    path);
	}
	free(data);
	return status;
}
