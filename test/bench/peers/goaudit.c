/* goaudit: replaces one build of a guest by the other, 1000 times. */
#include <dlfcn.h>
#include <fcntl.h>
#include "goaudit.h"
#include "measure.h"

int main(int argc, char **argv)
{
	double took[ROUNDS], before = 0;
	void *guest = NULL;
	long (*build)(void) = NULL;

	for (int i = 0; i < ROUNDS && argc == 5; i++) {
		double began;

		if (i == WARM)
			before = resident_kb();
		place(argv[2 + i % 2], argv[4]);
		began = now_us();
		if (!guest) {
			guest = dlopen(argv[4], RTLD_NOW | RTLD_RELOADABLE);
			build = (long (*)(void))dlsym(guest, "Build");
		} else if (!dlreload(guest)) {
			fprintf(stderr, "goaudit: %s\n", dlerror());
			return 1;
		}
		if (build() != i % 2 + 8)
			return 1;
		took[i] = now_us() - began;
		/* Unmapping is part of what it does, and not of the answer's way. */
		goaudit_reclaim(NULL, 1000);
	}
	report(argv[1], took, resident_kb() - before);
	return 0;
}
