#include "services/control/audit_checks.h"

#include "common/domain/campaign.h"
#include "common/runtime/clock.h"
#include "services/control/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STATEMENT_MS = 3600 * 1000, ROWS_LISTED = 100 };

/* Temporary tables may be filled, but not made, in a read-only transaction. status 0: pending, 9: quarantined. */
static const char tables_sql[] =
	"SET client_min_messages = error; SET statement_timeout = 0; SET work_mem = '128MB'; "
	"CREATE TEMP TABLE recount (id uuid, campaign_id int2, unit_id int4, person bytea, received_at timestamptz, "
	"status int2, phase int2, rules_version int4, decided_by int2, duplicate_of uuid); "
	"CREATE TEMP TABLE above (campaign_id int2, unit_id int4, ancestor_id int4); "
	"CREATE TEMP TABLE text_scope (campaign_id int2, rules_version int4, unit_id int4, scope int4)";

static const char above_sql[] =
	"WITH RECURSIVE up AS (SELECT campaign_id, id AS unit_id, id AS ancestor_id, parent_id FROM unit UNION ALL "
	"SELECT up.campaign_id, up.unit_id, u.id, u.parent_id FROM up JOIN unit u ON u.campaign_id = up.campaign_id "
	"AND u.id = up.parent_id) INSERT INTO above SELECT campaign_id, unit_id, ancestor_id FROM up";

static const char recount_sql[] =
	"INSERT INTO recount SELECT s.id, s.campaign_id, s.unit_id, s.person, s.received_at, "
	"CASE WHEN d.status IS NOT NULL THEN d.status WHEN q.submission_id IS NOT NULL THEN 9 ELSE 0 END, "
	"coalesce(d.phase, 0), d.rules_version, d.decided_by, d.duplicate_of FROM submission s "
	"LEFT JOIN (SELECT DISTINCT ON (submission_id) * FROM decision ORDER BY submission_id, revision DESC) d "
	"ON d.submission_id = s.id "
	"LEFT JOIN (SELECT DISTINCT submission_id FROM quarantine WHERE released_at IS NULL) q "
	"ON q.submission_id = s.id";

/* Each gives rows (campaign_id, unit_id, phase, what, expected, found) that should not be there. */
struct check {
	const char *name, *meaning, *sql;
};

#define LEAVES_AND_WHOLE(columns, source)                                                                              \
	"SELECT campaign_id, unit_id, 0 AS phase, " columns " FROM " source                                            \
	" UNION ALL SELECT campaign_id, unit_id, phase, " columns " FROM " source " WHERE phase <> 0"

#define COUNTED_BY_DAY                                                                                                 \
	"SELECT campaign_id, person, unit_id, phase, (received_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day, "     \
	"count(*) AS counted FROM recount WHERE status = 2 GROUP BY 1, 2, 3, 4, 5"

