/* refuse NUMBER[:FIRST] ERRNO COMMAND...: under a seccomp filter that answers the system call
 * NUMBER (whose first argument is FIRST) with ERRNO; 0 does nothing and says that it is
 * done. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LOAD(field)       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(v, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v, 0, n)

int main(int argc, char **argv)
{
	char *first = argc > 3 ? strchr(argv[1], ':') : NULL;
	unsigned number, error;

	if (argc < 4)
		return 2;
	number = (unsigned)atoi(argv[1]);
	error = (unsigned)atoi(argv[2]);
	struct sock_filter with[] = {
		LOAD(nr),
		SKIP_UNLESS(number, 3),
		LOAD(args[0]),
		SKIP_UNLESS(first ? (unsigned)atoi(first + 1) : 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_filter without[] = {
		LOAD(nr),
		SKIP_UNLESS(number, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { first ? 6 : 4, first ? with : without };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		perror("seccomp");
		return 77;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
