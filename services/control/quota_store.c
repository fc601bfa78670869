#include "services/control/quota_store.h"

#include "services/control/move_totals.h"
#include "services/control/round_people.h"
#include "services/control/session.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { TARGET_COLUMNS = 9 };

bool quota_store_source(struct pg *pg, uint32_t campaign, struct buffer *source)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	pg_i16(pg_params(pg), (int16_t)campaign);
	if (pg_run(pg, "SELECT source FROM quota_plan WHERE campaign_id = $1", &rows, session_deadline()) != PG_OK)
		return false;
	if (PQntuples(rows) == 1) {
		struct bytes text = pg_get_bytes(rows, 0, 0);
		buffer_add(source, text.data, text.size);
	}
	return !source->failed;
}

bool quota_store_members(struct pg *pg, uint32_t campaign, struct member_counts *members)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	const struct member_count *twice;

	pg_i16(pg_params(pg), (int16_t)campaign);
	if (pg_run(pg, "SELECT unit_id, holds_from, members FROM member_count WHERE campaign_id = $1", &rows,
		    session_deadline()) != PG_OK)
		return false;
	members->count = (size_t)PQntuples(rows);
	members->rows = calloc(members->count + 1, sizeof(*members->rows));
	assert(members->rows != NULL);
	for (int i = 0; i < PQntuples(rows); i++)
		members->rows[i] = (struct member_count){.unit = (uint32_t)pg_get_i32(rows, i, 0),
			.from = pg_get_day(rows, i, 1),
			.members = (uint64_t)pg_get_i64(rows, i, 2)};
	return member_counts_sort(members, &twice); /* the table's key has it once */
}

/* Everything that is stored, octet by octet: structures have holes. */
static void add_number(crypto_generichash_state *hash, uint64_t number)
{
	crypto_generichash_update(hash, (const uint8_t *)&number, sizeof(number));
}

static void digest_of(const struct quota_state *state, uint8_t digest[crypto_generichash_BYTES])
{
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, NULL, 0, crypto_generichash_BYTES);
	crypto_generichash_update(&hash, state->source.data, state->source.size);
	add_number(&hash, state->members->count);
	for (size_t i = 0; i < state->members->count; i++) {
		add_number(&hash, state->members->rows[i].unit);
		add_number(&hash, (uint64_t)state->members->rows[i].from);
		add_number(&hash, state->members->rows[i].members);
	}
	for (size_t i = 0; i < state->targets->count; i++) {
		const struct quota_target *row = &state->targets->rows[i];
		add_number(&hash, row->unit);
		add_number(&hash, (uint64_t)row->period << 8 | (uint64_t)row->counts << 4 | row->has_declared << 2 |
					  row->has_parts << 1 | row->has_phases);
		add_number(&hash, (uint64_t)row->holds_from);
		add_number(&hash, row->declared);
		add_number(&hash, row->parts);
		add_number(&hash, row->phases);
	}
	crypto_generichash_final(&hash, digest, crypto_generichash_BYTES);
}

static bool run(struct pg *pg, const char *sql)
{
	return pg_run(pg, sql, NULL, session_deadline()) == PG_OK;
}

static bool is_in_force(struct pg *pg, uint32_t campaign, const uint8_t digest[crypto_generichash_BYTES], bool *same)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct pg_params *p = pg_params(pg);

	pg_i16(p, (int16_t)campaign);
	pg_bytea(p, (struct bytes){digest, crypto_generichash_BYTES});
	if (pg_run(pg, "SELECT FROM quota_plan WHERE campaign_id = $1 AND digest = $2", &rows, session_deadline()) !=
		PG_OK)
		return false;
	*same = PQntuples(rows) == 1;
	return true;
}

static bool save_source(struct pg *pg, const struct quota_state *state, const uint8_t digest[crypto_generichash_BYTES])
{
	struct pg_params *p = pg_params(pg);

	pg_i16(p, (int16_t)state->campaign);
	pg_text(p, state->source);
	pg_bytea(p, (struct bytes){digest, crypto_generichash_BYTES});
	return run(pg, "WITH moved AS (UPDATE reference_version SET version = version + 1), "
		       "history AS (INSERT INTO quota_plan_history (campaign_id, source) VALUES ($1, $2)) "
		       "INSERT INTO quota_plan (campaign_id, source, digest) VALUES ($1, $2, $3) "
		       "ON CONFLICT (campaign_id) DO UPDATE SET source = $2, digest = $3, applied_at = now()");
}

