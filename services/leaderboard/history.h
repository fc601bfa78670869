/* The line of what was counted: a campaign's last day by the hour, any unit's days. Read by a reader's thread. */
#ifndef SANGKIEN_LEADERBOARD_HISTORY_H
#define SANGKIEN_LEADERBOARD_HISTORY_H

#include "common/runtime/buffer.h"
#include "services/leaderboard/board_reader.h"

enum history_step { HISTORY_HOURS, HISTORY_DAYS };
enum { HISTORY_HOURS_SHOWN = 24, HISTORY_DAYS_MAX = 800 };

/* Hours are of whole campaigns alone. */
struct history_query {
	uint32_t campaign, unit;
	enum history_step step;
};

/* The whole answer in `json`. False: PostgreSQL failed, or no memory. */
bool history_read(struct board_reader *reader, const struct history_query *query, struct buffer *json) MUST_CHECK;

/* Pure: `counts` of `count` steps from `from` (microseconds) on, as the answer has them. */
void history_json(const char *campaign, const char *unit, enum history_step step, int64_t as_of, int64_t from,
	const uint64_t *counts, size_t count, struct buffer *json);

#endif
