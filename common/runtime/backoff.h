/* How long to wait before the next try: exponential with full jitter. Pure. */
#ifndef SANGKIEN_RUNTIME_BACKOFF_H
#define SANGKIEN_RUNTIME_BACKOFF_H

#include "common/runtime/base.h"

struct backoff {
	uint32_t least_ms, most_ms;
	uint32_t attempts; /* failed so far */
};

/* The wait after one more failure: between least_ms and min(most_ms, least_ms·2^attempts), by `random`. */
uint32_t backoff_next_ms(struct backoff *backoff, uint32_t random);
void backoff_reset(struct backoff *backoff);

#endif
