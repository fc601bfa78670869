#include "services/quota/effects.h"

#include "common/runtime/clock.h"
#include "services/quota/hours.h"
#include "services/quota/participants.h"

#include <stdlib.h>

static const char add_totals_sql[] =
	"INSERT INTO unit_total AS t (campaign_id, unit_id, phase, entered, under_review, counted, rejected, "
	"duplicate, revoked, people) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
	"ON CONFLICT (campaign_id, unit_id, phase) DO UPDATE SET entered = t.entered + EXCLUDED.entered, "
	"under_review = t.under_review + EXCLUDED.under_review, counted = t.counted + EXCLUDED.counted, "
	"rejected = t.rejected + EXCLUDED.rejected, duplicate = t.duplicate + EXCLUDED.duplicate, "
	"revoked = t.revoked + EXCLUDED.revoked, people = t.people + EXCLUDED.people "
	"RETURNING entered, under_review, counted, rejected, duplicate, revoked, people, awarded";
enum { RETURNED_ENTERED = 0, RETURNED_COUNTED = 2, RETURNED_PEOPLE = 6, RETURNED_AWARDED = 7, RETURNED_COLUMNS };
static const char add_days_sql[] =
	"INSERT INTO unit_day AS t (campaign_id, unit_id, day, phase, counted, people, newcomers) "
	"SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (campaign_id, unit_id, day, phase) DO UPDATE SET "
	"counted = t.counted + EXCLUDED.counted, people = t.people + EXCLUDED.people, "
	"newcomers = t.newcomers + EXCLUDED.newcomers RETURNING least(counted, people, newcomers)";
static const char add_rounds_sql[] = "INSERT INTO unit_round AS t (campaign_id, unit_id, day, round, people) SELECT * "
				     "FROM unnest($1, $2, $3, $4, $5) "
				     "ON CONFLICT (campaign_id, unit_id, round, day) DO UPDATE SET people = t.people + "
				     "EXCLUDED.people RETURNING people";
/* With them, in the shelter of the root's lock: the hours of the campaigns' last days (deploy/schema/0016_hours.sql).
 */
static const char raise_versions_sql[] =
	"WITH hours AS (INSERT INTO campaign_hour AS h (campaign_id, hour, counted) SELECT c, to_timestamp(t), n "
	"FROM unnest($2, $3, $4) AS u(c, t, n) ON CONFLICT (campaign_id, hour) DO UPDATE SET "
	"counted = h.counted + EXCLUDED.counted), over AS (DELETE FROM campaign_hour WHERE campaign_id = ANY($1) "
	"AND hour < clock_timestamp() - interval '48 hours') "
	"INSERT INTO board AS b (campaign_id, version, moved_at) SELECT k, 1, clock_timestamp() FROM unnest($1) AS k "
	"ON CONFLICT (campaign_id) DO UPDATE SET version = b.version + 1, moved_at = EXCLUDED.moved_at "
	"RETURNING version, coalesce((SELECT t.version FROM unit_tree AS t WHERE t.campaign_id = b.campaign_id), 0)";

static const char trees_sql[] = "SELECT campaign_id, version FROM unit_tree";

static bool add_changes(
	const struct transaction *transaction, const struct sums *sums, const struct change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct decision *now = &changes[i].decision;
		const struct reference_campaign *campaign = reference_by_id(transaction->reference, now->campaign);
		int by = (now->status == STATUS_COUNTED) - (changes[i].before == STATUS_COUNTED);

		if (campaign == NULL || !tally_change(sums->tally, now->campaign, campaign->units, now->unit,
						now->phase, changes[i].before, now->status))
			return false;
		if (by != 0 && !days_change(sums->days, now->campaign, campaign->units, now->unit, now->phase,
				       clock_vietnam_day(now->received_at), by))
			return false;
		if (by != 0 && !hours_change(sums->hours, now->campaign, now->received_at, transaction->now_us, by))
			return false;
	}
	return true;
}

#define PUT_ROWS(p, type, value) PG_PUT_EACH(p, type, r, &rows[i], count, value)

static enum pg_status add_totals(
	struct transaction *transaction, const struct tally_row *rows, size_t count, PGresult **totals)
{
	struct pg_params *p = pg_params(transaction->pg);

	PUT_ROWS(p, PG_OID_INT2, pg_i16(p, (int16_t)r->campaign));
	PUT_ROWS(p, PG_OID_INT4, pg_i32(p, (int32_t)r->unit));
	PUT_ROWS(p, PG_OID_INT2, pg_i16(p, (int16_t)r->phase));
	for (size_t column = 0; column < TALLY_COLUMNS; column++)
		PUT_ROWS(p, PG_OID_INT8, pg_i64(p, r->by[column]));
	return pg_run(transaction->pg, add_totals_sql, totals, transaction->deadline_ms);
}

