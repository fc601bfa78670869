/* The statements of the recount (services/quota/recount.h). */
#ifndef SANGKIEN_QUOTA_RECOUNT_SQL_H
#define SANGKIEN_QUOTA_RECOUNT_SQL_H

/* Kept by the connection, filled anew by each pass. Nothing of it is worth waiting for a standby. */
#define RECOUNT_TABLES_SQL                                                                                             \
	"SET client_min_messages = error; SET statement_timeout = 0; SET work_mem = '64MB'; SET jit = off; "           \
	"SET synchronous_commit = off; "                                                                               \
	"CREATE TEMP TABLE IF NOT EXISTS audit_total (LIKE unit_total); "                                              \
	"CREATE TEMP TABLE IF NOT EXISTS audit_day (LIKE unit_day); "                                                  \
	"CREATE TEMP TABLE IF NOT EXISTS audit_part (LIKE participation); "                                            \
	"CREATE INDEX IF NOT EXISTS audit_part_person ON audit_part (campaign_id, person); "                           \
	"CREATE TEMP TABLE IF NOT EXISTS audit_above (campaign_id int2, unit_id int4, ancestor_id int4, "              \
	"PRIMARY KEY (campaign_id, unit_id, ancestor_id)); "                                                           \
	"CREATE TEMP TABLE IF NOT EXISTS audit_leaf (campaign_id int2, unit_id int4, phase int2, status int2, "        \
	"day date, n int8, persons numeric, PRIMARY KEY (campaign_id, unit_id, phase, status, day)); "                 \
	"CREATE TEMP TABLE IF NOT EXISTS audit_round (LIKE unit_round); "                                              \
	"CREATE TEMP TABLE IF NOT EXISTS audit_span (LIKE quota_round); "                                              \
	"CREATE TEMP TABLE IF NOT EXISTS audit_newcomer (campaign_id int2, unit_id int4, round int2, day date, "       \
	"n int8, PRIMARY KEY (campaign_id, unit_id, round, day)); "                                                    \
	"CREATE TEMP TABLE IF NOT EXISTS audit_people (campaign_id int2, unit_id int4, phase int2, n int8, "           \
	"PRIMARY KEY (campaign_id, unit_id, phase))"

/* All under one snapshot. */
#define RECOUNT_COPY_SQL                                                                                               \
	"BEGIN ISOLATION LEVEL REPEATABLE READ; "                                                                      \
	"TRUNCATE audit_total, audit_day, audit_part, audit_above, audit_leaf, audit_people, audit_round, "            \
	"audit_span, audit_newcomer; INSERT INTO audit_round SELECT * FROM unit_round; "                               \
	"INSERT INTO audit_span SELECT * FROM quota_round; "                                                           \
	"INSERT INTO audit_total SELECT * FROM unit_total; INSERT INTO audit_day SELECT * FROM unit_day; "             \
	"INSERT INTO audit_part SELECT * FROM participation; "                                                         \
	"WITH RECURSIVE up AS (SELECT campaign_id, id AS unit_id, id AS ancestor_id, parent_id FROM unit UNION ALL "   \
	"SELECT up.campaign_id, up.unit_id, u.id, u.parent_id FROM up JOIN unit u "                                    \
	"ON u.campaign_id = up.campaign_id AND u.id = up.parent_id) "                                                  \
	"INSERT INTO audit_above SELECT campaign_id, unit_id, ancestor_id FROM up"

#define RECOUNT_MOMENT_SQL "SELECT s::text, pg_snapshot_xmax(s)::text::int8, now() FROM pg_current_snapshot() AS s"

#define RECOUNT_ANALYZE_SQL "ANALYZE audit_total, audit_day, audit_part, audit_above; COMMIT"

#define RECOUNT_SPAN_SQL "SELECT id FROM submission WHERE id > $1 ORDER BY id OFFSET $2 LIMIT 1"

/* What a person's hash is in a sum: equal sums are equal sets, but for one case in 2^64. */
#define PERSON_NUMBER(person) "hashtextextended(encode(" person ", 'hex'), 0)"

/* A row's xmin has 32 bits of its transaction's 64: those nearest below the moment's next one, $4. A row that was
 * decided a month before was there, even where so many transactions have passed that its xmin has come round. */
#define WAS_THERE                                                                                                      \
	"(d.decided_at < $5 - interval '30 days' OR CASE WHEN w.behind < 2147483648 THEN false ELSE "                  \
	"pg_visible_in_snapshot(($4 - 4294967296 + w.behind)::text::xid8, $3::pg_snapshot) END)"

