/* The smallest shared object.  Opening and closing it makes ld.so take its
 * locks, call the auditor, and tell the debugger; see debugger.c. */
char goaudit_tiny;
