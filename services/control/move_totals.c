#include "services/control/move_totals.h"

#include "common/domain/reference.h"
#include "common/runtime/clock.h"
#include "services/control/round_people.h"

#include <inttypes.h>
#include <stdlib.h>

enum { STATEMENT_MS = 3600 * 1000 };

#define COUNTS "entered, under_review, counted, rejected, duplicate, revoked, awarded"
#define SUMS                                                                                                           \
	"sum(entered) AS entered, sum(under_review) AS under_review, sum(counted) AS counted, "                        \
	"sum(rejected) AS rejected, sum(duplicate) AS duplicate, sum(revoked) AS revoked, sum(awarded) AS awarded"

static const char tables_sql[] =
	"SET LOCAL client_min_messages = error; SET LOCAL work_mem = '128MB'; "
	"CREATE TEMP TABLE moved_unit (unit_id int4, name text, parent_id int4, accepts boolean, merged boolean, "
	"scope_top int4) ON COMMIT DROP; "
	"CREATE TEMP TABLE line_before (unit_id int4, ancestor_id int4) ON COMMIT DROP; "
	"CREATE TEMP TABLE line_after (unit_id int4, ancestor_id int4) ON COMMIT DROP; "
	"CREATE TEMP TABLE affected (unit_id int4) ON COMMIT DROP; "
	"CREATE TEMP TABLE own_total (unit_id int4, phase int2, entered int8, under_review int8, counted int8, "
	"rejected int8, duplicate int8, revoked int8, awarded int8) ON COMMIT DROP; "
	"CREATE TEMP TABLE moved_total (unit_id int4, phase int2, entered int8, under_review int8, counted int8, "
	"rejected int8, duplicate int8, revoked int8, awarded int8, people int8) ON COMMIT DROP; "
	"CREATE TEMP TABLE moved_day (unit_id int4, day date, phase int2, counted int8, people int8, newcomers int8) "
	"ON COMMIT DROP; "
	"CREATE TEMP TABLE target_before (unit_id int4, phase int2, counts int2, target int8) ON COMMIT DROP";

static const char add_moved_sql[] = "INSERT INTO moved_unit SELECT * FROM unnest($1, $2, $3, $4, $5, $6)";
static const char add_before_sql[] =
	"WITH RECURSIVE line (unit_id, ancestor_id, parent_id) AS (SELECT id, id, parent_id FROM unit "
	"WHERE campaign_id = $1 UNION ALL SELECT l.unit_id, u.id, u.parent_id FROM line l JOIN unit u "
	"ON u.campaign_id = $1 AND u.id = l.parent_id) INSERT INTO line_before SELECT unit_id, ancestor_id FROM line";
static const char add_after_sql[] =
	"WITH RECURSIVE place AS MATERIALIZED (SELECT u.id, coalesce(m.parent_id, u.parent_id) AS parent_id FROM unit "
	"u LEFT JOIN moved_unit m ON m.unit_id = u.id WHERE u.campaign_id = $1), "
	"line (unit_id, ancestor_id, parent_id) AS (SELECT id, id, parent_id FROM place UNION ALL "
	"SELECT l.unit_id, p.id, p.parent_id FROM line l JOIN place p ON p.id = l.parent_id) "
	"INSERT INTO line_after SELECT unit_id, ancestor_id FROM line";
/* Those that have other units below them than before. */
static const char add_affected_sql[] =
	"INSERT INTO affected SELECT DISTINCT ancestor_id FROM ((TABLE line_before EXCEPT TABLE line_after) UNION ALL "
	"(TABLE line_after EXCEPT TABLE line_before)) AS d";
