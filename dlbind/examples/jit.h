/* A compiler for arithmetic: an example of libdlbind's use. */
#ifndef JIT_H
#define JIT_H

#ifdef __cplusplus
extern "C" {
#endif

struct jit;

typedef long jit_function(long x);

/* Makes a compiler whose functions go to a library of that name.  A division by
 * zero calls `divide_by_zero`, which must not return.  NULL: see jit_error(). */
struct jit *jit_new(const char *name, void (*divide_by_zero)(void));
void jit_delete(struct jit *jit);

/* Compiles an expression of x, numbers, + - * / % ( ) and calls NAME(EXPRESSION),
 * of functions compiled before or of the program's, and binds it to `name`.
 * NULL: see jit_error(). */
jit_function *jit_compile(struct jit *jit, const char *name, const char *expression);

/* The library, for dlsym. */
void *jit_library(const struct jit *jit);

const char *jit_error(void);

#ifdef __cplusplus
}
#endif

#endif
