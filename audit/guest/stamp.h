/* What tells one content of a file from another without reading it. */
#ifndef GOAUDIT_GUEST_STAMP_H
#define GOAUDIT_GUEST_STAMP_H

#include <stdbool.h>
#include <sys/stat.h>

#include "guest/guests.h"

struct file_stamp stamp_of(const struct stat *st);
bool stamp_same(const struct file_stamp *a, const struct file_stamp *b);

#endif
