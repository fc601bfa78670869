#include "services/leaderboard/targets.h"

#include <stdatomic.h>
#include <stdlib.h>

struct entry {
	uint32_t campaign, unit, phase;
	struct target target;
};

struct targets {
	atomic_uint holders;
	uint64_t version;
	size_t count;
	struct entry entries[]; /* ascending by campaign, unit, phase */
};

static int compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	if (a->campaign != b->campaign)
		return a->campaign < b->campaign ? -1 : 1;
	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	return a->phase < b->phase ? -1 : a->phase > b->phase;
}

struct targets *targets_load(struct pg *pg, uint64_t version, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	pg_params(pg);
	if (pg_run(pg, "SELECT campaign_id, unit_id, phase, counts, target FROM quota_target", &rows, deadline_ms) !=
		PG_OK)
		return NULL;
	size_t count = (size_t)PQntuples(rows);
	struct targets *targets = malloc(sizeof(*targets) + count * sizeof(struct entry));
	if (!targets)
		return NULL;
	atomic_init(&targets->holders, 1);
	targets->version = version;
	targets->count = count;
	for (int row = 0; row < (int)count; row++)
		targets->entries[row] = (struct entry){.campaign = (uint32_t)pg_get_i16(rows, row, 0),
			.unit = (uint32_t)pg_get_i32(rows, row, 1),
			.phase = (uint32_t)pg_get_i16(rows, row, 2),
			.target = {.value = (uint64_t)pg_get_i64(rows, row, 4),
				.of_people = pg_get_i16(rows, row, 3) == 2}};
	qsort(targets->entries, count, sizeof(struct entry), compare);
	return targets;
}

struct targets *targets_hold(struct targets *targets)
{
	if (targets)
		atomic_fetch_add(&targets->holders, 1);
	return targets;
}

void targets_release(struct targets **targets)
{
	struct targets *it = *targets;
	*targets = NULL;
	if (it && atomic_fetch_sub(&it->holders, 1) == 1)
		free(it);
}

uint64_t targets_version(const struct targets *targets)
{
	return targets ? targets->version : 0;
}

bool targets_find(
	const struct targets *targets, uint32_t campaign, uint32_t unit, uint32_t phase, struct target *target)
{
	struct entry key = {.campaign = campaign, .unit = unit, .phase = phase};
	const struct entry *found = targets && targets->count > 0 ? bsearch(&key, targets->entries, targets->count,
									    sizeof(struct entry), compare)
								  : NULL;
	if (found)
		*target = found->target;
	return found != NULL;
}
