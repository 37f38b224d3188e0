/* In libgoaudit-entries.so: the personality routine of entries (entry/entry.h).  An exception
 * that leaves a call of a guest ends it, so the call is counted as ended.  No libc
 * here. */
#include <stddef.h>
#include <unwind.h>

/* Set once, before the first entry is made. */
void (*goaudit_entry_unwound)(const void *unwinder, void *context);

_Unwind_Reason_Code goaudit_entry_personality(int version, _Unwind_Action actions,
					      _Unwind_Exception_Class class,
					      struct _Unwind_Exception *exception,
					      struct _Unwind_Context *context);

/* Not at the end of a thread (forced unwinding): its counts go with it, and who waits for
 * it may hold ld.so's lock. */
_Unwind_Reason_Code goaudit_entry_personality(int version, _Unwind_Action actions,
					      _Unwind_Exception_Class class,
					      struct _Unwind_Exception *exception,
					      struct _Unwind_Context *context)
{
	(void)version, (void)class, (void)exception;
	if ((actions & _UA_CLEANUP_PHASE) && !(actions & _UA_FORCE_UNWIND))
		goaudit_entry_unwound(__builtin_return_address(0), context);
	return _URC_CONTINUE_UNWIND;
}
