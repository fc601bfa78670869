/* What a quota plan comes to: the target of every unit in every period, rolled up to the root (R19, R21, R22). Pure. */
#ifndef SANGKIEN_CONTROL_QUOTA_TARGETS_H
#define SANGKIEN_CONTROL_QUOTA_TARGETS_H

#include "services/control/member_counts.h"
#include "services/control/quota_plan.h"

/* Initiatives and people are added up apart: they do not make a sum. */
struct quota_target {
	uint32_t unit, period;
	enum quota_counts counts;
	int32_t holds_from; /* the first day; PLAN_BEGINS: always */
	bool has_declared, has_parts, has_phases;
	uint64_t declared; /* by the unit's own rule, or the sum of its own phases where it has one in each */
	uint64_t parts;    /* sum of its children's targets */
	uint64_t phases;   /* of a whole that is declared beside all of its phases: their sum */
};
enum { PLAN_BEGINS = -25567 /* 1900-01-01 */ };

/* The declared one where there is one, else the sum of the parts. */
uint64_t quota_target_value(const struct quota_target *target);
/* What was declared is not what its parts, or its phases, add up to. */
bool quota_target_differs(const struct quota_target *target);

struct quota_targets {
	struct quota_target *rows; /* heap; by unit, period, what is counted, day */
	size_t count, capacity;
};
void quota_targets_free(struct quota_targets *targets); /* tolerates zeroed memory */

/* As of a day: member counts of that day, in a period that is over those of its last day. Where members are not known
 * or none, there is no target. False: no memory. */
bool quota_targets_evaluate(const struct quota_plan *plan, const struct unit_tree *tree,
	const struct member_counts *members, int32_t as_of, struct quota_targets *targets) MUST_CHECK;

/* As of every day on which a member count changes: a row only where it differs from the one before it. */
bool quota_targets_history(const struct quota_plan *plan, const struct unit_tree *tree,
	const struct member_counts *members, struct quota_targets *targets) MUST_CHECK;

/* Members that the plan needs: none at all is a fault (the result), not known is a note. Once a rule. */
bool quota_members_check(const struct quota_plan *plan, const struct unit_tree *tree,
	const struct member_counts *members, struct buffer *faults, struct buffer *notes) MUST_CHECK;

#endif
