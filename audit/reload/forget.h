/* Guests that everybody has closed, and that are more than are kept (GOAUDIT_PARKED): the one
 * that has been closed longest is retired if it is parked, and forgotten once it is gone.
 * From then on its handle is nobody's, and its entries become other guests'. */
#ifndef GOAUDIT_RELOAD_FORGET_H
#define GOAUDIT_RELOAD_FORGET_H

struct reloads;

/* Cheap if there are no more.  Not in a transaction, without locks. */
void forget_surplus(struct reloads *rl);

#endif
