/* Reads a board from Redis, where its version is the newest, else from PostgreSQL (law 5). One thread each. */
#ifndef SANGKIEN_LEADERBOARD_BOARD_READER_H
#define SANGKIEN_LEADERBOARD_BOARD_READER_H

#include "common/runtime/redis.h"
#include "services/leaderboard/board_view.h"
#include "services/leaderboard/watch.h"

struct board_reader {
	struct pg *pg;
	struct redis *redis;
	struct watch *watch;
	struct reference_source *reference;
};

/* NULL: neither can say it (nor is there one version back, law 5), or the campaign is gone. */
struct board_view *board_read(struct board_reader *reader, const struct board_query *query) MUST_CHECK;

/* The figures of a row as Redis holds it: "version entered counted people awarded". Pure. */
bool board_figures_parse(const char *text, struct board_row *row) MUST_CHECK;

#endif
