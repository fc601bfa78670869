/* The notices of one campaign to its officers, as they are due now. */
#ifndef SANGKIEN_NOTIFICATION_OFFICER_PLAN_H
#define SANGKIEN_NOTIFICATION_OFFICER_PLAN_H

#include "common/domain/reference.h"
#include "common/domain/targets.h"
#include "common/runtime/pg.h"

#include <stdatomic.h>

enum { OFFICER_STATEMENT_MS = 10000 };

struct officer_plan {
	struct pg *pg;
	const struct reference_campaign *campaign;
	const struct targets *targets;
	int64_t now;
	const atomic_bool *closing;
	uint64_t made; /* outbox rows */
};

/* Targets met and units behind, for all units that have officers. PG_RETRY: the tree is being moved, again later. */
enum pg_status officer_plan_targets(struct officer_plan *plan) MUST_CHECK;
/* The summaries of the week of `due`. */
enum pg_status officer_plan_weekly(struct officer_plan *plan, int64_t due) MUST_CHECK;

#endif
