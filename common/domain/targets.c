#include "common/domain/targets.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_BITS = 20 };

struct entry {
	uint32_t campaign, unit, phase;
	uint32_t rank; /* of a second one with the same key */
	struct target target;
};

struct targets {
	atomic_uint holders;
	uint64_t version;
	struct target_round *rounds; /* by campaign and number */
	size_t round_count;
	size_t count;
	struct entry entries[]; /* ascending by campaign, unit, phase, rank */
};

static int compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	if (a->campaign != b->campaign)
		return a->campaign < b->campaign ? -1 : 1;
	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	if (a->phase != b->phase)
		return a->phase < b->phase ? -1 : 1;
	return a->rank < b->rank ? -1 : a->rank > b->rank;
}

static uint64_t figure(const PGresult *rows, int row, int column, bool *there)
{
	*there = !pg_get_null(rows, row, column);
	return *there ? (uint64_t)pg_get_i64(rows, row, column) : 0;
}

static struct entry entry_of(const PGresult *rows, int row)
{
	struct entry entry = {.campaign = (uint32_t)pg_get_i16(rows, row, 0),
		.unit = (uint32_t)pg_get_i32(rows, row, 1),
		.phase = (uint32_t)pg_get_i16(rows, row, 2)};
	struct target *target = &entry.target;
	bool declared;
	uint64_t value = figure(rows, row, 5, &declared);
	target->of_people = pg_get_i16(rows, row, 3) == 2;
	target->value = (uint64_t)pg_get_i64(rows, row, 4);
	target->parts = figure(rows, row, 6, &target->has_parts);
	target->phases = figure(rows, row, 7, &target->has_phases);
	target->differs = declared && ((target->has_parts && target->parts != value) ||
					      (target->has_phases && target->phases != value));
	entry.rank = (declared || !target->has_parts ? 0 : TARGETS_LANES) + target->of_people;
	return entry;
}

static struct targets *read_targets(struct pg *pg, int32_t day, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	pg_day(pg_params(pg), day);
	if (pg_run(pg,
		    "SELECT DISTINCT ON (campaign_id, unit_id, phase, counts) campaign_id, unit_id, phase, counts, "
		    "target, "
		    "declared, parts, phases FROM quota_target WHERE holds_from <= $1 "
		    "ORDER BY campaign_id, unit_id, phase, counts, holds_from DESC",
		    &rows, deadline_ms) != PG_OK)
		return NULL;
	size_t count = (size_t)PQntuples(rows);
	struct targets *targets = calloc(1, sizeof(*targets) + count * sizeof(struct entry));
	if (!targets)
		return NULL;
	atomic_init(&targets->holders, 1);
	targets->count = count;
	for (int row = 0; row < (int)count; row++)
		targets->entries[row] = entry_of(rows, row);
	qsort(targets->entries, count, sizeof(struct entry), compare);
	return targets;
}

static char *text_of(const PGresult *rows, int row, int column)
{
	struct bytes text = pg_get_bytes(rows, row, column);
	return strndup((const char *)text.data, text.size);
}

static bool read_rounds(struct pg *pg, struct targets *targets, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	pg_params(pg);
	if (pg_run(pg,
		    "SELECT campaign_id, number, first_day, last_day, name_vi, name_en FROM quota_round "
		    "ORDER BY campaign_id, number",
		    &rows, deadline_ms) != PG_OK)
		return false;
	targets->rounds = calloc((size_t)PQntuples(rows) + 1, sizeof(*targets->rounds));
	if (!targets->rounds)
		return false;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct target_round *round = &targets->rounds[targets->round_count++];
		*round = (struct target_round){.campaign = (uint32_t)pg_get_i16(rows, row, 0),
			.number = (uint32_t)pg_get_i16(rows, row, 1),
			.first_day = pg_get_day(rows, row, 2),
			.last_day = pg_get_day(rows, row, 3),
			.name_vi = text_of(rows, row, 4),
			.name_en = text_of(rows, row, 5)};
		if (!round->name_vi || !round->name_en)
			return false;
	}
	return true;
}

uint64_t targets_version_of(uint64_t reference, int32_t day)
{
	return reference << DAY_BITS | ((uint64_t)day & ((UINT64_C(1) << DAY_BITS) - 1));
}

struct targets *targets_load(struct pg *pg, uint64_t reference, int32_t day, int64_t deadline_ms)
{
	struct targets *targets = read_targets(pg, day, deadline_ms);
	if (!targets)
		return NULL;
	targets->version = targets_version_of(reference, day);
	if (!read_rounds(pg, targets, deadline_ms))
		targets_release(&targets);
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
	if (!it || atomic_fetch_sub(&it->holders, 1) != 1)
		return;
	for (size_t i = 0; i < it->round_count; i++) {
		free(it->rounds[i].name_vi);
		free(it->rounds[i].name_en);
	}
	free(it->rounds);
	free(it);
}

uint64_t targets_version(const struct targets *targets)
{
	return targets ? targets->version : 0;
}

size_t targets_find_all(const struct targets *targets, uint32_t campaign, uint32_t unit, uint32_t phase,
	struct target found[TARGETS_LANES])
{
	struct entry key = {.campaign = campaign, .unit = unit, .phase = phase};
	size_t low = 0, high = targets ? targets->count : 0, end = high, count = 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(&targets->entries[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < end && count < TARGETS_LANES; low++) {
		const struct entry *entry = &targets->entries[low];
		if (entry->campaign != campaign || entry->unit != unit || entry->phase != phase)
			break;
		found[count++] = entry->target;
	}
	return count;
}

bool targets_find(
	const struct targets *targets, uint32_t campaign, uint32_t unit, uint32_t phase, struct target *target)
{
	struct target found[TARGETS_LANES];
	if (targets_find_all(targets, campaign, unit, phase, found) == 0)
		return false;
	*target = found[0];
	return true;
}

size_t targets_of(const struct targets *targets, const struct reference_campaign *campaign, const struct unit *unit,
	uint32_t phase, int64_t now, struct target found[TARGETS_LANES])
{
	size_t count = targets_find_all(targets, campaign->id, unit->id, phase, found);
	if (count > 0 || phase != 0 || unit->parent != 0)
		return count;
	found[0] = (struct target){.value = campaign_rules_at(campaign->campaign, now)->target};
	return found[0].value > 0;
}

const struct target_round *targets_rounds(const struct targets *targets, uint32_t campaign, size_t *count)
{
	size_t first = 0;
	*count = 0;
	if (!targets)
		return NULL;
	while (first < targets->round_count && targets->rounds[first].campaign < campaign)
		first++;
	while (first + *count < targets->round_count && targets->rounds[first + *count].campaign == campaign)
		(*count)++;
	return targets->rounds + first;
}
