/* The module begins. */
#ifndef GOAUDIT_API_START_H
#define GOAUDIT_API_START_H

struct goaudit;

/* Points the layers at each other.  Once, before anything else. */
void goaudit_init(struct goaudit *ga);

#endif
