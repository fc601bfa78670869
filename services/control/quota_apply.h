/* A quota plan put in force: checked whole, evaluated, stored, within the caller's transaction. */
#ifndef SANGKIEN_CONTROL_QUOTA_APPLY_H
#define SANGKIEN_CONTROL_QUOTA_APPLY_H

#include "services/control/quota_targets.h"
#include "services/control/session.h"

struct quota_wish {
	const char *plan_file, *members_file; /* NULL: what is in force */
	struct bytes plan_text, members_text;
	bool dry_run;
};
struct quota_outcome {
	struct session_campaign campaign;
	struct quota_plan *plan;      /* NULL: there is none */
	struct quota_targets targets; /* as of today */
	struct buffer faults, notes;  /* a line each */
	size_t rows;                  /* of the targets at all dates */
	bool changed;
};
void quota_outcome_deinit(struct quota_outcome *outcome); /* tolerates zeroed memory */

enum quota_applied { QUOTA_APPLIED, QUOTA_FAULTY /* `faults`, or a line on stderr; nothing stored */, QUOTA_AWAY };

/* Locks the campaign's row as `units import` does: the units that are checked here are those that stay. */
enum quota_applied quota_apply(
	struct pg *pg, const char *campaign, const struct quota_wish *wish, struct quota_outcome *outcome) MUST_CHECK;

/* After the campaign or its units changed, in the same transaction: the plan in force, evaluated anew. One that no
 * longer fits is left as it was and said on stderr. False: PostgreSQL failed. */
bool quota_renew(struct pg *pg, const char *campaign) MUST_CHECK;

#endif
