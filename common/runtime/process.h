/* What a process owes the house: no core dumps, and figures of itself. */
#ifndef SANGKIEN_RUNTIME_PROCESS_H
#define SANGKIEN_RUNTIME_PROCESS_H

#include "common/runtime/base.h"
#include "common/runtime/buffer.h"

/* No core dump and no reading by others with the same user: memory holds personal data (law 10).
 * False with errno where the system forbids even that. */
bool process_forbid_dumps(void) MUST_CHECK;

/* Prometheus' standard process_… metrics; what /proc does not tell is left out. Any thread. */
void process_render_metrics(int64_t started_at_us, struct buffer *out);

#endif
