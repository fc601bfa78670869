#include "common/runtime/backoff.h"

enum { BACKOFF_DOUBLINGS_MAX = 31 };

uint32_t backoff_next_ms(struct backoff *backoff, uint32_t random)
{
	assert(backoff->least_ms <= backoff->most_ms);
	if (backoff->attempts < UINT32_MAX)
		backoff->attempts++;
	uint32_t doublings = backoff->attempts < BACKOFF_DOUBLINGS_MAX ? backoff->attempts : BACKOFF_DOUBLINGS_MAX;
	uint64_t ceiling = (uint64_t)backoff->least_ms << doublings;
	if (ceiling > backoff->most_ms)
		ceiling = backoff->most_ms;
	uint64_t choices = ceiling - backoff->least_ms + 1;
	return backoff->least_ms + (uint32_t)((random * choices) >> 32);
}

void backoff_reset(struct backoff *backoff)
{
	backoff->attempts = 0;
}