static const char add_own_sql[] =
	"INSERT INTO own_total SELECT unit_id, phase, " SUMS " FROM (SELECT unit_id, phase, " COUNTS " FROM unit_total "
	"WHERE campaign_id = $1 UNION ALL SELECT u.parent_id, t.phase, -t.entered, -t.under_review, -t.counted, "
	"-t.rejected, -t.duplicate, -t.revoked, -t.awarded FROM unit_total t JOIN unit u "
	"ON u.campaign_id = t.campaign_id AND u.id = t.unit_id WHERE t.campaign_id = $1 AND u.parent_id <> 0) AS d "
	"GROUP BY unit_id, phase HAVING sum(entered) <> 0 OR sum(awarded) <> 0";
static const char add_totals_sql[] =
	"INSERT INTO moved_total SELECT s.*, coalesce(p.people, 0) FROM (SELECT l.ancestor_id AS unit_id, "
	"o.phase, " SUMS
	" FROM own_total o JOIN line_after l USING (unit_id) JOIN affected a ON a.unit_id = l.ancestor_id "
	"GROUP BY 1, 2) AS s LEFT JOIN (SELECT l.ancestor_id AS unit_id, w.phase, count(DISTINCT p.person) AS people "
	"FROM participation p JOIN line_after l USING (unit_id) JOIN affected a ON a.unit_id = l.ancestor_id "
	"CROSS JOIN LATERAL (SELECT 0::int2 AS phase UNION SELECT p.phase) AS w "
	"WHERE p.campaign_id = $1 AND p.counted > 0 GROUP BY 1, 2) AS p USING (unit_id, phase)";
static const char add_days_sql[] =
	"WITH part AS (SELECT l.ancestor_id AS unit_id, p.day, p.phase, p.counted, "
	"row_number() OVER (PARTITION BY l.ancestor_id, p.person ORDER BY p.day, p.phase, p.unit_id) AS nth, "
	"row_number() OVER (PARTITION BY l.ancestor_id, p.person, p.phase ORDER BY p.day, p.unit_id) AS nth_of_phase "
	"FROM participation p JOIN line_after l USING (unit_id) JOIN affected a ON a.unit_id = l.ancestor_id "
	"WHERE p.campaign_id = $1 AND p.counted > 0) "
	"INSERT INTO moved_day SELECT unit_id, day, phase, sum(counted), "
	"count(*) FILTER (WHERE nth_of_phase = 1 AND phase <> 0), count(*) FILTER (WHERE nth = 1) "
	"FROM part GROUP BY 1, 2, 3";

static const char show_sql[] =
	"SELECT u.code, coalesce(m.name, u.name), coalesce(b.entered, 0), coalesce(n.entered, 0), "
	"coalesce(b.counted, 0), coalesce(n.counted, 0), coalesce(b.people, 0), coalesce(n.people, 0), count(*) OVER "
	"() "
	"FROM affected a JOIN unit u ON u.campaign_id = $1 AND u.id = a.unit_id "
	"LEFT JOIN moved_unit m ON m.unit_id = u.id "
	"LEFT JOIN unit_total b ON b.campaign_id = $1 AND b.unit_id = u.id AND b.phase = 0 "
	"LEFT JOIN moved_total n ON n.unit_id = u.id AND n.phase = 0 "
	"WHERE (coalesce(b.entered, 0), coalesce(b.counted, 0), coalesce(b.people, 0)) <> "
	"(coalesce(n.entered, 0), coalesce(n.counted, 0), coalesce(n.people, 0)) ORDER BY u.level, u.code LIMIT 500";
static const char root_sql[] = "SELECT u.code, coalesce(t.entered, 0), coalesce(t.counted, 0), coalesce(t.people, 0), "
			       "EXISTS (SELECT FROM affected a WHERE a.unit_id = u.id) FROM unit u "
			       "LEFT JOIN unit_total t ON t.campaign_id = u.campaign_id AND t.unit_id = u.id "
			       "AND t.phase = 0 WHERE u.campaign_id = $1 AND u.parent_id = 0";

