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
};
/* One unit's row. */
struct board_row {
	uint32_t unit;
	int64_t version, entered, counted, people, awarded;
};

/* As Redis's administrator; NULL only without memory. */
struct redis *board_redis(const struct rundir *run) MUST_CHECK;

enum board_state board_meta_read(struct redis *redis, uint32_t campaign, struct board_meta *meta) MUST_CHECK;
/* Waits until `applied` is `version` or more. */
enum board_state board_await(struct redis *redis, uint32_t campaign, int64_t version, int64_t deadline_ms,
	struct board_meta *meta) MUST_CHECK;

/* The rows below one parent in one phase, ascending by unit, to be freed; false: Redis is away or a row is garbled. */
bool board_rows_read(struct redis *redis, uint32_t campaign, uint64_t generation, uint32_t parent, uint32_t phase,
	struct board_row **rows, size_t *count) MUST_CHECK;

/* Makes quota build the board anew. */
bool board_forget(struct redis *redis, uint32_t campaign) MUST_CHECK;

#endif
