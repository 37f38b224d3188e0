// cr: replaces one build of a plugin by the other, 1000 times.
#include <fcntl.h>
#include "measure.h"
#define CR_HOST CR_UNSAFE
#include "cr.h"

int main(int argc, char **argv)
{
	double took[ROUNDS], before = 0;
	cr_plugin plugin;

	if (argc != 4)
		return 2;
	place(argv[1], argv[3]);
	cr_plugin_open(plugin, argv[3]);
	for (int i = 0; i < ROUNDS; i++) {
		if (i == WARM)
			before = resident_kb();
		place(argv[1 + i % 2], argv[3]);
		double began = now_us();
		int said = cr_plugin_update(plugin);
		took[i] = now_us() - began;
		if (said != i % 2 + 8) {
			fprintf(stderr, "cr: round %d says %d\n", i, said);
			return 1;
		}
	}
	report("cr", took, resident_kb() - before);
	cr_plugin_close(plugin);
	return 0;
}
