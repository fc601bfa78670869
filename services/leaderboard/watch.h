/* What the newest board of each campaign is, asked of PostgreSQL and Redis four times a second (law 5), by a thread
 * of its own. Holds the newest targets, and keeps the readiness condition "postgresql-or-redis". */
#ifndef SANGKIEN_LEADERBOARD_WATCH_H
#define SANGKIEN_LEADERBOARD_WATCH_H

#include "common/domain/reference.h"
#include "common/domain/targets.h"

struct watch;

struct watch_options {
	struct service *service;
	struct reference_source *reference;
	const char *conninfo;
	const char *redis, *redis_user, *redis_password_file; /* user and file NULL: none */
};
struct watch *watch_open(const struct watch_options *options) MUST_CHECK;
void watch_close(struct watch **watch);

/* Any thread. */
struct watch_state {
	uint64_t version;    /* newest known of this campaign's board */
	bool postgresql;     /* it answered within the last second and a half: `version` is its own */
	bool redis_is_alien; /* Redis holds a board that PostgreSQL never had */
	bool redis_is_level; /* Redis answered within the last second and a half, and has `version` */
	uint64_t targets;    /* version of the targets, 0: none yet */
};
struct watch_state watch_state(struct watch *watch, uint32_t campaign);
/* How long to wait for PostgreSQL: while it is known to be away nobody is kept waiting for it. */
uint32_t watch_patience_ms(struct watch *watch);
struct targets *watch_targets(struct watch *watch) MUST_CHECK; /* a hold for the caller; NULL before the first */

#endif
