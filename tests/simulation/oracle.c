#include "tests/simulation/oracle_inside.h"
#include "tests/simulation/redis_model.h"
#include "tests/simulation/shell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint32_t oracle_parent_of[UNITS] = {0, 0, 1, 1, 2, 2, 3, 3};
struct count *oracle_history[VERSIONS_MAX];
int64_t oracle_newest;
int64_t oracle_closes_at = INT64_MAX;

/* After each commit ----------------------------------------------------------------------------------------------- */

void oracle_on_commit(void)
{
	struct cell campaign = cell_number(CAMPAIGN, 2);
	const struct cell *board = row_now(table_find(BOARD, &campaign));
	int64_t version = board ? cell_value(board[B_VERSION]) : 0;

	free((void *)(uintptr_t)campaign.data);
	world_note((uint64_t)version);
	if (version == oracle_newest)
		return;
	if (version != oracle_newest + 1)
		world_fail("law 5: the board's version went from %" PRId64 " to %" PRId64, oracle_newest, version);
	assert(version < VERSIONS_MAX);
	oracle_newest = version;
	oracle_take_submissions();
	oracle_take_decisions();
	oracle_history[version] = calloc(1, sizeof(*oracle_history[version]));
	assert(oracle_history[version] != NULL);
	oracle_recount(oracle_history[version]);
	oracle_compare(oracle_history[version]);
	oracle_check_copies();
}

/* The end --------------------------------------------------------------------------------------------------------- */

static bool is_quarantined(struct cell id)
{
	for (size_t i = 0; i < tables[QUARANTINE].count; i++)
		if (cell_equal(tables[QUARANTINE].rows[i]->key[Q_SUBMISSION], id) &&
			row_now(tables[QUARANTINE].rows[i]))
			return true;
	return false;
}

void oracle_tell(void)
{
	for (size_t i = 0; world_tells && i < oracle_seen_count; i++) {
		const struct seen *seen = &oracle_seen[i];

		world_tell("%s: text %u of base %u, unit %u, person %u, status %d, %lld revisions",
			oracle_name_of(seen->submission[S_ID]), seen->meant->text, seen->meant->base, seen->meant->unit,
			seen->meant->person, seen->latest ? (int)cell_value(seen->latest[D_STATUS]) : 0,
			(long long)seen->revisions);
	}
}

size_t oracle_undecided(void)
{
	size_t count = 0;

	oracle_take_submissions();
	oracle_take_decisions();
	for (size_t i = 0; i < oracle_seen_count; i++)
		count += !oracle_seen[i].latest && !is_quarantined(oracle_seen[i].submission[S_ID]);
	return count;
}

static bool is_level(const char *generation, uint32_t unit, uint32_t phase)
{
	char key[96], field[16];
	const struct figures *right = &oracle_history[oracle_newest]->at[unit][phase];
	int64_t figures[5]; /* version, entered, counted, people, awarded */
	char *end;

	snprintf(key, sizeof(key), "board:{c%d}:g%s:%u:%u", CAMPAIGN, generation, oracle_parent_of[unit], phase);
	snprintf(field, sizeof(field), "%u", unit);
	const char *text = redis_hash_field(key, field);
	if (!text)
		return right->entered == 0;
	for (size_t i = 0; i < ARRAY_LENGTH(figures); i++, text = end)
		figures[i] = strtoll(text, &end, 10);
	return figures[1] == right->entered && figures[2] == right->by[COUNTED] && figures[3] == right->people;
}

bool oracle_board_is_level(void)
{
	char meta[32];
	const char *applied, *generation;

	snprintf(meta, sizeof(meta), "board:{c%d}:meta", CAMPAIGN);
	applied = redis_hash_field(meta, "applied");
	generation = redis_hash_field(meta, "generation");
	if (oracle_newest == 0)
		return true;
	if (!applied || !generation || strtoll(applied, NULL, 10) != oracle_newest)
		return false;
	for (uint32_t unit = 1; unit < UNITS; unit++)
		for (uint32_t phase = 0; phase < PHASES; phase++)
			if (!is_level(generation, unit, phase))
				world_fail("law 5: Redis says version %" PRId64 " and is wrong in unit %u",
					oracle_newest, unit);
	return true;
}

void oracle_at_end(uint32_t crashes)
{
	size_t quarantined = 0;

	oracle_undecided();
	for (size_t i = 0; i < oracle_seen_count; i++) {
		bool poison = !oracle_seen[i].latest && is_quarantined(oracle_seen[i].submission[S_ID]);

		quarantined += poison;
		if (oracle_seen[i].latest && !oracle_seen[i].meant->valid && !oracle_seen[i].by_person &&
			cell_value(oracle_seen[i].latest[D_STATUS]) != REJECTED)
			world_fail("%s was not refused by the rules", oracle_name_of(oracle_seen[i].submission[S_ID]));
	}
	if (quarantined > 0 && crashes < QUARANTINE_CRASHES)
		world_fail("law 9: %zu in quarantine, and nothing was poison", quarantined);
	oracle_check_copies();
	if (quarantined == 0)
		oracle_check_earliest();
}

bool oracle_pick(uint32_t chance, struct id128 *id)
{
	size_t decided = 0;

	oracle_undecided();
	for (size_t i = 0; i < oracle_seen_count; i++)
		decided += oracle_seen[i].latest != NULL;
	if (decided == 0)
		return false;
	decided = chance % decided;
	for (size_t i = 0; i < oracle_seen_count; i++)
		if (oracle_seen[i].latest && decided-- == 0)
			memcpy(id->octet, oracle_seen[i].submission[S_ID].data, ID128_SIZE);
	return true;
}
