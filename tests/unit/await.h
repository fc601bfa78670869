/* Awaiting a condition: a test asks for it again and again until its deadline. */
#ifndef SANGKIEN_TESTS_UNIT_AWAIT_H
#define SANGKIEN_TESTS_UNIT_AWAIT_H

#include "common/runtime/clock.h"

#include <time.h>

/* After a short pause between two askings true; false once the deadline (monotonic milliseconds) has passed. */
static inline bool await_again(int64_t deadline_ms)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	if (clock_monotonic_ms() >= deadline_ms)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

#endif
