/* Asks Redis and PostgreSQL four times a second for the versions of each campaign's board (law 5; versions.h says what
 * follows), by a thread of its own. Holds the newest targets, and keeps the readiness condition "postgresql-or-redis".
 */
#ifndef SANGKIEN_LEADERBOARD_WATCH_H
#define SANGKIEN_LEADERBOARD_WATCH_H

#include "common/domain/reference.h"
#include "common/domain/targets.h"
#include "services/leaderboard/versions.h"

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
	struct newest newest; /* of the campaign's board */
	uint64_t targets;     /* version of the targets, 0: none yet */
};
struct watch_state watch_state(struct watch *watch, uint32_t campaign);
/* How long to wait for PostgreSQL: while it is known to be away nobody is kept waiting for it. */
uint32_t watch_patience_ms(struct watch *watch);
struct targets *watch_targets(struct watch *watch) MUST_CHECK; /* a hold for the caller; NULL before the first */

#endif
