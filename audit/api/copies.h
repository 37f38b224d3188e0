/* goaudit_reload_instances. */
#ifndef GOAUDIT_API_COPIES_H
#define GOAUDIT_API_COPIES_H

struct goaudit;
struct goaudit_reload_options;

/* See goaudit.h. */
int copies_reload(struct goaudit *ga, const char *path,
		  const struct goaudit_reload_options *options);

#endif
