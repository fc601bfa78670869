#include "tests/simulation/oracle_inside.h"
#include "tests/simulation/redis_model.h"
#include "tests/simulation/shell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t parent_of[UNITS] = {0, 0, 1, 1, 2, 2, 3, 3};
static const uint32_t top_of[UNITS] = {0, 0, 2, 3, 2, 2, 3, 3};
/* 2026-11-02T09:00:08+07:00 */
static const int64_t second_phase_at = INT64_C(1793584808000000);

static const struct meant *known[SUBMISSIONS_MAX];
static size_t known_count;
static struct seen all[SUBMISSIONS_MAX];
static size_t all_count;
struct count *oracle_history[VERSIONS_MAX]; /* by version of the board */
int64_t oracle_newest;
int64_t oracle_closes_at = INT64_MAX;

void oracle_know(const struct meant *meant)
{
	assert(known_count < SUBMISSIONS_MAX);
	known[known_count++] = meant;
}

const struct meant *oracle_meant_by(struct cell description)
{
	for (size_t i = 0; i < known_count; i++)
		if ((size_t)description.size == strlen(known[i]->description) &&
			memcmp(description.data, known[i]->description, (size_t)description.size) == 0)
			return known[i];
	world_fail("law 4: a submission is stored that nobody sent");
}

const char *oracle_name_of(struct cell id)
{
	static char names[4][16]; /* of the latest that were asked for */
	static size_t next;
	char *name = names[next++ % ARRAY_LENGTH(names)];

	snprintf(name, sizeof(names[0]), "%02x%02x%02x", id.data[5], id.data[6], id.data[7]);
	return name;
}

/* Reading the rows ------------------------------------------------------------------------------------------------ */

static void take_submissions(void)
{
	all_count = 0;
	for (size_t i = 0; i < tables[SUBMISSION].count; i++) {
		const struct cell *s = row_now(tables[SUBMISSION].rows[i]);

		if (!s)
			continue;
		assert(all_count < SUBMISSIONS_MAX);
		all[all_count++] = (struct seen){.submission = s, .meant = oracle_meant_by(s[S_DESCRIPTION])};
	}
}

/* Both tables are in the order of ids. */
static void take_decisions(void)
{
	size_t at = 0;

	for (size_t i = 0; i < tables[DECISION].count; i++) {
		const struct cell *d = row_now(tables[DECISION].rows[i]);

		if (!d)
			continue;
		while (at < all_count && cell_compare(all[at].submission[S_ID], d[D_ID]) < 0)
			at++;
		if (at == all_count || !cell_equal(all[at].submission[S_ID], d[D_ID]))
			world_fail("law 2: a decision on what was never stored");
		if (cell_value(d[D_REVISION]) != ++all[at].revisions)
			world_fail("law 2: %s has no revision %" PRId64, oracle_name_of(d[D_ID]), all[at].revisions);
		if ((all[at].revisions == 1) != (cell_value(d[D_DECIDED_BY]) == BY_MACHINE))
			world_fail("law 2: revision %" PRId64 " of %s by %" PRId64, all[at].revisions,
				oracle_name_of(d[D_ID]), cell_value(d[D_DECIDED_BY]));
		if (all[at].by_person && cell_value(d[D_DECIDED_BY]) != BY_REVIEWER &&
			cell_value(d[D_STATUS]) == DUPLICATE)
			world_fail("law 2: a machine replaced a person's word on %s", oracle_name_of(d[D_ID]));
		all[at].by_person |= cell_value(d[D_DECIDED_BY]) == BY_REVIEWER;
		all[at].latest = d;
	}
}

static uint32_t phase_of(const struct cell *submission)
{
	return cell_value(submission[S_RECEIVED_AT]) + EPOCH_2000_US < second_phase_at ? 1 : 2;
}

/* Counting -------------------------------------------------------------------------------------------------------- */

static void count_one(const struct seen *seen, struct count *count, uint64_t people[UNITS][PHASES])
{
	int64_t status = cell_value(seen->latest[D_STATUS]);
	uint32_t phases[2] = {0, phase_of(seen->submission)};

	if (cell_value(seen->latest[D_PHASE]) != phases[1])
		world_fail("law 6: %s is counted for another phase than that of its receipt",
			oracle_name_of(seen->submission[S_ID]));
	for (uint32_t unit = (uint32_t)cell_value(seen->submission[S_UNIT]); unit != 0; unit = parent_of[unit])
		for (size_t i = 0; i < 2; i++) {
			struct figures *at = &count->at[unit][phases[i]];

			at->entered++;
			at->by[status]++;
			if (status == COUNTED)
				people[unit][phases[i]] |= UINT64_C(1) << seen->meant->person;
		}
}

static void recount(struct count *count)
{
	uint64_t people[UNITS][PHASES] = {0};

	*count = (struct count){0};
	for (size_t i = 0; i < all_count; i++)
		if (all[i].latest)
			count_one(&all[i], count, people);
	for (size_t unit = 1; unit < UNITS; unit++)
		for (size_t phase = 0; phase < PHASES; phase++)
			count->at[unit][phase].people = __builtin_popcountll(people[unit][phase]);
}

static void compare(const struct count *count)
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

/* Copies ---------------------------------------------------------------------------------------------------------- */

