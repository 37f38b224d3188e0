/* Looking into a process: where the module is, and a consistent picture.
 *
 * The head, the records and the head again are copied by one system call.  The
 * picture is good when both heads are the same and `sequence' is even: nothing
 * was changed while the records were copied.  Else it is taken again, for up
 * to a few seconds; the process is never stopped. */
#include "tool/live/process.h"
#include "core/clock.h"
#include "tool/inspect/object.h"
#include "tool/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RECORDS_MAX      65536
#define RECORD_BYTES_MAX 65536 /* of one, in a newer module */
#define PICTURE_MAX      (UINT64_C(256) << 20)
#define PATIENCE_S       3
#define LIBRARY          "/libgoaudit.so"

static bool peek(pid_t pid, uint64_t address, void *to, size_t size)
{
	struct iovec local = { to, size }, remote = { (void *)(uintptr_t)address, size };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* The base of the module's mapping, and its file as this process can open it:
 * through the mapping, which may be of a file that has been replaced since, but
 * which only root may use; and by its name. */
static bool find_module(FILE *maps, pid_t pid, uint64_t *base, char *file[2])
{
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (!found && getline(&line, &room, maps) > 0) {
		uint64_t low, high, offset;
		char *path = strchr(line, '/'), *name;

		if (path == NULL || sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &low,
					   &high, &offset) != 3)
			continue;
		path[strcspn(path, "\n")] = '\0';
		name = strrchr(path, '/');
		if (offset != 0 || strncmp(name, LIBRARY, sizeof LIBRARY - 1) != 0 ||
		    (name[sizeof LIBRARY - 1] != '\0' && name[sizeof LIBRARY - 1] != '.' &&
		     name[sizeof LIBRARY - 1] != ' '))
			continue;
		*base = low;
		file[0] =
			format("/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid, low, high);
		file[1] = format("/proc/%d/root%s", (int)pid, path);
		found = true;
	}
	free(line);
	return found;
}

static char *command_of(pid_t pid)
{
	char *path = format("/proc/%d/cmdline", (int)pid), buf[400];
	FILE *f = fopen(path, "re");
	size_t n = f != NULL ? fread(buf, 1, sizeof buf - 1, f) : 0;

	if (f != NULL)
		fclose(f);
	free(path);
	while (n > 0 && buf[n - 1] == '\0')
		n--;
	buf[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (buf[i] == '\0')
			buf[i] = ' ';
	return make_printable(copy_text(buf));
}

/* Is goaudit_debug where this file has it? */
static bool try_file(struct process *p, uint64_t base, const char *file)
{
	char reason[160], magic[sizeof p->head.magic] = "";
	struct object *o = object_open(file, reason, sizeof reason);
	size_t at = o != NULL ? image_find_symbol(&o->elf, "goaudit_debug") : 0;
	GElf_Sym sym;

	p->address = 0;
	if (at != 0 && object_symbol(o, at, &sym))
		p->address = base - o->elf.base + sym.st_value;
	object_close(o);
	errno = 0;
	return p->address != 0 && peek(p->pid, p->address, magic, sizeof magic) &&
	       memcmp(magic, GOAUDIT_DEBUG_MAGIC, sizeof magic) == 0;
}

static enum process_result find_symbol(struct process *p, uint64_t base, char *const file[2],
				       char *why, size_t why_len)
{
	if (try_file(p, base, file[0]) || try_file(p, base, file[1]))
		return PROCESS_OK;
	if (p->address != 0 && (errno == EPERM || errno == EACCES)) {
		snprintf(why, why_len, "not allowed to look into it: be its user, or root");
		return PROCESS_DENIED;
	}
	snprintf(why, why_len,
		 "its %s has been replaced since it was started: look as root, or "
		 "start it again",
		 &LIBRARY[1]);
	return PROCESS_UNKNOWN;
}

enum process_result process_open(struct process *p, pid_t pid, char *why, size_t why_len)
{
	enum process_result result;
	char *path = format("/proc/%d/maps", (int)pid), *file[2] = { NULL, NULL };
	FILE *maps = fopen(path, "re");
	uint64_t base = 0;
	int error = errno;
	bool found;

	*p = (struct process){ .pid = pid };
	free(path);
	if (maps == NULL) {
		result = error == ENOENT ? PROCESS_GONE : PROCESS_DENIED;
		snprintf(why, why_len, "%s",
			 result == PROCESS_GONE ?
				 "no such process" :
				 "not allowed to look into it: be its user, or root");
		return result;
	}
	/* Opening maps is allowed where reading it is not. */
	errno = 0;
	found = find_module(maps, pid, &base, file);
	error = errno;
	fclose(maps);
	if (!found) {
		result = error == EACCES || error == EPERM ? PROCESS_DENIED : PROCESS_NOT_OURS;
		snprintf(why, why_len, "%s",
			 result == PROCESS_DENIED ?
				 "not allowed to look into it: be its user, or root" :
				 "it does not run under goaudit: start it with goaudit run");
		return result;
	}
	p->command = command_of(pid);
	result = find_symbol(p, base, file, why, why_len);
	free(file[0]);
	free(file[1]);
	return result;
}

static enum process_result check_head(const struct goaudit_debug *h, char *why, size_t why_len)
{
	if (memcmp(h->magic, GOAUDIT_DEBUG_MAGIC, sizeof h->magic) == 0 &&
	    h->version == GOAUDIT_DEBUG_VERSION && h->records <= RECORDS_MAX &&
	    h->record_size >= 64 && h->record_size <= RECORD_BYTES_MAX &&
	    (uint64_t)h->records * h->record_size <= PICTURE_MAX)
		return PROCESS_OK;
	snprintf(why, why_len,
		 "its module speaks version %u, this tool %d: use the tool of "
		 "its release",
		 h->version, GOAUDIT_DEBUG_VERSION);
	return PROCESS_UNKNOWN;
}

/* An older module's head is shorter than ours: what lies behind it is not read. */
static bool read_head(const struct process *p, struct goaudit_debug *h)
{
	const size_t first = offsetof(struct goaudit_debug, sequence);

	memset(h, 0, sizeof *h);
	if (!peek(p->pid, p->address, h, first))
		return false;
	return h->size <= first ||
	       peek(p->pid, p->address, h, h->size < sizeof *h ? h->size : sizeof *h);
}

/* One try, given what the head was a moment ago. */
static bool copy_records(const struct process *p, const struct goaudit_debug *h, char *raw)
{
	size_t size = (size_t)h->records * h->record_size, len = sizeof *h;
	struct goaudit_debug before, after;
	struct iovec local[] = { { &before, len }, { raw, size }, { &after, len } };
	struct iovec remote[] = {
		{ (void *)(uintptr_t)p->address, len },
		{ (void *)(uintptr_t)h->generations, size },
		{ (void *)(uintptr_t)p->address, len },
	};

	len = h->size < sizeof *h ? h->size : sizeof *h;
	local[0].iov_len = local[2].iov_len = remote[0].iov_len = remote[2].iov_len = len;
	if (process_vm_readv(p->pid, local, 3, remote, 3, 0) != (ssize_t)(size + 2 * len))
		return false;
	return before.sequence % 2 == 0 && before.sequence == after.sequence &&
	       before.records == h->records && before.sequence == h->sequence;
}

/* It is another program's memory: anything may be in it. */
static void end_text(char *text, size_t size)
{
	text[size - 1] = '\0';
	make_printable(text);
}

static void end_lines(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
		*end = '\0';
		make_printable(text);
		*end = '\n';
	}
	make_printable(text);
}

static void take_records(struct process *p, const char *raw)
{
	size_t stride = p->head.record_size;
	size_t known = stride < sizeof *p->records ? stride : sizeof *p->records;

	free(p->records);
	p->records = allocate((p->head.records + 1) * sizeof *p->records);
	p->n = 0;
	for (size_t i = 0; i < p->head.records; i++) {
		struct goaudit_generation *g = &p->records[p->n];

		memcpy(g, raw + i * stride, known);
		if (g->state == GOAUDIT_FREE)
			continue;
		end_text(g->holder_text, sizeof g->holder_text);
		end_text(g->path, sizeof g->path);
		end_text(g->snapshot, sizeof g->snapshot);
		end_lines(g->holders, sizeof g->holders);
		end_text(g->failure, sizeof g->failure);
		p->n++;
	}
	end_text(p->head.refusal, sizeof p->head.refusal);
	end_text(p->head.runtime.version, sizeof p->head.runtime.version);
	end_text(p->head.runtime.path, sizeof p->head.runtime.path);
}

enum process_result process_read(struct process *p, char *why, size_t why_len)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	uint64_t end = clock_ns() + PATIENCE_S * 1000000000ull;
	enum process_result result;
	char *raw = NULL;
	size_t room = 0;
	bool good = false;

	for (unsigned tries = 0; !good && clock_ns() <= end; tries++) {
		struct goaudit_debug *h = &p->head;

		if (!read_head(p, h)) {
			free(raw);
			snprintf(why, why_len, "%s",
				 errno == ESRCH ? "no such process" : strerror(errno));
			return errno == EPERM ? PROCESS_DENIED : PROCESS_GONE;
		}
		result = check_head(h, why, why_len);
		if (result != PROCESS_OK) {
			free(raw);
			return result;
		}
		if (raw == NULL || room < (size_t)h->records * h->record_size) {
			free(raw);
			room = (size_t)h->records * h->record_size;
			raw = allocate(room + 1);
		}
		good = h->sequence % 2 == 0 && copy_records(p, h, raw);
		/* Whoever is in the middle of a change may need this processor. */
		if (!good && tries >= 10)
			nanosleep(&pause, NULL);
	}
	if (good)
		take_records(p, raw);
	else
		snprintf(why, why_len,
			 "it does not come to rest: is it stopped in the middle "
			 "of a change?");
	free(raw);
	return good ? PROCESS_OK : PROCESS_BUSY;
}

void process_close(struct process *p)
{
	free(p->command);
	free(p->records);
	*p = (struct process){ 0 };
}
