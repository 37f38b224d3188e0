/* The log (GOAUDIT_LOG): a line for each thing that happens, to a file or to standard
 * error. */
#ifndef GOAUDIT_CORE_LOG_H
#define GOAUDIT_CORE_LOG_H

struct core;
struct log;

/* `where` as in GOAUDIT_LOG; NULL: no log. */
void log_start(struct log *log, const char *where);

/* Appends a line, when there is a log.  From any thread, with any lock, and in signal
 * handlers.  printf-like. */
void log_line(struct core *core, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A text of several lines, each as a line of the log; `subject` stands before the first one,
 * the others are indented.  As log_line. */
void log_text(struct core *core, const char *subject, const char *text);

#endif