static bool stands(const struct seen *seen)
{
	int64_t status = seen->latest ? cell_value(seen->latest[D_STATUS]) : 0;

	return status == UNDER_REVIEW || status == COUNTED;
}

/* Where a reviewer has spoken on anything of a base, people may have let copies stand. */
static bool is_left_to_machines(uint32_t base)
{
	for (size_t i = 0; i < all_count; i++)
		if (all[i].meant->base == base && all[i].by_person)
			return false;
	return true;
}

/* A copy that was received earlier takes over what the later one is, and one text may stand in the index for others
 * that resemble it; either may be of another province, where near copies are not looked for. So near copies are held to
 * the law where all that resemble each other are of one province. */
static bool is_of_one_top(uint32_t base)
{
	uint32_t top = 0;

	for (size_t i = 0; i < all_count; i++) {
		if (all[i].meant->base != base)
			continue;
		if (top != 0 && top_of[all[i].meant->unit] != top)
			return false;
		top = top_of[all[i].meant->unit];
	}
	return true;
}

static bool is_near(const struct seen *a, const struct seen *b)
{
	return a->meant->base == b->meant->base && is_of_one_top(a->meant->base);
}

static void check_pair(const struct seen *a, const struct seen *b)
{
	if (a->meant->text == b->meant->text)
		world_fail("law 3: two copies of text %u stand: %s and another", a->meant->text,
			oracle_name_of(a->submission[S_ID]));
	if (is_near(a, b))
		world_fail("law 3: near copies of text %u stand: %s and another", a->meant->base,
			oracle_name_of(a->submission[S_ID]));
}

static void check_copies(void)
{
	for (size_t i = 0; i < all_count; i++)
		for (size_t k = i + 1; k < all_count; k++)
			if (all[i].meant->base == all[k].meant->base && stands(&all[i]) && stands(&all[k]) &&
				is_left_to_machines(all[i].meant->base))
				check_pair(&all[i], &all[k]);
}

/* Once all are decided: no copy stands behind one that was received later. */
static void check_earliest(void)
{
	for (size_t i = 0; i < all_count; i++)
		for (size_t k = 0; stands(&all[i]) && k < all_count; k++)
			if (all[k].meant->text == all[i].meant->text && all[k].latest &&
				cell_value(all[k].latest[D_STATUS]) == DUPLICATE &&
				cell_equal(all[k].latest[D_DUPLICATE_OF], all[i].submission[S_ID]) &&
				cell_compare(all[k].submission[S_RECEIVED_AT], all[i].submission[S_RECEIVED_AT]) < 0 &&
				is_left_to_machines(all[i].meant->base))
				world_fail("law 3: %s stands, but a copy of it was received earlier",
					oracle_name_of(all[i].submission[S_ID]));
}

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
	take_submissions();
	take_decisions();
	oracle_history[version] = calloc(1, sizeof(*oracle_history[version]));
	assert(oracle_history[version] != NULL);
	recount(oracle_history[version]);
	compare(oracle_history[version]);
	check_copies();
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
	for (size_t i = 0; world_tells && i < all_count; i++) {
		const struct seen *seen = &all[i];

		world_tell("%s: text %u of base %u, unit %u, person %u, status %d, %lld revisions",
			oracle_name_of(seen->submission[S_ID]), seen->meant->text, seen->meant->base, seen->meant->unit,
			seen->meant->person, seen->latest ? (int)cell_value(seen->latest[D_STATUS]) : 0,
			(long long)seen->revisions);
	}
}

size_t oracle_undecided(void)
{
	size_t count = 0;

	take_submissions();
	take_decisions();
	for (size_t i = 0; i < all_count; i++)
		count += !all[i].latest && !is_quarantined(all[i].submission[S_ID]);
	return count;
}

static bool is_level(const char *generation, uint32_t unit, uint32_t phase)
{
	char key[96], field[16];
	const struct figures *right = &oracle_history[oracle_newest]->at[unit][phase];
	int64_t figures[5]; /* version, entered, counted, people, awarded */
	char *end;

	snprintf(key, sizeof(key), "board:{c%d}:g%s:%u:%u", CAMPAIGN, generation, parent_of[unit], phase);
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
	for (size_t i = 0; i < all_count; i++) {
		bool poison = !all[i].latest && is_quarantined(all[i].submission[S_ID]);

		quarantined += poison;
		if (all[i].latest && !all[i].meant->valid && !all[i].by_person &&
			cell_value(all[i].latest[D_STATUS]) != REJECTED)
			world_fail("%s was not refused by the rules", oracle_name_of(all[i].submission[S_ID]));
	}
	if (quarantined > 0 && crashes < QUARANTINE_CRASHES)
		world_fail("law 9: %zu in quarantine, and nothing was poison", quarantined);
	check_copies();
	if (quarantined == 0)
		check_earliest();
}

bool oracle_pick(uint32_t chance, struct id128 *id)
{
	size_t decided = 0;

	oracle_undecided();
	for (size_t i = 0; i < all_count; i++)
		decided += all[i].latest != NULL;
	if (decided == 0)
		return false;
	decided = chance % decided;
	for (size_t i = 0; i < all_count; i++)
		if (all[i].latest && decided-- == 0)
			memcpy(id->octet, all[i].submission[S_ID].data, ID128_SIZE);
	return true;
}
