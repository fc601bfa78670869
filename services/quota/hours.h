/* What a batch of changes does to the hours of campaigns (campaign_hour), added up in memory. Pure: no I/O. */
#ifndef SANGKIEN_QUOTA_HOURS_H
#define SANGKIEN_QUOTA_HOURS_H

#include "common/runtime/arena.h"

enum { HOURS_TAKEN = 47 }; /* one less than are stored, so that no row is taken up that is dropped as it comes */

struct hour_row {
	uint32_t campaign;
	int64_t hour; /* Unix seconds of its beginning */
	int64_t counted;
};

struct hours; /* lives in its arena */

struct hours *hours_new(struct arena *arena) MUST_CHECK; /* NULL: the arena is full */

/* A submission received at `received_at` begins (1) or ceases (-1) to count; one of longer ago than HOURS_TAKEN is in
 * no line any more, and changes nothing. Instants in microseconds. False: the arena is full. */
bool hours_change(struct hours *hours, uint32_t campaign, int64_t received_at, int64_t now, int by) MUST_CHECK;

/* Each campaign and hour once. Valid until the arena's reset. */
const struct hour_row *hours_rows(const struct hours *hours, size_t *count);

#endif
