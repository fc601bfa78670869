/* A campaign's quota plan in PostgreSQL: its source, rounds, member counts, and the targets that it comes to. */
#ifndef SANGKIEN_CONTROL_QUOTA_STORE_H
#define SANGKIEN_CONTROL_QUOTA_STORE_H

#include "common/runtime/pg.h"
#include "services/control/quota_targets.h"

/* The source in force; stays empty where there is none. */
bool quota_store_source(struct pg *pg, uint32_t campaign, struct buffer *source) MUST_CHECK;
bool quota_store_members(struct pg *pg, uint32_t campaign, struct member_counts *members) MUST_CHECK;

struct quota_state {
	uint32_t campaign;
	struct bytes source;
	const struct quota_plan *plan;
	const struct member_counts *members;
	const struct quota_targets *targets; /* their history */
};
/* Replaces all of it and raises the version of the reference data, within the caller's transaction, which holds the
 * campaign's row. What is in force already changes nothing. */
bool quota_store_save(struct pg *pg, const struct quota_state *state, bool *changed) MUST_CHECK;

#endif
