#include "cr.h"
extern "C" CR_EXPORT int cr_main(cr_plugin *, cr_op operation)
{
	return operation == CR_STEP ? BUILD + 7 : 0;
}