static const struct check checks[] = {
	{"one_verdict", "revisions are 1, 2, … and the machine speaks once, first",
		"SELECT min(campaign_id), min(unit_id), 0, submission_id::text, max(revision), count(*) FROM decision "
		"GROUP BY submission_id HAVING max(revision) <> count(*) OR bool_or(decided_by = 0 AND revision > 1)"},
	{"decision_place", "a decision has a submission, of its campaign and unit",
		"SELECT d.campaign_id, d.unit_id, 0, d.submission_id::text, coalesce(r.unit_id, 0), d.unit_id "
		"FROM decision d LEFT JOIN recount r ON r.id = d.submission_id WHERE r.id IS NULL "
		"OR (r.campaign_id, r.unit_id) <> (d.campaign_id, d.unit_id)"},
	{"conservation", "stored = pending + quarantined + entered, for every unit with all below it (law 4)",
		"WITH leaf AS (SELECT campaign_id, unit_id, count(*) AS stored, count(*) FILTER (WHERE status = 0) AS "
		"pending, count(*) FILTER (WHERE status = 9) AS quarantined FROM recount GROUP BY 1, 2), "
		"stored AS (SELECT l.campaign_id, a.ancestor_id AS unit_id, sum(stored) - sum(pending) - "
		"sum(quarantined) AS expected FROM leaf l JOIN above a USING (campaign_id, unit_id) GROUP BY 1, 2) "
		"SELECT campaign_id, unit_id, 0, 'entered', coalesce(expected, 0), coalesce(t.entered, 0) FROM stored "
		"s "
		"FULL JOIN (SELECT * FROM unit_total WHERE phase = 0) t USING (campaign_id, unit_id) "
		"WHERE coalesce(expected, 0) <> coalesce(t.entered, 0)"},
	{"totals", "unit_total is the sum of the latest decisions below each unit, by phase and whole",
		"WITH leaf AS (SELECT campaign_id, unit_id, phase, status, count(*) AS n FROM recount "
		"WHERE status BETWEEN 1 AND 5 GROUP BY 1, 2, 3, 4), "
		"part AS (" LEAVES_AND_WHOLE("status, n",
			"leaf") "), "
				"should AS (SELECT p.campaign_id, a.ancestor_id AS unit_id, p.phase::int2, sum(n) AS "
				"entered, "
				"sum(n) FILTER (WHERE status = 1) AS under_review, sum(n) FILTER (WHERE status = 2) AS "
				"counted, "
				"sum(n) FILTER (WHERE status = 3) AS rejected, sum(n) FILTER (WHERE status = 4) AS "
				"duplicate, "
				"sum(n) FILTER (WHERE status = 5) AS revoked FROM part p JOIN above a USING "
				"(campaign_id, unit_id) "
				"GROUP BY 1, 2, 3) "
				"SELECT campaign_id, unit_id, phase, what, coalesce(expected, 0), coalesce(found, 0) "
				"FROM should s "
				"FULL JOIN unit_total t USING (campaign_id, unit_id, phase) CROSS JOIN LATERAL (VALUES "
				"('entered', s.entered, t.entered), ('under_review', s.under_review, t.under_review), "
				"('counted', s.counted, t.counted), ('rejected', s.rejected, t.rejected), "
				"('duplicate', s.duplicate, t.duplicate), ('revoked', s.revoked, t.revoked), "
				"('awarded', 0, t.awarded)) "
				"AS v(what, expected, found) WHERE coalesce(expected, 0) <> coalesce(found, 0)"},
	/* Without it nobody compares that board: all versions are held against this one. */
	{"board_version", "a campaign of which something is decided has a version of its board",
		"SELECT t.campaign_id, t.unit_id, 0, 'version', 1, coalesce(b.version, 0) FROM unit_total t "
		"JOIN unit u ON u.campaign_id = t.campaign_id AND u.id = t.unit_id AND u.parent_id = 0 "
		"LEFT JOIN board b ON b.campaign_id = t.campaign_id "
		"WHERE t.phase = 0 AND t.entered > 0 AND coalesce(b.version, 0) = 0"},
	{"participation", "for each person, unit, phase and day the number of counted submissions",
		"WITH should AS (" COUNTED_BY_DAY ") "
		"SELECT campaign_id, unit_id, phase, 'persons that differ', 0, count(*) FROM should s "
		"FULL JOIN participation p USING (campaign_id, person, unit_id, phase, day) "
		"WHERE coalesce(s.counted, 0) <> coalesce(p.counted, 0) GROUP BY 1, 2, 3"},
	{"people", "distinct persons with a counted submission below each unit, by phase and whole",
		"WITH leaf AS (SELECT DISTINCT campaign_id, unit_id, phase, person FROM recount WHERE status = 2), "
		"part AS (" LEAVES_AND_WHOLE("person",
			"leaf") "), "
				"should AS (SELECT p.campaign_id, a.ancestor_id AS unit_id, p.phase::int2, "
				"count(DISTINCT person) AS "
				"people FROM part p JOIN above a USING (campaign_id, unit_id) GROUP BY 1, 2, 3) "
				"SELECT campaign_id, unit_id, phase, 'people', coalesce(s.people, 0), "
				"coalesce(t.people, 0) "
				"FROM should s FULL JOIN unit_total t USING (campaign_id, unit_id, phase) "
				"WHERE coalesce(s.people, 0) <> coalesce(t.people, 0)"},
	{"days", "unit_day is what was counted below each unit by day of receipt, and who was new on it",
		"WITH part AS (SELECT c.campaign_id, a.ancestor_id AS unit_id, day, phase, counted, "
		"row_number() OVER (PARTITION BY c.campaign_id, a.ancestor_id, person ORDER BY day, phase, c.unit_id) "
		"AS nth, row_number() OVER (PARTITION BY c.campaign_id, a.ancestor_id, person, phase "
		"ORDER BY day, c.unit_id) AS nth_of_phase FROM (" COUNTED_BY_DAY
		") c JOIN above a USING (campaign_id, unit_id)), should AS (SELECT campaign_id, unit_id, day, phase, "
		"sum(counted) AS counted, count(*) FILTER (WHERE nth_of_phase = 1 AND phase <> 0) AS people, "
		"count(*) FILTER (WHERE nth = 1) AS newcomers FROM part GROUP BY 1, 2, 3, 4) "
		"SELECT campaign_id, unit_id, phase, what || ' of ' || day, coalesce(expected, 0), coalesce(found, 0) "
		"FROM should s FULL JOIN unit_day t USING (campaign_id, unit_id, day, phase) CROSS JOIN LATERAL "
		"(VALUES ('counted', s.counted, t.counted), ('people', s.people, t.people), "
		"('newcomers', s.newcomers, t.newcomers)) AS v(what, expected, found) "
		"WHERE coalesce(expected, 0) <> coalesce(found, 0)"},
	{"rounds", "unit_round is who was new in a round below each unit",
		"WITH first AS (SELECT c.campaign_id, a.ancestor_id AS unit_id, r.number AS round, person, min(day) AS "
		"day "
		"FROM (" COUNTED_BY_DAY ") c JOIN above a USING (campaign_id, unit_id) JOIN quota_round r "
		"ON r.campaign_id = c.campaign_id AND c.day BETWEEN r.first_day AND r.last_day GROUP BY 1, 2, 3, 4), "
		"should AS (SELECT campaign_id, unit_id, round, day, count(*) AS people FROM first GROUP BY 1, 2, 3, "
		"4) "
		"SELECT campaign_id, unit_id, (100 + round)::int2, 'people of ' || day, coalesce(s.people, 0), "
		"coalesce(t.people, 0) FROM should s FULL JOIN unit_round t USING (campaign_id, unit_id, round, day) "
		"WHERE coalesce(s.people, 0) <> coalesce(t.people, 0)"},
	{"reviews", "each decision of a person is told in the log, and each row of the log made its decision",
		"SELECT coalesce(d.campaign_id, a.campaign_id), coalesce(d.unit_id, 0), 0, "
		"'row ' || coalesce(a.number, 0) || ' revision ' || revision, coalesce(d.status, -1), "
		"coalesce(a.status_to, -1) FROM (SELECT * FROM decision WHERE decided_by <> 0) d FULL JOIN audit_log a "
		"USING (submission_id, revision) "
		"WHERE (d.decided_by = 1 OR a.number IS NOT NULL) AND d.status IS DISTINCT FROM a.status_to"},
	{"exact_text", "who holds a text's place counts or is under review",
		"SELECT e.campaign_id, coalesce(r.unit_id, 0), 0, e.submission_id::text, 2, coalesce(r.status, -1) "
		"FROM exact_text e LEFT JOIN recount r ON r.id = e.submission_id "
		"WHERE r.id IS NULL OR r.status NOT IN (1, 2)"},
	{"signed_text", "a signed text that stands by the machine's verdict holds its place",
		"SELECT s.campaign_id, r.unit_id, 0, s.submission_id::text, 1, 0 FROM signature s JOIN recount r "
		"ON r.id = s.submission_id AND r.status IN (1, 2) AND r.decided_by = 0 "
		"LEFT JOIN exact_text e ON (e.campaign_id, e.scope, e.digest, e.submission_id) = "
		"(s.campaign_id, s.exact_scope, s.digest, s.submission_id) WHERE e.submission_id IS NULL"},
	/* Equal as stored is stricter than equal when folded, and needs no code of deduplication to recount. One that
	 * is a near duplicate of another text was never in line for its own text's place. */
	{"exact_copies", "of copies of one text at most one stands, the one received earliest (law 3)",
		"WITH copy AS (SELECT r.campaign_id, t.scope, md5(s.description)::uuid AS text, r.id, r.unit_id, "
		"r.received_at, r.status, r.decided_by, r.duplicate_of FROM recount r JOIN submission s ON s.id = r.id "
		"JOIN text_scope t ON (t.campaign_id, t.rules_version, t.unit_id) = (r.campaign_id, r.rules_version, "
		"r.unit_id) WHERE r.status BETWEEN 1 AND 5), "
		"lined AS (SELECT c.*, c.status IN (1, 2) OR (c.status = 4 AND (o.scope, o.text) = (c.scope, c.text)) "
		"AS "
		"in_line FROM copy c LEFT JOIN copy o ON o.id = c.duplicate_of), "
		"ranked AS (SELECT *, row_number() OVER w AS place, bool_or(decided_by = 1) OVER all_of AS by_person, "
		"count(*) FILTER (WHERE status IN (1, 2)) OVER all_of AS standing FROM lined "
		"WINDOW w AS (PARTITION BY campaign_id, scope, text, in_line ORDER BY received_at, id), "
		"all_of AS (PARTITION BY campaign_id, scope, text)) "
		"SELECT campaign_id, unit_id, 0, id::text, 1, place FROM ranked WHERE status IN (1, 2) AND NOT "
		"by_person "
		"AND (place > 1 OR standing > 1)"},
	{"duplicate_of", "a duplicate names a text that stands, or one that is itself a duplicate",
		"SELECT d.campaign_id, d.unit_id, 0, d.id::text, 2, coalesce(o.status, -1) FROM recount d "
		"LEFT JOIN recount o ON o.id = d.duplicate_of WHERE d.status = 4 "
		"AND (o.id IS NULL OR o.status NOT IN (1, 2, 4))"},
};

