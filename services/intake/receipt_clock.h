/* May this instance stamp receipts (law 6)? Only while its wall clock is where the last comparison with PostgreSQL's
 * left it: a clock that jumps is seen by the very next submission, not by the next comparison. Pure; any thread. */
#ifndef SANGKIEN_INTAKE_RECEIPT_CLOCK_H
#define SANGKIEN_INTAKE_RECEIPT_CLOCK_H

#include "common/runtime/base.h"

#include <stdatomic.h>

enum { CLOCK_OFFSET_MAX_US = 1000000 };

struct receipt_clock {             /* zeros: not compared yet */
	_Atomic int64_t anchor_us; /* the wall's less the monotonic clock's, when they were last good */
	atomic_bool agrees;
};

/* `wall_us` and `monotonic_us` were read together before PostgreSQL was asked how far off the first one is. */
void receipt_clock_compare(struct receipt_clock *clock, int64_t wall_us, int64_t monotonic_us, int64_t offset_us);

/* Is `stamp_us` the time it was, `wall_us` and `monotonic_us` being those of now? */
bool receipt_clock_holds(
	const struct receipt_clock *clock, int64_t stamp_us, int64_t wall_us, int64_t monotonic_us) MUST_CHECK;

/* The time, whatever has become of the wall clock since it was last good. */
int64_t receipt_clock_now(const struct receipt_clock *clock, int64_t wall_us, int64_t monotonic_us);

#endif