static bool remove_rows(struct pg *pg, uint32_t campaign)
{
	pg_i16(pg_params(pg), (int16_t)campaign);
	if (!run(pg, "DELETE FROM quota_target WHERE campaign_id = $1"))
		return false;
	pg_i16(pg_params(pg), (int16_t)campaign);
	if (!run(pg, "DELETE FROM quota_round WHERE campaign_id = $1"))
		return false;
	pg_i16(pg_params(pg), (int16_t)campaign);
	return run(pg, "DELETE FROM member_count WHERE campaign_id = $1");
}

static void add_figure(struct pg_params *p, bool has, uint64_t figure)
{
	if (has)
		pg_i64(p, (int64_t)figure);
	else
		pg_null(p, PG_OID_INT8);
}

static bool save_targets(struct pg *pg, const struct quota_state *state)
{
	if (pg_copy_begin(pg,
		    "COPY quota_target (campaign_id, unit_id, phase, counts, target, holds_from, declared, parts, "
		    "phases) "
		    "FROM STDIN BINARY",
		    session_deadline()) != PG_OK)
		return false;
	for (size_t i = 0; i < state->targets->count; i++) {
		const struct quota_target *row = &state->targets->rows[i];
		struct pg_params *p = pg_copy_row(pg, TARGET_COLUMNS);

		pg_i16(p, (int16_t)state->campaign);
		pg_i32(p, (int32_t)row->unit);
		pg_i16(p, (int16_t)row->period);
		pg_i16(p, (int16_t)row->counts);
		pg_i64(p, (int64_t)quota_target_value(row));
		pg_day(p, row->holds_from);
		add_figure(p, row->has_declared, row->declared);
		add_figure(p, row->has_parts, row->parts);
		add_figure(p, row->has_phases, row->phases);
	}
	return pg_copy_end(pg, session_deadline()) == PG_OK;
}

static bool save_members(struct pg *pg, const struct quota_state *state)
{
	if (pg_copy_begin(pg, "COPY member_count (campaign_id, unit_id, holds_from, members) FROM STDIN BINARY",
		    session_deadline()) != PG_OK)
		return false;
	for (size_t i = 0; i < state->members->count; i++) {
		const struct member_count *row = &state->members->rows[i];
		struct pg_params *p = pg_copy_row(pg, 4);

		pg_i16(p, (int16_t)state->campaign);
		pg_i32(p, (int32_t)row->unit);
		pg_day(p, row->from);
		pg_i64(p, (int64_t)row->members);
	}
	return pg_copy_end(pg, session_deadline()) == PG_OK;
}

static bool save_rounds(struct pg *pg, const struct quota_state *state)
{
	for (size_t i = 0; i < state->plan->round_count; i++) {
		const struct quota_round *round = &state->plan->rounds[i];
		struct pg_params *p = pg_params(pg);

		pg_i16(p, (int16_t)state->campaign);
		pg_i16(p, (int16_t)round->number);
		pg_cstr(p, round->name.vi);
		pg_cstr(p, round->name.en);
		pg_day(p, round->first_day);
		pg_day(p, round->last_day);
		if (!run(pg, "INSERT INTO quota_round VALUES ($1, $2, $3, $4, $5, $6)"))
			return false;
	}
	return true;
}

/* Whoever counts people goes by the rounds that it knows: with new ones the tree's version rises, so that it runs
 * again. */
static bool begin_rounds(struct pg *pg, const struct quota_state *state, bool *any)
{
	if (!round_people_any(pg, state->campaign, any))
		return false;
	*any |= state->plan->round_count > 0;
	return !*any || move_lock(pg);
}

static bool end_rounds(struct pg *pg, const struct quota_state *state)
{
	pg_i16(pg_params(pg), (int16_t)state->campaign);
	return run(pg, "INSERT INTO unit_tree AS t VALUES ($1, 1) ON CONFLICT (campaign_id) DO UPDATE SET version = "
		       "t.version + 1") &&
	       round_people_recount(pg, state->campaign);
}

bool quota_store_save(struct pg *pg, const struct quota_state *state, bool *changed)
{
	uint8_t digest[crypto_generichash_BYTES];
	bool same, rounds;

	digest_of(state, digest);
	if (!is_in_force(pg, state->campaign, digest, &same))
		return false;
	*changed = !same;
	if (same)
		return true;
	return begin_rounds(pg, state, &rounds) && save_source(pg, state, digest) && remove_rows(pg, state->campaign) &&
	       save_targets(pg, state) && save_members(pg, state) && save_rounds(pg, state) &&
	       (!rounds || end_rounds(pg, state));
}
