/* What may be shown of a board, from where, and be called current (law 5): by the versions that PostgreSQL and Redis
 * had when they were last asked, and by how long ago that was.
 *
 * - Redis is asked first: a board of it that is ahead of what PostgreSQL says then is of another history, and is not
 *   shown until the two are level again.
 * - What is shown is never older than the newest version known. PostgreSQL stands in for a Redis that is behind.
 * - Current is what PostgreSQL vouches for: its own answer, or Redis's while PostgreSQL answered within the last
 *   VERSIONS_FRESH_MS. With PostgreSQL away the newest is what Redis has, and nobody can say that it is current.
 *
 * No I/O and no clock: watch.c asks both and holds the mutex, board_reader.c and boards.c read and keep. That a row is
 * taken only if it is newer is decided in Redis, by quota's scripts. */
#ifndef SANGKIEN_LEADERBOARD_VERSIONS_H
#define SANGKIEN_LEADERBOARD_VERSIONS_H

#include "common/runtime/base.h"

enum {
	VERSIONS_FRESH_MS = 1500,
	VERSIONS_CAMPAIGNS_MAX = 4096,
	VERSIONS_STAND_IN_US =
		1000000, /* PostgreSQL is not asked for a board more often than this while Redis is there */
};

struct versions;

struct versions *versions_new(void) MUST_CHECK;
void versions_free(struct versions **versions);

/* Redis's answers of one turn, then PostgreSQL's; monotonic milliseconds. 0: Redis has no board of it. */
void versions_applied(struct versions *versions, uint32_t campaign, uint64_t applied);
void versions_redis_answered(struct versions *versions, int64_t now_ms);
/* True: as it shows now, Redis is ahead. */
bool versions_stored(struct versions *versions, uint32_t campaign, uint64_t version);
void versions_postgresql_answered(struct versions *versions, int64_t now_ms);

/* Versions that Redis is behind, all campaigns together. */
uint64_t versions_behind(const struct versions *versions);

struct newest {
	uint64_t version;    /* newest known of this campaign's board */
	bool postgresql;     /* it answered of late: `version` is its own */
	bool redis_is_alien; /* Redis holds a board that PostgreSQL never had */
	bool redis_is_level; /* Redis answered of late, and has `version` */
};
struct newest versions_newest(const struct versions *versions, uint32_t campaign, int64_t now_ms);

/* A board as it was read. */
struct shown {
	uint64_t version;
	bool from_redis;
	bool current; /* as it says itself */
	int64_t as_of_us;
};
bool newest_may_show(const struct newest *newest, bool from_redis, uint64_t version);
bool newest_is_current(const struct newest *newest, bool from_redis);
/* What was read before needs not be read again. */
bool newest_still_holds(const struct newest *newest, const struct shown *shown, int64_t now_us);

#endif
