#include "core/cancel.h"

#include <pthread.h>

int (*cancel_set_state)(int, int *) = pthread_setcancelstate;
