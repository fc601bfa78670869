/* A unit's progress as the contract says it. Pure. */
#ifndef SANGKIEN_LEADERBOARD_PROGRESS_JSON_H
#define SANGKIEN_LEADERBOARD_PROGRESS_JSON_H

#include "common/domain/progress_table.h"
#include "common/runtime/buffer.h"

/* The unit is the table's first row, its children are the others: they stand by their share in what runs now, the
 * phase, where any has a target in it, else the whole; who lags most comes first. */
void progress_json(const struct progress_table *table, bool english, struct buffer *json);

#endif
