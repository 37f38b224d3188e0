/* D, behind struct adapter: guests over a shared druntime (ldc, gdc).
 *
 * druntime has a table of images by ld.so's handle, which it asks for by dladdr and
 * dlopen(RTLD_NOLOAD): a guest's lasting handle would be one image for all generations, so
 * its own questions are answered by ld.so's.  Before an unmap it collects garbage, and what
 * is left then of a guest's classes holds it, as does a thread whose stack leads to it.
 * Thread-local data belongs to the thread that has opened the guest: that one has to close it. */
#ifndef GOAUDIT_ADAPTER_D_H
#define GOAUDIT_ADAPTER_D_H

struct adapter;

extern const struct adapter d_adapter;

#endif