/* The differences passed the table's constraint, which cannot say that a total is not negative. */
static bool is_sane(const PGresult *totals)
{
	for (int row = 0; row < PQntuples(totals); row++)
		for (int column = 0; column < RETURNED_COLUMNS; column++)
			if (pg_get_i64(totals, row, column) < 0)
				return false;
	return true;
}

static void put_day_keys(struct pg_params *p, const struct day_row *rows, size_t count)
{
	PUT_ROWS(p, PG_OID_INT2, pg_i16(p, (int16_t)r->campaign));
	PUT_ROWS(p, PG_OID_INT4, pg_i32(p, (int32_t)r->unit));
	PUT_ROWS(p, PG_OID_DATE, pg_day(p, r->day));
	PUT_ROWS(p, PG_OID_INT2, pg_i16(p, (int16_t)r->phase));
}

static enum pg_status run_not_negative(struct transaction *transaction, const char *sql)
{
	CLEANUP(pg_result_clear) PGresult *least = NULL;
	enum pg_status status = pg_run(transaction->pg, sql, &least, transaction->deadline_ms);

	for (int row = 0; status == PG_OK && row < PQntuples(least); row++)
		if (pg_get_i64(least, row, 0) < 0)
			return PG_REFUSED;
	return status;
}

static enum pg_status move_days(struct transaction *transaction, struct days *days)
{
	size_t count;
	const struct day_row *rows = days_sorted(days, &count);
	struct pg_params *p = pg_params(transaction->pg);

	if (count == 0)
		return PG_OK;
	put_day_keys(p, rows, count);
	PUT_ROWS(p, PG_OID_INT8, pg_i64(p, r->counted));
	PUT_ROWS(p, PG_OID_INT8, pg_i64(p, r->people));
	PUT_ROWS(p, PG_OID_INT8, pg_i64(p, r->newcomers));
	return run_not_negative(transaction, add_days_sql);
}

static enum pg_status move_rounds(struct transaction *transaction, struct days *rounds)
{
	size_t count = 0;
	const struct day_row *rows = rounds == NULL ? NULL : days_sorted(rounds, &count);
	struct pg_params *p = pg_params(transaction->pg);

	if (count == 0)
		return PG_OK;
	put_day_keys(p, rows, count);
	PUT_ROWS(p, PG_OID_INT8, pg_i64(p, r->people));
	return run_not_negative(transaction, add_rounds_sql);
}

static bool any_rounds(const struct reference *reference)
{
	for (size_t i = 0; i < reference->campaign_count; i++)
		if (reference->campaigns[i].round_count > 0)
			return true;
	return false;
}

struct placed_row {
	uint32_t campaign;
	struct board_row row;
};

static int compare_placed(const void *left, const void *right)
{
	const struct placed_row *a = left, *b = right;

	if (a->campaign != b->campaign)
		return a->campaign < b->campaign ? -1 : 1;
	if (a->row.parent != b->row.parent)
		return a->row.parent < b->row.parent ? -1 : 1;
	if (a->row.phase != b->row.phase)
		return a->row.phase < b->row.phase ? -1 : 1;
	return (a->row.unit > b->row.unit) - (a->row.unit < b->row.unit);
}

/* Rows come back in the order they went in; a board wants them by campaign, parent and phase. */
static bool gather_boards(struct arena *arena, const struct tally_row *rows, const PGresult *totals, size_t count,
	struct board_news **boards, size_t *board_count)
{
	struct placed_row *placed = arena_alloc(arena, count * sizeof(*placed));
	struct board_row *sorted = arena_alloc(arena, count * sizeof(*sorted));

	*boards = arena_alloc(arena, count * sizeof(**boards));
	*board_count = 0;
	if (placed == NULL || sorted == NULL || *boards == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		placed[i] = (struct placed_row){.campaign = rows[i].campaign,
			.row = {.unit = rows[i].unit,
				.parent = rows[i].parent,
				.phase = rows[i].phase,
				.entered = pg_get_i64(totals, (int)i, RETURNED_ENTERED),
				.counted = pg_get_i64(totals, (int)i, RETURNED_COUNTED),
				.people = pg_get_i64(totals, (int)i, RETURNED_PEOPLE),
				.awarded = pg_get_i64(totals, (int)i, RETURNED_AWARDED)}};
	qsort(placed, count, sizeof(*placed), compare_placed);
	for (size_t i = 0; i < count; i++) {
		sorted[i] = placed[i].row;
		if (i == 0 || placed[i].campaign != placed[i - 1].campaign)
			(*boards)[(*board_count)++] =
				(struct board_news){.campaign = placed[i].campaign, .rows = &sorted[i]};
		(*boards)[*board_count - 1].count++;
	}
	return true;
}

static void put_hours(struct pg_params *p, struct hours *hours)
{
	size_t count;
	const struct hour_row *rows = hours_rows(hours, &count);

	PUT_ROWS(p, PG_OID_INT2, pg_i16(p, (int16_t)r->campaign));
	PUT_ROWS(p, PG_OID_INT8, pg_i64(p, r->hour));
	PUT_ROWS(p, PG_OID_INT8, pg_i64(p, r->counted));
}

/* Last of all locks, so that instances wait for each other no longer than a commit takes. */
static enum pg_status raise_versions(
	struct transaction *transaction, struct hours *hours, struct board_news *boards, size_t count)
{
	CLEANUP(pg_result_clear) PGresult *versions = NULL;
	struct pg_params *p = pg_params(transaction->pg);
	enum pg_status status;