static const char store_units_sql[] =
	"UPDATE unit u SET name = m.name, parent_id = m.parent_id, accepts_submissions = m.accepts, "
	"merged = m.merged, scope_top = m.scope_top FROM moved_unit m WHERE u.campaign_id = $1 AND u.id = m.unit_id";
/* Of two files with moves of one day the first one knows what was before it. */
static const char store_past_sql[] =
	"INSERT INTO unit_past (campaign_id, unit_id, held_until, name, parent_id, accepts_submissions, merged) "
	"SELECT $1, n.* FROM unnest($2, $3, $4, $5, $6, $7) AS n ON CONFLICT DO NOTHING";
static const char store_tree_sql[] =
	"WITH reference AS (UPDATE reference_version SET version = version + 1), "
	"history AS (INSERT INTO unit_move_history (campaign_id, source) VALUES ($1, $2)) "
	"INSERT INTO unit_tree AS t VALUES ($1, 1, $3) ON CONFLICT (campaign_id) DO UPDATE "
	"SET version = t.version + 1, moved_on = EXCLUDED.moved_on";

static const char *const store_totals_sql[] = {
	"DELETE FROM unit_total t USING affected a WHERE t.campaign_id = $1 AND t.unit_id = a.unit_id",
	"INSERT INTO unit_total (campaign_id, unit_id, phase, " COUNTS ", people) "
	"SELECT $1, unit_id, phase, " COUNTS ", people FROM moved_total",
	"DELETE FROM unit_day t USING affected a WHERE t.campaign_id = $1 AND t.unit_id = a.unit_id",
	"INSERT INTO unit_day (campaign_id, unit_id, day, phase, counted, people, newcomers) "
	"SELECT $1, unit_id, day, phase, counted, people, newcomers FROM moved_day",
	"UPDATE board SET version = version + 1, moved_at = clock_timestamp() WHERE campaign_id = $1",
};

#define TARGETS_NOW                                                                                                    \
	"SELECT DISTINCT ON (unit_id, phase, counts) unit_id, phase, counts, target FROM quota_target "                \
	"WHERE campaign_id = $1 AND holds_from <= (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date "                      \
	"ORDER BY unit_id, phase, counts, holds_from DESC"

static const char keep_targets_sql[] = "INSERT INTO target_before " TARGETS_NOW;
static const char show_targets_sql[] =
	"SELECT u.code, phase::int4, counts, b.target, n.target, count(*) OVER () FROM (" TARGETS_NOW ") AS n "
	"FULL JOIN target_before b USING (unit_id, phase, counts) JOIN unit u ON u.campaign_id = $1 AND u.id = unit_id "
	"WHERE b.target IS DISTINCT FROM n.target ORDER BY u.level, u.code, phase, counts LIMIT 500";

static int64_t deadline(void)
{
	return clock_monotonic_ms() + STATEMENT_MS;
}

static bool run(struct pg *pg, const char *sql, PGresult **rows)
{
	return pg_run(pg, sql, rows, deadline()) == PG_OK;
}

static bool run_for(struct pg *pg, uint32_t campaign, const char *sql)
{
	pg_i16(pg_params(pg), (int16_t)campaign);
	return run(pg, sql, NULL);
}

bool move_lock(struct pg *pg)
{
	return pg_script(pg, "SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(" UNIT_TREE_LOCK ")",
		       deadline()) == PG_OK;
}

/* Working out ----------------------------------------------------------------------------------------------------- */

#define PUT(p, type, count, condition, value)                                                                          \
	do {                                                                                                           \
		pg_array_begin(p, type);                                                                               \
		for (size_t i = 0; i < (count); i++)                                                                   \
			if (condition)                                                                                 \
				(value);                                                                               \
		pg_array_end(p);                                                                                       \
	} while (0)

#define PUT_MOVED(p, type, value) PUT(p, type, plan->count, moved[i], value)

