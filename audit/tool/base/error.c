#include "tool/base/error.h"

#include <stdarg.h>
#include <stdio.h>

int tool_error(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("goaudit: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return STATUS_FAILED;
}
