/* Reads the figures of a unit's progress from PostgreSQL: one statement, one moment. */
#ifndef SANGKIEN_LEADERBOARD_PROGRESS_READER_H
#define SANGKIEN_LEADERBOARD_PROGRESS_READER_H

#include "services/leaderboard/board_reader.h"
#include "services/leaderboard/progress_json.h"

struct progress_query {
	uint32_t campaign, unit;
	bool english;
};

/* The whole answer in `json`. False: PostgreSQL failed, no memory, or the reference knows the unit no more. */
bool progress_read(struct board_reader *reader, const struct progress_query *query, struct buffer *json) MUST_CHECK;

#endif