static bool add_moved(struct pg *pg, const struct move_plan *plan)
{
	const struct unit_row *rows = plan->after;
	bool *moved = calloc(plan->count + 1, sizeof(*moved));
	struct pg_params *p = pg_params(pg);

	assert(moved != NULL);
	for (size_t i = 0; i < plan->past_count; i++)
		moved[move_row(rows, plan->count, plan->past[i].row.id) - rows] = true;
	PUT_MOVED(p, PG_OID_INT4, pg_i32(p, (int32_t)rows[i].id));
	PUT_MOVED(p, PG_OID_TEXT, pg_cstr(p, rows[i].name));
	PUT_MOVED(p, PG_OID_INT4, pg_i32(p, (int32_t)rows[i].parent));
	PUT_MOVED(p, PG_OID_BOOL, pg_bool(p, rows[i].accepts_submissions));
	PUT_MOVED(p, PG_OID_BOOL, pg_bool(p, rows[i].merged));
	PUT_MOVED(p, PG_OID_INT4, pg_i32(p, (int32_t)rows[i].scope_top));
	free(moved);
	return run(pg, add_moved_sql, NULL);
}

bool move_totals_work_out(struct pg *pg, uint32_t campaign, const struct move_plan *plan)
{
	static const char *const later[] = {add_own_sql, add_totals_sql, add_days_sql};
	bool good = pg_script(pg, "SET LOCAL statement_timeout = 0", deadline()) == PG_OK &&
		    pg_script(pg, tables_sql, deadline()) == PG_OK && add_moved(pg, plan) &&
		    run_for(pg, campaign, add_before_sql) && run_for(pg, campaign, add_after_sql);

	pg_params(pg);
	good = good && run(pg, add_affected_sql, NULL) &&
	       pg_script(pg, "ANALYZE line_after; ANALYZE affected", deadline()) == PG_OK;
	for (size_t i = 0; i < ARRAY_LENGTH(later); i++)
		good = good && run_for(pg, campaign, later[i]);
	return good;
}

/* Showing --------------------------------------------------------------------------------------------------------- */

static void add_text(struct buffer *out, const PGresult *rows, int row, int column)
{
	struct bytes text = pg_get_bytes(rows, row, column);

	buffer_add(out, text.data, text.size);
}

static void add_change(struct buffer *out, const char *word, const PGresult *rows, int row, int column)
{
	buffer_format(out, "%s %" PRId64 " -> %" PRId64, word, pg_get_i64(rows, row, column),
		pg_get_i64(rows, row, column + 1));
}

static void add_rest(struct buffer *out, const PGresult *rows, int column)
{
	int64_t all = PQntuples(rows) == 0 ? 0 : pg_get_i64(rows, 0, column);

	if (all > PQntuples(rows))
		buffer_format(out, "  and %" PRId64 " more\n", all - PQntuples(rows));
}

static bool show_root(struct pg *pg, uint32_t campaign, struct buffer *out)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	pg_i16(pg_params(pg), (int16_t)campaign);
	if (!run(pg, root_sql, &rows))
		return false;
	assert(PQntuples(rows) == 1 && !pg_get_bool(rows, 0, 4)); /* all units are below it, before and after */
	buffer_text(out, "  ");
	add_text(out, rows, 0, 0);
	buffer_format(out, ": entered %" PRId64 ", counted %" PRId64 ", people %" PRId64 ", as before\n",
		pg_get_i64(rows, 0, 1), pg_get_i64(rows, 0, 2), pg_get_i64(rows, 0, 3));
	return true;
}

bool move_totals_show(struct pg *pg, uint32_t campaign, struct buffer *out)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	pg_i16(pg_params(pg), (int16_t)campaign);
	if (!run(pg, show_sql, &rows))
		return false;
	buffer_text(out, "figures of the whole campaign, before -> after:\n");
	for (int row = 0; row < PQntuples(rows); row++) {
		buffer_text(out, "  ");
		add_text(out, rows, row, 0);
		add_change(out, ": entered", rows, row, 2);
		add_change(out, ", counted", rows, row, 4);
		add_change(out, ", people", rows, row, 6);
		buffer_text(out, " (");
		add_text(out, rows, row, 1);
		buffer_text(out, ")\n");
	}
	add_rest(out, rows, 8);
	return show_root(pg, campaign, out);
}

