/* The lock around the auditor's malloc; for the fork handlers.  A leaf, and the last
 * one of all: whoever has it calls nothing but malloc. */
#ifndef GOAUDIT_CORE_MEMORY_H
#define GOAUDIT_CORE_MEMORY_H

#include <pthread.h>

extern pthread_mutex_t memory_lock;

#endif
