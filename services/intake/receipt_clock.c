#include "services/intake/receipt_clock.h"

/* A line of a batch may have waited for its turn; a clock that was put back gives ages of days. */
#define STAMP_AGE_MAX_US INT64_C(3600000000)

static bool is_near(int64_t difference_us)
{
	return difference_us <= CLOCK_OFFSET_MAX_US && difference_us >= -CLOCK_OFFSET_MAX_US;
}

void receipt_clock_compare(struct receipt_clock *clock, int64_t wall_us, int64_t monotonic_us, int64_t offset_us)
{
	if (is_near(offset_us))
		atomic_store(&clock->anchor_us, wall_us - monotonic_us);
	atomic_store(&clock->agrees, is_near(offset_us));
}

bool receipt_clock_holds(const struct receipt_clock *clock, int64_t stamp_us, int64_t wall_us, int64_t monotonic_us)
{
	int64_t now_us = receipt_clock_now(clock, wall_us, monotonic_us);

	return atomic_load(&clock->agrees) && is_near(wall_us - now_us) && stamp_us - now_us <= CLOCK_OFFSET_MAX_US &&
	       now_us - stamp_us <= STAMP_AGE_MAX_US;
}

int64_t receipt_clock_now(const struct receipt_clock *clock, int64_t wall_us, int64_t monotonic_us)
{
	int64_t anchor_us = atomic_load(&clock->anchor_us);

	return anchor_us == 0 ? wall_us : anchor_us + monotonic_us;
}
