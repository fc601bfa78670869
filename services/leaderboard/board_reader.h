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

/* A move of units reaches PostgreSQL first and us within two seconds: so long a reader waits for the tree that the
 * figures belong to. False: `give_up_ms` (monotonic) is reached. */
enum { TREE_WAIT_MS = 2500 };
bool board_await_tree(int64_t give_up_ms) MUST_CHECK;

/* NULL: neither can say it (nor is there one version back, law 5), or the campaign is gone. */
struct board_view *board_read(struct board_reader *reader, const struct board_query *query) MUST_CHECK;

/* The figures of a row as Redis holds it: "version entered counted people awarded". Pure. */
bool board_figures_parse(const char *text, struct board_row *row) MUST_CHECK;

#endif
