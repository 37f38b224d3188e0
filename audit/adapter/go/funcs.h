/* Func values that stay.
 *
 * A func value leads to a word with the address of its code.  Such a word of a function of
 * the runtime library or of a package library is in each module that takes the function's
 * value, also where the compiler has inlined a function that does.  Kept in a variable of
 * the library it would hold the guest, though nothing of it is the guest's but that word. */
#ifndef GOAUDIT_ADAPTER_GO_FUNCS_H
#define GOAUDIT_ADAPTER_GO_FUNCS_H

#include <stddef.h>
#include <stdint.h>

struct adapters;
struct go_register;

/* Func values that stay, one for each function that has been asked for.  L. */
struct funcs {
	uint64_t **slots; /* a hash table, by what they lead to */
	size_t room, n;
	uint64_t *spare; /* words that nobody has yet */
	size_t spares;
};

/* Points those of the n words of a guest that lead to a func value of its own for a function
 * that stays to one that stays, and returns how many.  The words are writable.  Out of
 * memory they are left as they are. */
size_t funcs_lead(struct adapters *ad, const struct go_register *guest, uint64_t *const *words,
		  size_t n);

#endif
