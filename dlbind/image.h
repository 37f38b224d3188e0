/* The file as it stands at creation. */
#ifndef DLBIND_IMAGE_H
#define DLBIND_IMAGE_H

#include "state.h"

int image_layout(struct library *lib, const struct dlbind_options *o);
int image_write(struct library *lib, const struct dlbind_options *o);

#endif
