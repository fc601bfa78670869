/* A quota plan (R19-R22): the targets of a campaign's units as rules, each for a unit or for every unit of a group.
 * Targets are floors. Immutable once parsed. */
#ifndef SANGKIEN_CONTROL_QUOTA_PLAN_H
#define SANGKIEN_CONTROL_QUOTA_PLAN_H

#include "common/domain/campaign.h"
#include "common/domain/unit_tree.h"

/* Numbers of periods: 0 is the whole campaign, then its phases, then rounds of emulation within a phase (R20). */
enum {
	PERIOD_WHOLE = 0,
	PERIOD_ROUND_FIRST = 100 /* round n is period 100 + n */,
	ROUNDS_MAX = 100,
	PERIOD_NAME_SIZE = 24
};
/* "all", "phase_2", "round_1", as in the file; `name` is given back. */
const char *quota_period_name(uint32_t number, char name[PERIOD_NAME_SIZE]);

enum quota_counts { QUOTA_INITIATIVES = 1, QUOTA_PEOPLE = 2 }; /* stored as smallint */
enum quota_form {
	QUOTA_FIXED, /* a number; of an inner unit it is the aggregate of all below it */
	QUOTA_PER_MEMBER /* hundredths of an initiative for each member */,
	QUOTA_PERCENT /* hundredths of a percent of the members, who have at least one */
};

struct quota_period {
	uint32_t number;
	int32_t first_day, last_day; /* in Vietnam, both inclusive */
};
struct quota_round {
	uint32_t number; /* 1… */
	struct bilingual name;
	int32_t first_day, last_day;
};
/* What one rule says of one unit in one period. */
struct quota_share {
	uint32_t unit, period;
	enum quota_counts counts;
	enum quota_form form;
	uint64_t value;
	uint32_t line; /* of the file */
	uint32_t rule; /* its place in the file, from 0 */
	bool of_group;
};

struct quota_plan {
	const char *file_name;        /* the caller's */
	struct quota_period *periods; /* ascending */
	size_t period_count;
	struct quota_round *rounds;
	size_t round_count;
	struct quota_share *shares; /* by unit, what is counted, period; one each */
	size_t share_count, rule_count;
};

/* Of a campaign file as applied and its units as imported. NULL with a line "FILE:LINE: what; how to mend" for each
 * fault; `notes` gets lines of the same form about what is right and yet worth a look. */
struct quota_plan *quota_plan_parse(const char *file_name, struct bytes yaml, const struct campaign *campaign,
	const struct unit_tree *tree, struct buffer *faults, struct buffer *notes) MUST_CHECK;
void quota_plan_free(struct quota_plan **plan);

const struct quota_period *quota_plan_period(const struct quota_plan *plan, uint32_t number); /* NULL: none */
/* The shares of a unit. */
const struct quota_share *quota_plan_shares(const struct quota_plan *plan, uint32_t unit, size_t *count);

#endif
