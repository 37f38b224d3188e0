/* How the host of a test has calls of the module fail; see failing.c. */
#ifndef TEST_FAILING_H
#define TEST_FAILING_H

struct failing {
	int thread; /* whose calls are counted (gettid) */
	int calls;  /* so many succeed, then one fails and this is negative; negative:
			 * none does */
};

#endif
