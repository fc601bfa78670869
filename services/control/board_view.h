/* A campaign's board as it stands in Redis, read only as far as operators compare it with PostgreSQL. */
#ifndef SANGKIEN_CONTROL_BOARD_VIEW_H
#define SANGKIEN_CONTROL_BOARD_VIEW_H

#include "common/runtime/redis.h"
#include "services/control/rundir.h"

enum board_state {
	BOARD_THERE,
	BOARD_MISSING, /* never built, or lost: quota builds it */
	BOARD_AWAY,    /* Redis does not answer */
};
struct board_meta {
	uint64_t generation;
	int64_t applied; /* everything up to this version is in */
	int64_t tree;    /* version of the unit tree it was built for; 0: it does not say */
};
/* One unit's row, as a reader would ask for it. */
struct board_row {
	uint32_t parent, phase, unit;
	bool readable; /* else nothing below is known; where all rows of a place are garbled, nor is the unit (0) */
	int64_t version, entered, counted, people, awarded;
};

/* As Redis's administrator; NULL only without memory. */
struct redis *board_redis(const struct rundir *run) MUST_CHECK;

enum board_state board_meta_read(struct redis *redis, uint32_t campaign, struct board_meta *meta) MUST_CHECK;
/* Does it have everything of that version, in that tree or a newer one? */
bool board_has(const struct board_meta *meta, int64_t version, int64_t tree) MUST_CHECK;
/* Waits until it does, or until the deadline. */
enum board_state board_await(struct redis *redis, uint32_t campaign, int64_t version, int64_t tree, int64_t deadline_ms,
	struct board_meta *meta) MUST_CHECK;

/* Every row of a generation, whoever wrote it, ascending by parent, phase and unit; to be freed. False: Redis is away.
 */
bool board_rows_read(
	struct redis *redis, uint32_t campaign, uint64_t generation, struct board_row **rows, size_t *count) MUST_CHECK;

/* Makes quota build the board anew. */
bool board_forget(struct redis *redis, uint32_t campaign) MUST_CHECK;

#endif
