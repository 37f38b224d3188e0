#include "tool/runtime/runtime.h"
#include "tool/base/files.h"
#include "tool/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

char *const runtime_env[RUNTIME_ENV + 1] = {
	/* An empty GOFLAGS would mean the one of `go env -w`. */
	"GOFLAGS=-buildvcs=false",
	"GOWORK=off",
	"GO111MODULE=on",
	NULL,
};

void runtime_free(struct runtime *rt)
{
	free(rt->version);
	free(rt->goroot);
	free(rt->cc);
	free(rt->goflags);
	free(rt->key);
	free(rt->dir);
	free(rt->libstd);
	free(rt->overlay_json);
	free(rt->abi);
	*rt = (struct runtime){ 0 };
}

int runtime_lock(const struct tool *t, const char *key, bool wait)
{
	char *path = format("%s/runtime/.%s.lock", t->cache, key);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), e;

	free(path);
	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
		if (errno == EINTR)
			continue;
		e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

char *runtime_abi(const char *dir)
{
	char *path = format("%s/complete", dir), *bytes, *abi = NULL;
	size_t n;

	if (read_file(path, &bytes, &n) == 0) {
		if (strncmp(bytes, "abi ", 4) == 0)
			abi = format("%.*s", (int)strcspn(bytes + 4, "\n"), bytes + 4);
		free(bytes);
	}
	free(path);
	return abi;
}

bool runtime_is_ours(const char *dir)
{
	char *abi = runtime_abi(dir);
	bool ours = abi != NULL || is_marked(dir);

	free(abi);
	return ours;
}
