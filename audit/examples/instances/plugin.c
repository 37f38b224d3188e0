/* A plugin with globals, and a host without a context argument. */
#include <stdio.h>

#define VERSION 1

long host_setting(const char *name);

static char greeting[64];
static long greeted;

const char *greet(const char *whom)
{
	greeted += host_setting("step");
	snprintf(greeting, sizeof greeting, "%d: hello %s, %ld", VERSION, whom, greeted);
	return greeting;
}