int64_t audit_deadline(void)
{
	return clock_monotonic_ms() + STATEMENT_MS;
}

static bool complain(const struct pg *pg)
{
	fprintf(stderr, "sangkien: the audit was cut off: %s %s\n", pg_sqlstate(pg), pg_error(pg));
	return false;
}

/* The unit that bounds exact copies, for every unit under every version of the rules. */
static bool fill_scopes(struct pg *pg, uint32_t campaign_id, const struct session_campaign *loaded)
{
	struct pg_params *p = pg_params(pg);
	const struct campaign *campaign = loaded->campaign;
	size_t count = unit_tree_count(loaded->units);

	pg_i16(p, (int16_t)campaign_id);
	for (int column = 0; column < 3; column++) {
		pg_array_begin(p, PG_OID_INT4);
		for (size_t v = 0; v < campaign->version_count; v++)
			for (uint32_t id = 1, found = 0; found < count; id++) {
				const struct rule_pack *rules = &campaign->versions[v];
				if (unit_by_id(loaded->units, id) == NULL)
					continue;
				found++;
				pg_i32(p, column == 0   ? (int32_t)rules->version
					  : column == 1 ? (int32_t)id
							: (int32_t)campaign_scope_unit(
								  rules->exact_scope, loaded->units, id));
			}
		pg_array_end(p);
	}
	return pg_run(pg, "INSERT INTO text_scope SELECT $1, n.* FROM unnest($2, $3, $4) AS n", NULL,
		       audit_deadline()) == PG_OK ||
	       complain(pg);
}

