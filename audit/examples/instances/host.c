/* host PLUGIN.so N: opens N instances of a plugin, each with settings of its own. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goaudit.h"

struct user {
	long step;
	void *plugin;
	const char *(*greet)(const char *whom);
};

/* What plugins call: their return address says which of them it is. */
long host_setting(const char *name)
{
	const struct user *user = goaudit_context_of(__builtin_return_address(0));

	return user && strcmp(name, "step") == 0 ? user->step : 0;
}

static int open_all(struct user *users, int n, const char *plugin)
{
	for (int i = 0; i < n; i++) {
		users[i].step = i;
		users[i].plugin = goaudit_open_instance(plugin, RTLD_NOW, &users[i]);
		if (users[i].plugin)
			users[i].greet =
				(const char *(*)(const char *))dlsym(users[i].plugin, "greet");
		if (!users[i].plugin || !users[i].greet) {
			fprintf(stderr, "%s\n", dlerror());
			return -1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 0;
	struct user *users = n > 0 ? calloc(n, sizeof *users) : NULL;

	if (!users || !goaudit_open_instance) {
		fprintf(stderr, "usage: LD_AUDIT=libgoaudit.so ./host PLUGIN.so N\n");
		return 2;
	}
	if (open_all(users, n, argv[1]) != 0)
		return 1;
	do {
		for (int i = 0; i < n; i++)
			users[i].greet("all");
		printf("the first: %s\nthe last:  %s\n", users[0].greet("you"),
		       users[n - 1].greet("you"));
		fflush(stdout);
		if (getchar() == EOF)
			break;
		if (goaudit_reload_instances(argv[1], NULL) < 0)
			fprintf(stderr, "%s\n", dlerror());
	} while (1);
	for (int i = 0; i < n; i++)
		dlclose(users[i].plugin);
	free(users);
	return 0;
}
