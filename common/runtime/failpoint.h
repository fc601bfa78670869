/* Places where a test may kill the process, by name: SANGKIEN_FAILPOINT=quota-after-commit. Off unless set.
 * SANGKIEN_FAILPOINT_ONCE=FILE: only if the file is not there yet; it is made first, so that a supervisor's restart
 * with the same environment passes. */
#ifndef SANGKIEN_RUNTIME_FAILPOINT_H
#define SANGKIEN_RUNTIME_FAILPOINT_H

#include "common/runtime/base.h"

/* SIGKILL to this process when the name is the one that is set. */
void failpoint(const char *name);
/* The same, only where `text` has SANGKIEN_FAILPOINT_TEXT in it: a message that kills whoever takes it. */
void failpoint_on(const char *name, struct bytes text);

#endif