/* Storing --------------------------------------------------------------------------------------------------------- */

#define PUT_PAST(p, type, value) PUT(p, type, plan->past_count, true, value)

static bool store_past(struct pg *pg, uint32_t campaign, const struct move_plan *plan)
{
	const struct unit_past *past = plan->past;
	struct pg_params *p = pg_params(pg);

	pg_i16(p, (int16_t)campaign);
	PUT_PAST(p, PG_OID_INT4, pg_i32(p, (int32_t)past[i].row.id));
	PUT_PAST(p, PG_OID_DATE, pg_day(p, past[i].held_until));
	PUT_PAST(p, PG_OID_TEXT, pg_cstr(p, past[i].row.name));
	PUT_PAST(p, PG_OID_INT4, pg_i32(p, (int32_t)past[i].row.parent));
	PUT_PAST(p, PG_OID_BOOL, pg_bool(p, past[i].row.accepts_submissions));
	PUT_PAST(p, PG_OID_BOOL, pg_bool(p, past[i].row.merged));
	return run(pg, store_past_sql, NULL);
}

bool move_units_store(struct pg *pg, uint32_t campaign, const struct move_plan *plan, struct bytes source)
{
	struct pg_params *p;

	if (!run_for(pg, campaign, store_units_sql) || !store_past(pg, campaign, plan))
		return false;
	p = pg_params(pg);
	pg_i16(p, (int16_t)campaign);
	pg_text(p, source);
	pg_day(p, plan->last_day);
	return run(pg, store_tree_sql, NULL);
}

bool move_totals_store(struct pg *pg, uint32_t campaign)
{
	for (size_t i = 0; i < ARRAY_LENGTH(store_totals_sql); i++)
		if (!run_for(pg, campaign, store_totals_sql[i]))
			return false;
	return round_people_recount(pg, campaign);
}

/* Targets --------------------------------------------------------------------------------------------------------- */

bool move_targets_keep(struct pg *pg, uint32_t campaign)
{
	return run_for(pg, campaign, keep_targets_sql);
}

static void add_target(struct buffer *out, const PGresult *rows, int row, int column)
{
	if (pg_get_null(rows, row, column))
		buffer_text(out, "none");
	else
		buffer_format(out, "%" PRId64, pg_get_i64(rows, row, column));
}

static void add_period(struct buffer *out, int32_t phase)
{
	if (phase == 0)
		buffer_text(out, "whole campaign");
	else if (phase > 100)
		buffer_format(out, "round %d", phase - 100);
	else
		buffer_format(out, "phase %d", phase);
}

bool move_targets_show(struct pg *pg, uint32_t campaign, struct buffer *out)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	pg_i16(pg_params(pg), (int16_t)campaign);
	if (!run(pg, show_targets_sql, &rows))
		return false;
	if (PQntuples(rows) == 0) {
		buffer_text(out, "targets: none changes\n");
		return true;
	}
	buffer_text(
		out, "targets, before -> after (a merged unit's declared target goes to the one it is merged into):\n");
	for (int row = 0; row < PQntuples(rows); row++) {
		buffer_text(out, "  ");
		add_text(out, rows, row, 0);
		buffer_text(out, ", ");
		add_period(out, pg_get_i32(rows, row, 1));
		buffer_text(out, pg_get_i16(rows, row, 2) == 2 ? ", people: " : ", initiatives: ");
		add_target(out, rows, row, 3);
		buffer_text(out, " -> ");
		add_target(out, rows, row, 4);
		buffer_text(out, "\n");
	}
	add_rest(out, rows, 5);
	return true;
}
