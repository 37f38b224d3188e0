/* What the dynamic part of an image says.  Private to audit/image and the command. */
#ifndef GOAUDIT_IMAGE_FACTS_H
#define GOAUDIT_IMAGE_FACTS_H

#include "image/elf.h"

/* The facts of an image that has been opened; facts->size is set here. */
enum image_status image_elf_facts(struct image_elf *img, struct image_facts *facts);

#endif
