#include "services/quota/participants.h"

#include "common/runtime/clock.h"

#include <stdlib.h>
#include <string.h>

static const char add_persons_sql[] = "INSERT INTO person (campaign_id, person) SELECT * FROM unnest($1, $2) "
				      "ON CONFLICT DO NOTHING RETURNING campaign_id, person";
static const char lock_persons_sql[] = "SELECT k.n FROM unnest($1, $2) WITH ORDINALITY AS k(campaign_id, person, n) "
				       "JOIN person AS p USING (campaign_id, person) ORDER BY k.n FOR UPDATE OF p";
static const char read_sql[] = "SELECT k.n, r.unit_id, r.phase, r.day, r.counted FROM unnest($1, $2) WITH ORDINALITY "
			       "AS k(campaign_id, person, n) "
			       "JOIN participation AS r USING (campaign_id, person) ORDER BY k.n";
/* The person's lock makes the new value certain, and a difference could be below zero, which the table refuses. */
static const char write_sql[] =
	"INSERT INTO participation (campaign_id, person, unit_id, phase, day, counted) "
	"SELECT * FROM unnest($1, $2, $3, $4, $5, $6) "
	"ON CONFLICT (campaign_id, person, unit_id, phase, day) DO UPDATE SET counted = EXCLUDED.counted";

/* What one person's count in one unit, of one phase and day, becomes. */
struct step {
	uint32_t campaign;
	struct id128 person;
	uint32_t unit, phase;
	int32_t day;
	int64_t by, after;
};

struct participant {
	uint32_t campaign;
	struct id128 person;
	struct step *steps;
	size_t step_count;
	bool is_new;                  /* this transaction's row: locked, and nothing is known of them yet */
	struct participation *before; /* all their rows */
	size_t before_count;
};

struct participants {
	struct transaction *transaction;
	struct step *steps; /* in key order */
	size_t step_count;
	struct participant *rows; /* in key order */
	size_t count;
};

static int compare_persons(const struct step *a, const struct step *b)
{
	if (a->campaign != b->campaign)
		return a->campaign < b->campaign ? -1 : 1;
	return id128_compare(&a->person, &b->person);
}

static int compare_steps(const void *left, const void *right)
{
	const struct step *a = left, *b = right;
	int order = compare_persons(a, b);

	if (order != 0)
		return order;
	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	if (a->phase != b->phase)
		return a->phase < b->phase ? -1 : 1;
	return (a->day > b->day) - (a->day < b->day);
}

/* Sorted, one a key, none that moves nothing. */
static void add_up(struct participants *all)
{
	size_t kept = 0;

	qsort(all->steps, all->step_count, sizeof(*all->steps), compare_steps);
	for (size_t from = 0, to; from < all->step_count; from = to) {
		struct step sum = all->steps[from];

		for (to = from + 1; to < all->step_count && compare_steps(&sum, &all->steps[to]) == 0; to++)
			sum.by += all->steps[to].by;
		if (sum.by != 0)
			all->steps[kept++] = sum;
	}
	all->step_count = kept;
}

static bool gather(struct participants *all, const struct change *changes, size_t count)
{
	all->steps = arena_alloc(all->transaction->arena, count * sizeof(*all->steps));
	all->rows = arena_alloc(all->transaction->arena, count * sizeof(*all->rows));
	if (all->steps == NULL || all->rows == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct decision *now = &changes[i].decision;
		int by = (now->status == STATUS_COUNTED) - (changes[i].before == STATUS_COUNTED);

		if (by != 0)
			all->steps[all->step_count++] = (struct step){.campaign = now->campaign,
				.person = now->person,
				.unit = now->unit,
				.phase = now->phase,
				.day = clock_vietnam_day(now->received_at),
				.by = by};
	}
	add_up(all);
	for (size_t i = 0; i < all->step_count; i++) {
		if (i == 0 || compare_persons(&all->steps[i], &all->steps[i - 1]) != 0)
			all->rows[all->count++] = (struct participant){.campaign = all->steps[i].campaign,
				.person = all->steps[i].person,
				.steps = &all->steps[i]};
		all->rows[all->count - 1].step_count++;
	}
	return true;
}

/* All persons, or only those that were there before. */
static size_t put_persons(struct pg_params *p, const struct participants *all, bool only_old)
{
	size_t count = 0;

	pg_array_begin(p, PG_OID_INT2);
	for (size_t i = 0; i < all->count; i++)
		if (!only_old || !all->rows[i].is_new)
			pg_i16(p, (int16_t)all->rows[i].campaign);
	pg_array_end(p);
	pg_array_begin(p, PG_OID_BYTEA);
	for (size_t i = 0; i < all->count; i++) {
		if (only_old && all->rows[i].is_new)
			continue;
		pg_bytea(p, (struct bytes){.data = all->rows[i].person.octet, .size = ID128_SIZE});
		count++;
	}
	pg_array_end(p);
	return count;
}

/* Rows come back in the order they went in. */
static void mark_new(struct participants *all, const PGresult *added)
{
	int row = 0;

	for (size_t i = 0; i < all->count && row < PQntuples(added); i++) {
		struct bytes person = pg_get_bytes(added, row, 1);
		struct participant *at = &all->rows[i];

		at->is_new = (uint32_t)pg_get_i16(added, row, 0) == at->campaign && person.size == ID128_SIZE &&
			     memcmp(person.data, &at->person, ID128_SIZE) == 0;
		row += at->is_new;
	}
	assert(row == PQntuples(added));
}

static enum pg_status lock(struct participants *all, size_t *old_count)
{
	CLEANUP(pg_result_clear) PGresult *added = NULL, *locked = NULL;
	struct pg *pg = all->transaction->pg;
	struct pg_params *p = pg_params(pg);
	enum pg_status status;