/* $1 < id <= $2 as $3 showed it; gives how many verdicts and places are wrong, and how many decisions were read. */
#define RECOUNT_SLICE_SQL                                                                                              \
	"WITH d AS MATERIALIZED (SELECT d.submission_id, d.revision, d.campaign_id, d.unit_id, d.phase, d.status, "    \
	"d.decided_by FROM decision d CROSS JOIN LATERAL "                                                             \
	"(SELECT (d.xmin::text::int8 - $4 % 4294967296 + 4294967296) % 4294967296 AS behind) w "                       \
	"WHERE d.submission_id > $1 AND d.submission_id <= $2 AND " WAS_THERE "), "                                    \
	"latest AS (SELECT DISTINCT ON (submission_id) * FROM d ORDER BY submission_id, revision DESC), "              \
	"placed AS (SELECT l.*, coalesce((s.campaign_id, s.unit_id) = (l.campaign_id, l.unit_id), false) AS well, "    \
	"CASE WHEN l.status = 2 THEN (s.received_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date END AS day, s.person "      \
	"FROM latest l LEFT JOIN submission s ON s.id = l.submission_id AND s.id > $1 AND s.id <= $2), "               \
	"put AS (INSERT INTO audit_leaf AS a SELECT campaign_id, unit_id, phase, status, "                             \
	"coalesce(day, '-infinity'), count(*), coalesce(sum(" PERSON_NUMBER(                                           \
		"person") ") FILTER (WHERE status = 2), "                                                              \
			  "0) FROM placed GROUP BY 1, 2, 3, 4, 5 ON CONFLICT (campaign_id, unit_id, phase, status, "   \
			  "day) DO UPDATE SET "                                                                        \
			  "n = a.n + excluded.n, persons = a.persons + excluded.persons) "                             \
			  "SELECT (SELECT count(*) FROM (SELECT FROM d GROUP BY submission_id HAVING max(revision) "   \
			  "<> count(*) OR "                                                                            \
			  "bool_or(decided_by = 0 AND revision > 1)) AS wrong), (SELECT count(*) FROM placed WHERE "   \
			  "NOT well), "                                                                                \
			  "(SELECT count(*) FROM d)"

/* The next $3 persons behind ($1, $2): below which units they count, and from which day of a round on. Gives the last
 * of them. */
#define RECOUNT_PEOPLE_SQL                                                                                             \
	"WITH who AS MATERIALIZED (SELECT DISTINCT campaign_id, person FROM audit_part "                               \
	"WHERE (campaign_id, person) > ($1, $2) ORDER BY 1, 2 LIMIT $3), "                                             \
	"at AS (SELECT DISTINCT p.campaign_id, a.ancestor_id AS unit_id, q.phase, p.person FROM audit_part p "         \
	"JOIN who USING (campaign_id, person) JOIN audit_above a ON (a.campaign_id, a.unit_id) = "                     \
	"(p.campaign_id, p.unit_id) CROSS JOIN LATERAL (SELECT unnest(ARRAY[0::int2, p.phase])) AS q(phase) "          \
	"WHERE p.counted > 0), "                                                                                       \
	"put AS (INSERT INTO audit_people AS a SELECT campaign_id, unit_id, phase, count(*) FROM at GROUP BY 1, 2, 3 " \
	"ON CONFLICT (campaign_id, unit_id, phase) DO UPDATE SET n = a.n + excluded.n), "                              \
	"first AS (SELECT p.campaign_id, a.ancestor_id AS unit_id, r.number AS round, min(p.day) AS day "              \
	"FROM audit_part p JOIN who USING (campaign_id, person) JOIN audit_span r ON r.campaign_id = p.campaign_id "   \
	"AND p.day BETWEEN r.first_day AND r.last_day JOIN audit_above a ON (a.campaign_id, a.unit_id) = "             \
	"(p.campaign_id, p.unit_id) WHERE p.counted > 0 GROUP BY 1, 2, 3, p.person), "                                 \
	"put_first AS (INSERT INTO audit_newcomer AS a SELECT campaign_id, unit_id, round, day, count(*) FROM first "  \
	"GROUP BY 1, 2, 3, 4 ON CONFLICT (campaign_id, unit_id, round, day) DO UPDATE SET n = a.n + excluded.n) "      \
	"SELECT campaign_id, person FROM who ORDER BY 1 DESC, 2 DESC LIMIT 1"

