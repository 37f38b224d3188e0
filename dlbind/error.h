/* The text of the last error, for each thread. */
#ifndef DLBIND_ERROR_H
#define DLBIND_ERROR_H

/* Notes an error for this thread.  Keeps a returned -1 and NULL short. */
__attribute__((format(printf, 2, 3))) int error_set(int code, const char *format, ...);
const char *error_take(void);

#endif
