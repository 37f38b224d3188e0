#!/bin/bash
# A host that writes a title over its arguments and its environment, as servers do: the
# settings and folders are what they were at the start, for a Go guest's arguments, too.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file args/main.go <<'GO'
package main

import "C"

import (
	"os"
	"strings"
)

//export Args
func Args() *C.char {
	return C.CString(strings.Join(os.Args, " ") + ", " + os.Getenv("A_VARIABLE"))
}

func main() {}
GO
build_guests args
cc_so guest.so <<<'static int n; int value(void) { return ++n; }'
cc_host host <<'C'
#include "host.h"
extern char **environ;

static void set_title(char **argv)
{
	char *end = argv[0], **copy;
	int n = 0;

	for (char **p = argv; *p; p++)
		end = *p + strlen(*p) + 1;
	for (char **e = environ; *e; e++, n++)
		end = *e + strlen(*e) + 1;
	copy = malloc((n + 1) * sizeof *copy);
	for (int i = 0; i < n; i++)
		copy[i] = strdup(environ[i]);
	copy[n] = NULL;
	environ = copy;
	memset(argv[0], 'x', end - argv[0] - 1);
	for (char **p = argv; *p; p++)
		*p = NULL;
}

static const char *folder_of(const char *name)
{
	static char line[1000];

	for (FILE *f = fopen("/proc/self/maps", "r"); fgets(line, sizeof line, f);)
		if (strstr(line, name))
			return strstr(line, "/place/") ? "place" :
			       strstr(line, "/run/goaudit/") ? "run" : "elsewhere";
	return "nowhere";
}

int main(int argc, char **argv)
{
	void *h;

	if (argc > 1)
		set_title(argv);
	for (int i = 0; i < 2; i++) {
		h = open_mode("./guest.so", RTLD_NOW);
		printf("%d\n", call(h, "value"));
		close_guest(h);
	}
	open_mode("./guest.so", RTLD_NOW);
	puts(folder_of("/guest.so\n"));
	h = open_guest("./args.so");
	puts(((char *(*)(void))find(h, "Args"))());
	return 0;
}
C
mkdir -m 700 place run
export GOAUDIT_RELOADABLE='guest*' A_VARIABLE=there
says() { # FOLDER ARGUMENT...
	printf '1\n2\n%s\n%s, there\n' "$1" "./host${2:+ $2}"
}
for title in '' title; do
	# shellcheck disable=SC2086
	expect_output env LD_AUDIT="$AUDIT" GOAUDIT_SNAPSHOTS="$PWD/place" ./host $title < <(says place $title)
	# shellcheck disable=SC2086
	expect_output env -u GOAUDIT_SNAPSHOTS XDG_RUNTIME_DIR="$PWD/run" LD_AUDIT="$AUDIT" ./host $title < <(says run $title)
done