	pg_array_begin(p, PG_OID_INT2);
	for (size_t i = 0; i < count; i++)
		pg_i16(p, (int16_t)boards[i].campaign);
	pg_array_end(p);
	put_hours(p, hours);
	status = pg_run(transaction->pg, raise_versions_sql, &versions, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	assert((size_t)PQntuples(versions) == count);
	for (size_t i = 0; i < count; i++) {
		const struct reference_campaign *campaign = reference_by_id(transaction->reference, boards[i].campaign);

		/* Counted for ancestors that are none any more: again, with the tree that is on its way to us. */
		if (campaign == NULL || campaign->tree_version != (uint64_t)pg_get_i64(versions, (int)i, 1))
			return PG_RETRY;
		boards[i].version = pg_get_i64(versions, (int)i, 0);
	}
	return PG_OK;
}

static enum pg_status move_totals(
	struct transaction *transaction, struct sums *sums, struct board_news **boards, size_t *board_count)
{
	CLEANUP(pg_result_clear) PGresult *totals = NULL;
	enum pg_status status;
	size_t count;
	const struct tally_row *rows = tally_sorted(sums->tally, &count);

	if (rows == NULL)
		return PG_REFUSED;
	if (count == 0)
		return PG_OK;
	status = add_totals(transaction, rows, count, &totals);
	if (status != PG_OK)
		return status;
	assert((size_t)PQntuples(totals) == count);
	if (!is_sane(totals))
		return PG_REFUSED;
	if (!gather_boards(transaction->arena, rows, totals, count, boards, board_count))
		return PG_REFUSED;
	return raise_versions(transaction, sums->hours, *boards, *board_count);
}

static enum pg_status apply(struct transaction *transaction, const struct change *changes, size_t count,
	struct board_news **boards, size_t *board_count)
{
	struct sums sums = {.tally = tally_new(transaction->arena),
		.days = days_new(transaction->arena),
		.hours = hours_new(transaction->arena)};
	enum pg_status status;

	*boards = NULL;
	*board_count = 0;
	bool rounds = any_rounds(transaction->reference);
	if (rounds)
		sums.rounds = days_new(transaction->arena);
	if (sums.tally == NULL || sums.days == NULL || sums.hours == NULL || (rounds && sums.rounds == NULL) ||
		!add_changes(transaction, &sums, changes, count))
		return PG_REFUSED;
	status = participants_apply(transaction, changes, count, &sums);
	if (status == PG_OK)
		status = move_days(transaction, sums.days);
	if (status == PG_OK)
		status = move_rounds(transaction, sums.rounds);
	return status == PG_OK ? move_totals(transaction, &sums, boards, board_count) : status;
}

/* Whose ancestors or rounds have changed since: what was counted for those of before may well be less than nothing. */
static bool is_of_another_tree(const struct transaction *transaction)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	bool other = false;

	pg_params(transaction->pg);
	if (pg_run(transaction->pg, trees_sql, &rows, transaction->deadline_ms) != PG_OK)
		return false;
	for (int row = 0; row < PQntuples(rows); row++) {
		const struct reference_campaign *campaign =
			reference_by_id(transaction->reference, (uint32_t)pg_get_i16(rows, row, 0));
		other |= campaign != NULL && campaign->tree_version != (uint64_t)pg_get_i64(rows, row, 1);
	}
	return other;
}

enum pg_status effects_apply(struct transaction *transaction, const struct change *changes, size_t count,
	struct board_news **boards, size_t *board_count)
{
	enum pg_status status = apply(transaction, changes, count, boards, board_count);

	/* A refusal of ours, not of PostgreSQL's. */
	if (status == PG_REFUSED && pg_sqlstate(transaction->pg)[0] == '\0' && is_of_another_tree(transaction))
		return PG_RETRY;
	return status;
}
