/* goaudit_reload_instances. */
#ifndef GOAUDIT_API_RELOAD_INSTANCES_H
#define GOAUDIT_API_RELOAD_INSTANCES_H

struct goaudit;
struct goaudit_reload_options;

/* See goaudit.h. */
int reload_instances(struct goaudit *ga, const char *path,
		     const struct goaudit_reload_options *options);

#endif