static bool fill_all_scopes(struct pg *pg)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	pg_params(pg);
	if (pg_run(pg, "SELECT code FROM campaign ORDER BY id", &rows, audit_deadline()) != PG_OK)
		return complain(pg);
	for (int row = 0; row < PQntuples(rows); row++) {
		struct session_campaign loaded CLEANUP(session_campaign_unload) = {0};
		char code[DRIFT_WORD_SIZE * 2];
		struct bytes text = pg_get_bytes(rows, row, 0);

		snprintf(code, sizeof(code), "%.*s", (int)text.size, (const char *)text.data);
		if (!session_campaign_load(pg, code, &loaded))
			return false;
		if (loaded.units != NULL && !fill_scopes(pg, loaded.id, &loaded))
			return false;
	}
	return true;
}

bool audit_snapshot_open(struct pg *pg)
{
	if (pg_script(pg, tables_sql, audit_deadline()) != PG_OK ||
		pg_script(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", audit_deadline()) != PG_OK ||
		pg_script(pg, above_sql, audit_deadline()) != PG_OK ||
		pg_script(pg, recount_sql, audit_deadline()) != PG_OK)
		return complain(pg);
	return fill_all_scopes(pg) &&
	       (pg_script(pg, "ANALYZE recount; ANALYZE above; ANALYZE text_scope", audit_deadline()) == PG_OK ||
		       complain(pg));
}

static void copy_word(char word[DRIFT_WORD_SIZE], const PGresult *rows, int row, int column)
{
	struct bytes text = pg_get_bytes(rows, row, column);

	snprintf(word, DRIFT_WORD_SIZE, "%.*s", (int)text.size, (const char *)text.data);
}

static bool run_check(struct pg *pg, const struct check *check, struct audit_report *report)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	char sql[4096];
	int size = snprintf(sql, sizeof(sql),
		"SELECT coalesce(c.code, d.campaign_id::text), coalesce(u.code, '-'), d.phase::int4, d.what::text, "
		"d.expected::int8, d.found::int8, count(*) OVER () FROM (%s) AS d(campaign_id, unit_id, phase, what, "
		"expected, found) LEFT JOIN campaign c ON c.id = d.campaign_id LEFT JOIN unit u "
		"ON u.campaign_id = d.campaign_id AND u.id = d.unit_id ORDER BY 1, 2, 3, 4 LIMIT %d",
		check->sql, ROWS_LISTED);

	assert(size > 0 && (size_t)size < sizeof(sql));
	audit_report_check(report, check->name, check->meaning);
	pg_params(pg);
	if (pg_run(pg, sql, &rows, audit_deadline()) != PG_OK)
		return complain(pg);
	for (int row = 0; row < PQntuples(rows); row++) {
		struct drift drift = {.phase = pg_get_i32(rows, row, 2),
			.expected = pg_get_i64(rows, row, 4),
			.found = pg_get_i64(rows, row, 5)};
		copy_word(drift.campaign, rows, row, 0);
		copy_word(drift.unit, rows, row, 1);
		copy_word(drift.what, rows, row, 3);
		audit_report_drift(report, &drift);
	}
	if (PQntuples(rows) == ROWS_LISTED)
		audit_report_more(report, (uint64_t)pg_get_i64(rows, 0, 6) - ROWS_LISTED);
	return true;
}