/* Each gives rows (campaign_id, unit_id, phase, what, expected, found) that should not be there. */
#define RECOUNT_TOTALS_SQL                                                                                             \
	"WITH part AS (SELECT campaign_id, unit_id, q.phase, status, sum(n) AS n FROM audit_leaf CROSS JOIN LATERAL "  \
	"(SELECT DISTINCT unnest(ARRAY[0::int2, phase])) AS q(phase) GROUP BY 1, 2, 3, 4), "                           \
	"should AS (SELECT campaign_id, a.ancestor_id AS unit_id, phase, sum(n) AS entered, "                          \
	"sum(n) FILTER (WHERE status = 1) AS under_review, sum(n) FILTER (WHERE status = 2) AS counted, "              \
	"sum(n) FILTER (WHERE status = 3) AS rejected, sum(n) FILTER (WHERE status = 4) AS duplicate, "                \
	"sum(n) FILTER (WHERE status = 5) AS revoked FROM part JOIN audit_above a USING (campaign_id, unit_id) "       \
	"GROUP BY 1, 2, 3) SELECT campaign_id, unit_id, phase, what, expected, found FROM should s "                   \
	"FULL JOIN audit_total t USING (campaign_id, unit_id, phase) CROSS JOIN LATERAL (VALUES "                      \
	"('entered', s.entered, t.entered), ('under_review', s.under_review, t.under_review), "                        \
	"('counted', s.counted, t.counted), ('rejected', s.rejected, t.rejected), "                                    \
	"('duplicate', s.duplicate, t.duplicate), ('revoked', s.revoked, t.revoked), ('awarded', 0, t.awarded)) "      \
	"AS v(what, expected, found) WHERE coalesce(expected, 0) <> coalesce(found, 0)"

#define RECOUNT_DAYS_SQL                                                                                               \
	"SELECT campaign_id, unit_id, phase, 'counted of ' || day, s.n, t.counted FROM (SELECT campaign_id, "          \
	"a.ancestor_id AS unit_id, phase, day, sum(n) AS n FROM audit_leaf JOIN audit_above a "                        \
	"USING (campaign_id, unit_id) WHERE status = 2 GROUP BY 1, 2, 3, 4) AS s FULL JOIN audit_day t "               \
	"USING (campaign_id, unit_id, phase, day) WHERE coalesce(s.n, 0) <> coalesce(t.counted, 0)"

#define RECOUNT_PARTICIPATION_SQL                                                                                      \
	"SELECT campaign_id, unit_id, phase, 'persons of ' || day, s.n, t.n FROM (SELECT campaign_id, unit_id, "       \
	"phase, "                                                                                                      \
	"day, n, persons FROM audit_leaf WHERE status = 2) AS s FULL JOIN (SELECT campaign_id, unit_id, phase, day, "  \
	"sum(counted) AS n, sum(counted * " PERSON_NUMBER(                                                             \
		"person") "::numeric) AS persons FROM audit_part "                                                     \
			  "WHERE counted > 0 GROUP BY 1, 2, 3, 4) AS t USING (campaign_id, unit_id, phase, day) "      \
			  "WHERE coalesce(s.n, 0) <> coalesce(t.n, 0) OR coalesce(s.persons, 0) <> "                   \
			  "coalesce(t.persons, 0)"

#define RECOUNT_PEOPLE_DIFFER_SQL                                                                                      \
	"WITH days AS (SELECT campaign_id, unit_id, q.phase, sum(q.n) AS n FROM audit_day CROSS JOIN LATERAL "         \
	"(VALUES (0::int2, newcomers), (phase, CASE WHEN phase <> 0 THEN people END)) AS q(phase, n) "                 \
	"GROUP BY 1, 2, 3) SELECT campaign_id, unit_id, phase, what, expected, found FROM audit_total t "              \
	"FULL JOIN audit_people p USING (campaign_id, unit_id, phase) FULL JOIN days d "                               \
	"USING (campaign_id, unit_id, phase) CROSS JOIN LATERAL (VALUES ('people', p.n, t.people), "                   \
	"('people by day', p.n, d.n)) AS v(what, expected, found) WHERE coalesce(expected, 0) <> coalesce(found, 0)"

#define RECOUNT_ROUNDS_SQL                                                                                             \
	"SELECT campaign_id, unit_id, (100 + round)::int2, 'people of ' || day, s.n, t.people FROM audit_newcomer s "  \
	"FULL JOIN audit_round t USING (campaign_id, unit_id, round, day) "                                            \
	"WHERE coalesce(s.n, 0) <> coalesce(t.people, 0)"

#endif
