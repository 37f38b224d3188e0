/* calc: compiles arithmetic and calls it.
 *
 *	$ calc 'square=x*x' 'f=square(x)+1' f:3 f:4
 *	f(3) = 10
 *	f(4) = 17
 *
 * NAME=EXPRESSION compiles; NAME:NUMBER finds the function with dlsym and calls it. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jit.h"

static void divide_by_zero(void)
{
	fprintf(stderr, "calc: division by zero\n");
	exit(1);
}

static int compile(struct jit *jit, char *name, char *expression)
{
	*expression++ = 0;
	if (jit_compile(jit, name, expression))
		return 0;
	fprintf(stderr, "calc: %s\n", jit_error());
	return 1;
}

static int evaluate(struct jit *jit, char *name, char *number)
{
	jit_function *function;
	long x;

	*number++ = 0;
	x = strtol(number, NULL, 0);
	function = (jit_function *)dlsym(jit_library(jit), name);
	if (!function) {
		fprintf(stderr, "calc: %s\n", dlerror());
		return 1;
	}
	printf("%s(%ld) = %ld\n", name, x, function(x));
	return 0;
}

int main(int argc, char **argv)
{
	struct jit *jit = jit_new("calc.so", divide_by_zero);
	int status = 0;

	if (!jit) {
		fprintf(stderr, "calc: %s\n", jit_error());
		return 1;
	}
	for (int i = 1; i < argc && status == 0; i++) {
		char *equals = strchr(argv[i], '='), *colon = strchr(argv[i], ':');

		if (equals) {
			status = compile(jit, argv[i], equals);
		} else if (colon) {
			status = evaluate(jit, argv[i], colon);
		} else {
			fprintf(stderr, "usage: calc NAME=EXPRESSION... NAME:NUMBER...\n");
			status = 2;
		}
	}
	jit_delete(jit);
	return status;
}