static bool summarize(struct pg *pg, struct audit_report *report)
{
	static const char *const names[] = {"submissions", "pending", "under_review", "counted", "rejected",
		"duplicate", "revoked", "quarantined", "people"};
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	char code[DRIFT_WORD_SIZE];

	pg_params(pg);
	if (pg_run(pg,
		    "SELECT c.code, count(r.id), count(*) FILTER (WHERE status = 0), count(*) FILTER (WHERE status = "
		    "1), "
		    "count(*) FILTER (WHERE status = 2), count(*) FILTER (WHERE status = 3), "
		    "count(*) FILTER (WHERE status = 4), count(*) FILTER (WHERE status = 5), "
		    "count(*) FILTER (WHERE status = 9), count(DISTINCT person) FILTER (WHERE status = 2) "
		    "FROM campaign c LEFT JOIN recount r ON r.campaign_id = c.id GROUP BY c.id, c.code ORDER BY c.id",
		    &rows, audit_deadline()) != PG_OK)
		return complain(pg);
	for (int row = 0; row < PQntuples(rows); row++) {
		copy_word(code, rows, row, 0);
		buffer_format(&report->campaigns_text, "%s:", code);
		buffer_format(&report->campaigns_json, "%s{\"campaign\":", row == 0 ? "" : ",");
		buffer_json_text(&report->campaigns_json, code);
		for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
			int64_t count = pg_get_i64(rows, row, (int)i + 1);
			buffer_format(&report->campaigns_text, " %s %" PRId64, names[i], count);
			buffer_format(&report->campaigns_json, ",\"%s\":%" PRId64, names[i], count);
		}
		buffer_text(&report->campaigns_text, "\n");
		buffer_text(&report->campaigns_json, "}");
	}
	return true;
}

bool audit_checks_run(struct pg *pg, struct audit_report *report)
{
	for (size_t i = 0; i < ARRAY_LENGTH(checks); i++)
		if (!run_check(pg, &checks[i], report))
			return false;
	return summarize(pg, report);
}
