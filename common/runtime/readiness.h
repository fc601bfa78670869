/* Is this process able to do its work now? It is when every named condition holds. Any thread may ask and tell. */
#ifndef SANGKIEN_RUNTIME_READINESS_H
#define SANGKIEN_RUNTIME_READINESS_H

#include "common/runtime/base.h"
#include "common/runtime/buffer.h"

struct readiness;

enum { READINESS_CONDITIONS_MAX = 32, READINESS_NAME_BYTES_MAX = 48, READINESS_WHY_BYTES_MAX = 200 };

/* NULL when there is no memory. Without a condition nothing is ready. */
struct readiness *readiness_new(void) MUST_CHECK;
void readiness_free(struct readiness **readiness);

/* Both texts are copied (and cut to their bounds); `why` may be NULL. True when a condition that was known before
 * turned: the one moment to say so in the log. */
bool readiness_set(struct readiness *readiness, const char *name, bool holds, const char *why);
bool readiness_holds(struct readiness *readiness);

/* {"ready":…,"conditions":[{"name":…,"holds":…,"why":…}]}; gives what it wrote as "ready". */
bool readiness_render(struct readiness *readiness, struct buffer *out);

#endif
