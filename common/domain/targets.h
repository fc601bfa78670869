/* The targets of every unit as they hold today, and the rounds there are: an immutable snapshot of what `sangkien
 * quotas apply` stored, shared by counting its holders. */
#ifndef SANGKIEN_DOMAIN_TARGETS_H
#define SANGKIEN_DOMAIN_TARGETS_H

#include "common/domain/reference.h"
#include "common/runtime/pg.h"

/* Rounds of emulation (R20) have their targets as phases from here on: round n is 100 + n. */
enum { TARGETS_ROUND_FIRST = 100, TARGETS_LANES = 2 /* one of initiatives, one of people */ };

struct targets;
struct target {
	uint64_t value; /* the declared one where there is one, else the sum of the parts */
	bool of_people; /* counts people rather than initiatives */
	bool has_parts, has_phases;
	uint64_t parts;  /* what the targets of the unit's children come to */
	uint64_t phases; /* of a whole that was declared beside its phases: what they come to */
	bool differs;    /* what was declared is not what its parts or phases come to */
};
struct target_round {
	uint32_t campaign, number;
	int32_t first_day, last_day; /* in Vietnam, both inclusive */
	char *name_vi, *name_en;
};

/* As of a day in Vietnam. NULL: PostgreSQL failed, or no memory. `reference` is the version of the reference data. */
struct targets *targets_load(struct pg *pg, uint64_t reference, int32_t day, int64_t deadline_ms) MUST_CHECK;
struct targets *targets_hold(struct targets *targets);
void targets_release(struct targets **targets); /* tolerates NULL */
/* Of the reference data and the day together, 0 for NULL; another one where one of them is another. */
uint64_t targets_version(const struct targets *targets);
uint64_t targets_version_of(uint64_t reference, int32_t day);

/* Phase 0 is the whole campaign. False: none. `targets` may be NULL. A unit may have one of initiatives and one of
 * people: the declared one goes before the sum, then initiatives. */
bool targets_find(const struct targets *targets, uint32_t campaign, uint32_t unit, uint32_t phase,
	struct target *target) MUST_CHECK;
/* Both of them, in that order; the result is how many, 0 to 2. */
size_t targets_find_all(const struct targets *targets, uint32_t campaign, uint32_t unit, uint32_t phase,
	struct target found[TARGETS_LANES]);
/* What counts for a unit: these, and for the root's whole the rule pack's target at `now` where there is none. */
size_t targets_of(const struct targets *targets, const struct reference_campaign *campaign, const struct unit *unit,
	uint32_t phase, int64_t now, struct target found[TARGETS_LANES]);
/* The rounds of a campaign in their order, borrowed. */
const struct target_round *targets_rounds(const struct targets *targets, uint32_t campaign, size_t *count);

#endif
