/* What every unit has, counted from the rows anew (laws 2, 4 and 6). */
#include "tests/simulation/oracle_inside.h"
#include "tests/simulation/shell.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* 2026-11-02T09:00:08+07:00 */
static const int64_t second_phase_at = INT64_C(1793584808000000);

static uint32_t phase_of(const struct cell *submission)
{
	return cell_value(submission[S_RECEIVED_AT]) + EPOCH_2000_US < second_phase_at ? 1 : 2;
}

static void count_one(const struct seen *seen, struct count *count, uint64_t people[UNITS][PHASES])
{
	int64_t status = cell_value(seen->latest[D_STATUS]);
	uint32_t phases[2] = {0, phase_of(seen->submission)};

	if (cell_value(seen->latest[D_PHASE]) != phases[1])
		world_fail("law 6: %s is counted for another phase than that of its receipt",
			oracle_name_of(seen->submission[S_ID]));
	for (uint32_t unit = (uint32_t)cell_value(seen->submission[S_UNIT]); unit != 0; unit = oracle_parent_of[unit])
		for (size_t i = 0; i < 2; i++) {
			struct figures *at = &count->at[unit][phases[i]];

			at->entered++;
			at->by[status]++;
			if (status == COUNTED)
				people[unit][phases[i]] |= UINT64_C(1) << seen->meant->person;
		}
}

void oracle_recount(struct count *count)
{
	uint64_t people[UNITS][PHASES] = {0};

	*count = (struct count){0};
	for (size_t i = 0; i < oracle_seen_count; i++)
		if (oracle_seen[i].latest)
			count_one(&oracle_seen[i], count, people);
	for (size_t unit = 1; unit < UNITS; unit++)
		for (size_t phase = 0; phase < PHASES; phase++)
			count->at[unit][phase].people = __builtin_popcountll(people[unit][phase]);
}

void oracle_compare(const struct count *count)
{
	static const struct figures none;

	for (uint32_t unit = 1; unit < UNITS; unit++)
		for (uint32_t phase = 0; phase < PHASES; phase++) {
			const struct cell key[] = {
				cell_number(CAMPAIGN, 2), cell_number(unit, 4), cell_number(phase, 2)};
			const struct cell *t = row_now(table_find(UNIT_TOTAL, key));
			const struct figures *right = &count->at[unit][phase];
			struct figures stored = none;

			for (size_t i = 0; i < ARRAY_LENGTH(key); i++)
				free((void *)(uintptr_t)key[i].data);
			if (t)
				stored = (struct figures){cell_value(t[T_ENTERED]),
					{0, cell_value(t[T_UNDER_REVIEW]), cell_value(t[T_COUNTED]),
						cell_value(t[T_REJECTED]), cell_value(t[T_DUPLICATE]),
						cell_value(t[T_REVOKED])},
					cell_value(t[T_PEOPLE])};
			if (memcmp(&stored, right, sizeof(stored)) != 0)
				world_fail("laws 2 and 4: unit %u phase %u has %" PRId64 " entered, %" PRId64
					   " counted, %" PRId64 " people; a recount gives %" PRId64 ", %" PRId64
					   ", %" PRId64,
					unit, phase, stored.entered, stored.by[COUNTED], stored.people, right->entered,
					right->by[COUNTED], right->people);
		}
}
