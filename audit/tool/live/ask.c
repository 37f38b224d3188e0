#include "tool/live/ask.h"
#include "core/control.h"
#include "tool/live/process.h"
#include "tool/base/error.h"
#include "tool/base/text.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The socket's name, which lies in the process's memory. */
static int find_socket(pid_t pid, struct sockaddr_un *at, socklen_t *size)
{
	enum process_result result;
	struct process p;
	char why[256] = "";
	size_t n;

	result = process_open(&p, pid, why, sizeof why);
	if (result == PROCESS_OK)
		result = process_read(&p, why, sizeof why);
	n = strnlen(p.head.control, sizeof p.head.control);
	*at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(at->sun_path + 1, p.head.control, n);
	*size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
	process_close(&p);
	if (result != PROCESS_OK)
		return tool_error("process %d: %s", (int)pid, why);
	if (n == 0)
		return tool_error(
			"process %d: it is not to be asked, or has opened no guest yet: "
			"start it with goaudit run or GOAUDIT_CONTROL=1",
			(int)pid);
	return STATUS_OK;
}

static int connect_to(pid_t pid)
{
	struct sockaddr_un at;
	socklen_t size;
	int fd;

	if (find_socket(pid, &at, &size) != STATUS_OK)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, size) == 0)
		return fd;
	tool_error("process %d: %s: ask in its network namespace (nsenter -n)", (int)pid,
		   strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The next text of a packet; "": there is none. */
static char *next_text(char **at, const char *end)
{
	char *text = *at;

	if (text >= end)
		return (char *)(uintptr_t) "";
	*at = text + strlen(text) + 1;
	return make_printable(text);
}

static int hear(int fd, pid_t pid, ask_answer *answer, void *arg)
{
	char packet[CONTROL_PACKET_MAX + 1];
	ssize_t n;

	while ((n = recv(fd, packet, CONTROL_PACKET_MAX, 0)) > 0) {
		char *at = packet, *kind, *path, *text;

		packet[n] = '\0';
		kind = next_text(&at, packet + n);
		path = next_text(&at, packet + n);
		text = next_text(&at, packet + n);
		if (strcmp(kind, CONTROL_END) == 0)
			return atoi(path);
		answer(kind, path, text, arg);
	}
	if (n == 0)
		tool_error("process %d: it gives no answer: be its user, or root, and use the "
			   "goaudit of its release",
			   (int)pid);
	else
		tool_error("process %d: %s", (int)pid, strerror(errno));
	return -1;
}

int ask_reload(pid_t pid, const char *name, ask_answer *answer, void *arg)
{
	char *request = format(CONTROL_RELOAD "%c%s", '\0', name);
	int fd = connect_to(pid), result = -1;
	size_t size = sizeof CONTROL_RELOAD + strlen(name) + 1;

	if (fd >= 0 && send(fd, request, size, MSG_NOSIGNAL) == (ssize_t)size)
		result = hear(fd, pid, answer, arg);
	else if (fd >= 0)
		tool_error("process %d: %s", (int)pid, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(request);
	return result;
}
