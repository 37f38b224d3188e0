#!/bin/bash
# Where snapshots go, and which folders are refused: of somebody else, open to
# others, a symbolic link, or on a file system without execution.
. "$(dirname "$0")/../lib.sh"

cc_so guest.so <<<'int value(void) { return 1; }'
cc_host host <<'C'
#include "host.h"
int main(void)
{
	void *h = dlopen("./guest.so", FLAGS);

	if (!h) {
		puts(dlerror());
		CHECK(maps_with("/guest.so") == 0);
		/* Plain use is no concern of this. */
		h = dlopen("./guest.so", RTLD_NOW);
		return h && call(h, "value") == 1 ? 0 : 1;
	}
	printf("%s\n", generation_of(h).snapshot);
	return 0;
}
C
refused() { # FOLDER
	GOAUDIT_SNAPSHOTS=$1 expect_output run_audited ./host <<E
$1: not a folder that only this user can enter and run programs from: remove it, or name another one in GOAUDIT_SNAPSHOTS
E
}
accepted() { # FOLDER COMMAND...
	local folder=$1 name; shift
	name=$("$@" env LD_AUDIT="$AUDIT" ./host) || fail "$folder: $name"
	case $name in
	"$folder"/*/guest.so) ;;
	*) fail "not in $folder: $name" ;;
	esac
	[ -d "$folder" ] || fail "$folder: not there"
	[ "$(stat -c %a "$folder")" = 700 ] || fail "$folder: mode $(stat -c %a "$folder")"
}
GOAUDIT_SNAPSHOTS=$PWD/new accepted "$PWD/new"
mkdir -m 700 mine; GOAUDIT_SNAPSHOTS=$PWD/mine accepted "$PWD/mine"
mkdir world; chmod 777 world; refused "$PWD/world"
mkdir group; chmod 750 group; refused "$PWD/group"
ln -s mine link; refused "$PWD/link"
: >file; refused "$PWD/file"
refused "$PWD/absent/folder"
if [ "$(id -u)" = 0 ]; then
	mkdir -m 700 theirs; chown 65534 theirs; refused "$PWD/theirs"
fi

# Not named: $XDG_RUNTIME_DIR, if it will do, or else one of the common places.
unset GOAUDIT_SNAPSHOTS
mkdir -m 700 run
accepted "$PWD/run/goaudit" env XDG_RUNTIME_DIR="$PWD/run"
chmod 777 run/goaudit
name=$(XDG_RUNTIME_DIR=$PWD/run run_audited ./host) || fail "$name"
case $name in
/dev/shm/goaudit-$(id -u)/* | /tmp/goaudit-$(id -u)/*) ;;
*) fail "unexpected place: $name" ;;
esac
name=$(env -u XDG_RUNTIME_DIR LD_AUDIT="$AUDIT" ./host) || fail "$name"
case $name in
/dev/shm/goaudit-$(id -u)/* | /tmp/goaudit-$(id -u)/*) ;;
*) fail "unexpected place: $name" ;;
esac
# A relative one is relative to where the process started, wherever it goes.
cc_host wanders <<'C'
#include "host.h"
int main(void)
{
	struct stat st;
	void *h = open_guest("./guest.so");

	CHECK(generation_of(h).snapshot[0] == '/');
	close_guest(h);
	replace("guest2.so", "guest.so");
	CHECK(chdir("/") == 0);
	h = open_guest(generation_of(h).path);
	CHECK(call(h, "value") == 2);
	return 0;
}
C
cc_so guest2.so <<<'int value(void) { return 2; }'
GOAUDIT_SNAPSHOTS=relative expect_output run_audited ./wanders </dev/null
[ -z "$(find relative -mindepth 1)" ] || fail "left over: $(find relative)"

# A limit of the size of files, and no folder for what the module makes: dlopen says so,
# and works once that is over.
export GOAUDIT_SNAPSHOTS=$PWD/mine
cc_host short <<'C'
#include "host.h"
#include <sys/resource.h>

static void refused(void)
{
	CHECK(!dlopen("./guest.so", FLAGS));
	puts(strchr(strrchr(dlerror(), '/'), ':') + 2);
	CHECK(maps_with("/guest.so") == 0 && snapshot_files() == 0);
}

int main(void)
{
	struct rlimit limit = { 4096, RLIM_INFINITY };
	char name[PATH_MAX], stat[1000], *p;
	FILE *f = fopen("/proc/self/stat", "re");
	int fields = 0;
	void *h;

	CHECK(f && fgets(stat, sizeof stat, f) && fclose(f) == 0);
	for (p = strrchr(stat, ')'); fields < 20; fields++)
		p = strchr(p + 1, ' ');
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	refused();
	limit.rlim_cur = RLIM_INFINITY;
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	snprintf(name, sizeof name, "%s/goaudit-%d.%llu/made", getenv("GOAUDIT_SNAPSHOTS"), getpid(),
		 strtoull(p, NULL, 10));
	CHECK(close(open(name, O_CREAT | O_WRONLY, 0600)) == 0);
	refused();
	CHECK(unlink(name) == 0);
	h = open_guest("./guest.so");
	CHECK(call(h, "value") > 0);
	puts("opened");
	return 0;
}
C
expect_output run_audited ./short <<'E'
cannot make a snapshot: File too large: free space, raise the limit, or name another place in GOAUDIT_SNAPSHOTS
cannot be made: Not a directory: free space, or name another folder: free memory, space or descriptors
opened
E
