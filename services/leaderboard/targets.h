/* The targets of every unit as they stand in quota_target: an immutable snapshot, shared by counting its holders. */
#ifndef SANGKIEN_LEADERBOARD_TARGETS_H
#define SANGKIEN_LEADERBOARD_TARGETS_H

#include "common/runtime/pg.h"

struct targets;
struct target {
	uint64_t value;
	bool of_people; /* counts people rather than initiatives */
};

/* NULL: PostgreSQL failed, or no memory. `version` is that of the reference data it was read with. */
struct targets *targets_load(struct pg *pg, uint64_t version, int64_t deadline_ms) MUST_CHECK;
struct targets *targets_hold(struct targets *targets);
void targets_release(struct targets **targets); /* tolerates NULL */
uint64_t targets_version(const struct targets *targets);

/* Phase 0 is the whole campaign. False: none declared. `targets` may be NULL. */
bool targets_find(const struct targets *targets, uint32_t campaign, uint32_t unit, uint32_t phase,
	struct target *target) MUST_CHECK;

#endif
