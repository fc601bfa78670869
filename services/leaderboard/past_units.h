/* The unit tree as it was on a day, for those who ask for it: from PostgreSQL each time, by a reader's thread. */
#ifndef SANGKIEN_LEADERBOARD_PAST_UNITS_H
#define SANGKIEN_LEADERBOARD_PAST_UNITS_H

#include "common/domain/unit_tree.h"
#include "common/runtime/buffer.h"
#include "services/leaderboard/board_reader.h"

enum { UNITS_TEXT_MAX = 200 };

struct units_query {
	uint32_t campaign;
	int32_t day;
	char parent[UNIT_CODE_MAX]; /* "": the root */
	char text[UNITS_TEXT_MAX + 1];
};

/* The children of `parent` (NULL or "": the root), or with a text what it finds. False: there is no such parent. */
bool units_answer(const struct unit_tree *tree, const char *parent, const char *text, struct buffer *json) MUST_CHECK;
/* The unit and all above it, the root first. False: there is no such unit. */
bool units_line(const struct unit_tree *tree, const char *code, struct buffer *json) MUST_CHECK;

/* False: PostgreSQL could not say. `unknown`: there is no such parent. */
bool past_units_read(
	struct board_reader *reader, const struct units_query *query, struct buffer *json, bool *unknown) MUST_CHECK;

#endif
