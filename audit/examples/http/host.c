/* A C program with an HTTP server whose handlers are a Go guest.
 *
 *	host handlers.so server.so [PORT]
 *
 * The server is a Go guest as well, one that stays.  SIGHUP brings a new build of the
 * handlers in; SIGTERM ends the program. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "goaudit.h"

static void *open_guest(const char *path)
{
	void *guest = dlopen(path, RTLD_NOW | RTLD_RELOADABLE);

	if (!guest) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return guest;
}

static void *function(void *guest, const char *name)
{
	void *f = dlsym(guest, name);

	if (!f) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return f;
}

static int listen_on(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(fd, SOMAXCONN) != 0 || getsockname(fd, (struct sockaddr *)&a, &size) != 0) {
		perror("listen");
		exit(1);
	}
	printf("listening on 127.0.0.1:%d\n", ntohs(a.sin_port));
	return fd;
}

int main(int argc, char **argv)
{
	void *handlers, *server;
	sigset_t signals;
	int s;

	if (argc < 3) {
		fprintf(stderr, "usage: host handlers.so server.so [PORT]\n");
		return 1;
	}
	/* Before any other thread is there: they take the mask over. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);

	handlers = open_guest(argv[1]);
	server = open_guest(argv[2]);
	/* The address of ServeHandle lasts: it leads to the current generation, and
	 * counts who is inside, so that none is unmapped below a request. */
	if (((int (*)(int, void *))function(server, "Start"))(
		    listen_on(argc > 3 ? atoi(argv[3]) : 8080),
		    function(handlers, "ServeHandle")) != 0)
		return 1;
	while (sigwait(&signals, &s) == 0 && s == SIGHUP) {
		if (dlreload(handlers))
			printf("reloaded\n");
		else
			printf("not reloaded: %s\n", dlerror()); /* the old code goes on */
	}
	((void (*)(void))function(server, "Stop"))();
	printf("old generations left: %d\n", goaudit_reclaim(handlers, 10000));
	return 0;
}