	put_persons(p, all, false);
	status = pg_run(pg, add_persons_sql, &added, all->transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	mark_new(all, added);
	*old_count = all->count - (size_t)PQntuples(added);
	if (*old_count == 0)
		return PG_OK;
	p = pg_params(pg);
	put_persons(p, all, true);
	status = pg_run(pg, lock_persons_sql, &locked, all->transaction->deadline_ms);
	if (status == PG_OK && (size_t)PQntuples(locked) != *old_count)
		return PG_RETRY;
	return status;
}

static bool take_before(struct participants *all, const PGresult *rows)
{
	struct participation *before = arena_alloc(all->transaction->arena, (size_t)PQntuples(rows) * sizeof(*before));
	int row = 0;
	int64_t number = 0;

	if (before == NULL)
		return false;
	for (size_t i = 0; i < all->count; i++) {
		struct participant *at = &all->rows[i];

		if (at->is_new)
			continue;
		number++;
		at->before = &before[row];
		for (; row < PQntuples(rows) && pg_get_i64(rows, row, 0) == number; row++) {
			before[row] = (struct participation){.unit = (uint32_t)pg_get_i32(rows, row, 1),
				.phase = (uint32_t)pg_get_i16(rows, row, 2),
				.day = pg_get_day(rows, row, 3),
				.counted = pg_get_i32(rows, row, 4)};
			at->before_count++;
		}
	}
	assert(row == PQntuples(rows));
	return true;
}

static enum pg_status read_before(struct participants *all)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	enum pg_status status;

	put_persons(pg_params(all->transaction->pg), all, true);
	status = pg_run(all->transaction->pg, read_sql, &rows, all->transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	return take_before(all, rows) ? PG_OK : PG_REFUSED;
}

static bool finish_steps(struct participant *at)
{
	for (size_t i = 0; i < at->step_count; i++) {
		struct step *step = &at->steps[i];

		step->after = step->by;
		for (size_t k = 0; k < at->before_count; k++)
			if (at->before[k].unit == step->unit && at->before[k].phase == step->phase &&
				at->before[k].day == step->day)
				step->after += at->before[k].counted;
		if (step->after < 0)
			return false;
	}
	return true;
}

static bool add_move(
	const struct sums *sums, uint32_t campaign, const struct unit_tree *units, const struct people_move *move)
{
	struct people_move of_round = *move;

	if (move->period > PEOPLE_ROUND_FIRST) {
		of_round.phase = move->period - PEOPLE_ROUND_FIRST;
		return days_people(sums->rounds, campaign, units, &of_round);
	}
	return tally_people(sums->tally, campaign, units, move->unit, move->period, move->by) &&
	       days_people(sums->days, campaign, units, move);
}

static enum pg_status tally_one(const struct participants *all, struct participant *at, const struct sums *sums)
{
	struct arena *arena = all->transaction->arena;
	const struct reference_campaign *campaign = reference_by_id(all->transaction->reference, at->campaign);
	struct participation *moves = arena_alloc(arena, at->step_count * sizeof(*moves));
	struct people_move *found;
	size_t count;

	/* Below zero: somebody counted less than once. The rows are damaged, and nothing may follow from them. */
	if (campaign == NULL || !finish_steps(at))
		return PG_REFUSED;
	if (moves == NULL)
		return PG_REFUSED;
	for (size_t i = 0; i < at->step_count; i++)
		moves[i] = (struct participation){.unit = at->steps[i].unit,
			.phase = at->steps[i].phase,
			.day = at->steps[i].day,
			.counted = at->steps[i].by};
	const struct people_grounds grounds = {
		.tree = campaign->units, .rounds = campaign->rounds, .round_count = campaign->round_count};
	if (!people_moves(&grounds, at->before, at->before_count, moves, at->step_count, arena, &found, &count))
		return PG_REFUSED;
	for (size_t i = 0; i < count; i++)
		if (!add_move(sums, at->campaign, campaign->units, &found[i]))
			return PG_REFUSED;
	return PG_OK;
}

#define PUT_STEPS(p, type, value) PG_PUT_EACH(p, type, s, &all->steps[i], all->step_count, value)

static enum pg_status write_after(const struct participants *all)
{
	struct pg_params *p = pg_params(all->transaction->pg);

	PUT_STEPS(p, PG_OID_INT2, pg_i16(p, (int16_t)s->campaign));
	PUT_STEPS(p, PG_OID_BYTEA, pg_bytea(p, (struct bytes){.data = s->person.octet, .size = ID128_SIZE}));
	PUT_STEPS(p, PG_OID_INT4, pg_i32(p, (int32_t)s->unit));
	PUT_STEPS(p, PG_OID_INT2, pg_i16(p, (int16_t)s->phase));
	PUT_STEPS(p, PG_OID_DATE, pg_day(p, s->day));
	PUT_STEPS(p, PG_OID_INT4, pg_i32(p, (int32_t)s->after));
	return pg_run(all->transaction->pg, write_sql, NULL, all->transaction->deadline_ms);
}

enum pg_status participants_apply(
	struct transaction *transaction, const struct change *changes, size_t count, const struct sums *sums)
{
	struct participants all = {.transaction = transaction};
	enum pg_status status;
	size_t old_count;

	if (!gather(&all, changes, count))
		return PG_REFUSED;
	if (all.count == 0)
		return PG_OK;
	status = lock(&all, &old_count);
	if (status == PG_OK && old_count > 0)
		status = read_before(&all);
	for (size_t i = 0; status == PG_OK && i < all.count; i++)
		status = tally_one(&all, &all.rows[i], sums);
	return status == PG_OK ? write_after(&all) : status;
}
