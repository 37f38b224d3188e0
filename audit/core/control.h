/* What goaudit reload and the module say to each other (api/control.h, tool/live/ask.h).
 *
 * One packet is a request:
 *
 *	reload NUL NAME		NAME: a guest's path, or the last part of one; "": all
 *
 * One answers for each open guest of that name, and one ends:
 *
 *	new|same|failed NUL PATH NUL TEXT	TEXT: the generation's number, or why
 *	end NUL N				N: how many there were */
#ifndef GOAUDIT_CORE_CONTROL_H
#define GOAUDIT_CORE_CONTROL_H

#define CONTROL_RELOAD "reload"
#define CONTROL_NEW    "new"
#define CONTROL_SAME   "same"
#define CONTROL_FAILED "failed"
#define CONTROL_END    "end"

#define CONTROL_PACKET_MAX 8192 /* bytes, with all NULs */

#endif
