/* A campaign with submissions in a real PostgreSQL, and an oracle that recounts it by SQL alone. */
#ifndef SANGKIEN_TESTS_QUOTA_BOOKS_H
#define SANGKIEN_TESTS_QUOTA_BOOKS_H

#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "services/quota/ledger.h"
#include "tests/unit/quota/world.h"

#include <time.h>

enum { BOOKS_UNITS = 40, BOOKS_TEXTS_MAX = 512, BOOKS_ARENA = 64 << 20, BOOKS_DEADLINE_MS = 20000 };

/* Ticks of the tests' time: seconds from 2022-01-01T00:00Z. */
static inline int64_t books_instant(int64_t tick)
{
	return INT64_C(1640995200000000) + tick * 1000000;
}

struct books {
	uint64_t seed;
	uint32_t campaign_id;
	struct pg *pg;
	struct ledger *ledger;
	struct arena *arena;
	struct rule_pack rules;
	struct campaign_phase phases[2];
	struct campaign campaign;
	struct unit_tree *units;
	struct reference_campaign row;
	struct reference reference;
};

static inline int64_t soon(void)
{
	return clock_monotonic_ms() + BOOKS_DEADLINE_MS;
}

static inline struct ledger *books_ledger(void)
{
	const struct ledger_options options = {.conninfo = getenv("SANGKIEN_TEST_PG"), .instance = "test"};
	struct ledger *ledger = ledger_open(&options);

	assert_non_null(ledger);
	return ledger;
}

static inline void run_sql(struct books *books, const char *sql)
{
	if (pg_run(books->pg, sql, NULL, soon()) != PG_OK)
		fail_msg("%s: %s", sql, pg_error(books->pg));
}

/* Of a statement whose only parameter is the campaign. */
static inline int64_t ask(struct books *books, const char *sql)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_i16(pg_params(books->pg), (int16_t)books->campaign_id);
	if (pg_run(books->pg, sql, &rows, soon()) != PG_OK)
		fail_msg("%s: %s", sql, pg_error(books->pg));
	return pg_get_i64(rows, 0, 0);
}

/* The first number that is free. */
static inline void write_campaign(struct books *books)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_params(books->pg);
	if (pg_run(books->pg,
		    "INSERT INTO campaign (id, code, source, sha256) SELECT n, 'c' || n, '', '' FROM "
		    "(SELECT (coalesce(max(id), 0) + 1)::smallint AS n FROM campaign) AS next RETURNING id",
		    &rows, soon()) != PG_OK)
		fail_msg("no campaign: %s", pg_error(books->pg));
	books->campaign_id = (uint32_t)pg_get_i16(rows, 0, 0);
}

static inline void write_units(struct books *books)
{
	for (uint32_t id = 1; id <= BOOKS_UNITS; id++) {
		const struct unit *unit = unit_by_id(books->units, id);
		struct pg_params *p = pg_params(books->pg);

		pg_i16(p, (int16_t)books->campaign_id);
		pg_i32(p, (int32_t)id);
		pg_cstr(p, unit->code);
		pg_i16(p, (int16_t)unit->level);
		pg_i32(p, (int32_t)unit->parent);
		run_sql(books, "INSERT INTO unit (campaign_id, id, code, name, level, parent_id, accepts_submissions) "
			       "VALUES ($1, $2, $3, $3, $4, $5, true)");
	}
}

static inline void books_open(struct books *books, uint64_t seed)
{

	/* Of a private server with the schema; tests/run starts one. */
	if (getenv("SANGKIEN_TEST_PG") == NULL)
		skip();
	memset(books, 0, sizeof(*books));
	books->seed = seed;
	books->pg = pg_open(getenv("SANGKIEN_TEST_PG"), "books");
	write_campaign(books);
	books->ledger = books_ledger();
	books->arena = arena_new(BOOKS_ARENA);
	books->units = random_tree(&books->seed, BOOKS_UNITS);
	books->phases[0] =
		(struct campaign_phase){.number = 1, .starts_at = books_instant(0), .ends_at = books_instant(500000)};
	books->phases[1] = (struct campaign_phase){
		.number = 2, .starts_at = books_instant(500000), .ends_at = books_instant(900000)};
	books->rules = (struct rule_pack){.version = 1,
		.phases = books->phases,
		.phase_count = 2,
		.exact_scope = SCOPE_NATION,
		.near_scope = SCOPE_NATION};
	books->campaign = (struct campaign){.code = "test", .versions = &books->rules, .version_count = 1};
	books->row = (struct reference_campaign){
		.id = books->campaign_id, .campaign = &books->campaign, .units = books->units};
	books->reference = (struct reference){.version = 1, .campaigns = &books->row, .campaign_count = 1};
	write_units(books);
}

static inline void books_close(struct books *books)
{
	ledger_close(&books->ledger);
	pg_close(&books->pg);
	arena_free(&books->arena);
	unit_tree_free(&books->units);
}

/* A stored submission of a random unit and person with the machine's verdict on it; `text` 0: not signed. */
static inline struct verdict new_verdict(struct books *books, enum submission_status status, uint32_t text)
{
	static const uint8_t sketch[] = {1, 2, 3, 4};
	static uint8_t digests[BOOKS_TEXTS_MAX][DIGEST_SIZE];
	struct verdict verdict = {.id = random_id(),
		.campaign = books->campaign_id,
		.unit = 1 + below(&books->seed, BOOKS_UNITS),
		.rules_version = 1,
		.received_at = books_instant(1 + below(&books->seed, 1000000)), /* over 11 days, some in no phase */
		.status = status,
		.units = books->units};
	struct pg_params *p = pg_params(books->pg);

	verdict.person.octet[0] = (uint8_t)below(&books->seed, 20);
	verdict.phase = campaign_phase_of(&books->rules, verdict.received_at, false, 0);
	if (text != 0) {
		assert_true(text < BOOKS_TEXTS_MAX);
		memcpy(digests[text], &text, sizeof(text));
		verdict.digest = (struct bytes){digests[text], DIGEST_SIZE};
		verdict.sketch = (struct bytes){sketch, sizeof(sketch)};
	}
	pg_uuid(p, &verdict.id);
	pg_i16(p, (int16_t)verdict.campaign);
	pg_i32(p, (int32_t)verdict.unit);
	pg_instant(p, verdict.received_at);
	pg_bytea(p, (struct bytes){verdict.person.octet, ID128_SIZE});
	pg_i32(p, (int32_t)text);
	run_sql(books, "INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, "
		       "description, has_national_id) VALUES ($1, $2, $3, $4, $5, '', 1, $6::int4::text, false)");
	return verdict;
}

/* At another instant than it was drawn; its phase stays. */
static inline void receive_at(struct books *books, struct verdict *verdict, int64_t tick)
{
	struct pg_params *p = pg_params(books->pg);

	verdict->received_at = books_instant(tick);
	pg_uuid(p, &verdict->id);
	pg_instant(p, verdict->received_at);
	run_sql(books, "UPDATE submission SET received_at = $2 WHERE id = $1");
}

static inline int compare_verdicts(const void *a, const void *b)
{
	return id128_compare(&((const struct verdict *)a)->id, &((const struct verdict *)b)->id);
}

/* As the service hands it over: sorted. Gives the board's news count. */
static inline size_t decide(
	struct books *books, struct ledger *ledger, struct arena *arena, struct verdict *verdicts, size_t count)
{
	struct ledger_result result = {0};

	qsort(verdicts, count, sizeof(*verdicts), compare_verdicts);
	ledger_decide(ledger, &books->reference, verdicts, count, arena, &result);
	return result.board_count;
}

static inline struct decision latest(struct books *books, const struct id128 *id)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct decision decision = {0};

	pg_uuid(pg_params(books->pg), id);
	assert_int_equal(pg_run(books->pg,
				 "SELECT revision, status, decided_by, duplicate_of FROM decision "
				 "WHERE submission_id = $1 ORDER BY revision DESC LIMIT 1",
				 &rows, soon()),
		PG_OK);
	if (PQntuples(rows) == 0)
		return decision;
	decision.revision = (uint32_t)pg_get_i32(rows, 0, 0);
	decision.status = (enum submission_status)pg_get_i16(rows, 0, 1);
	decision.decided_by = (enum decided_by)pg_get_i16(rows, 0, 2);
	decision.has_duplicate_of = !pg_get_null(rows, 0, 3);
	if (decision.has_duplicate_of)
		decision.duplicate_of = pg_get_uuid(rows, 0, 3);
	return decision;
}

/* The oracle: rows of unit_total that a recount of submissions and decisions does not give. */
static const char drift_sql[] =
	"WITH RECURSIVE line (unit, ancestor) AS (SELECT id, id FROM unit WHERE campaign_id = $1 "
	"UNION ALL SELECT l.unit, u.parent_id FROM line AS l JOIN unit AS u ON u.campaign_id = $1 AND u.id = "
	"l.ancestor "
	"WHERE u.parent_id <> 0), latest AS (SELECT DISTINCT ON (submission_id) d.*, s.person FROM decision AS d "
	"JOIN submission AS s ON s.id = d.submission_id WHERE d.campaign_id = $1 ORDER BY submission_id, revision "
	"DESC), "
	"spread AS (SELECT l.ancestor AS unit_id, p.phase, d.status, d.person FROM latest AS d "
	"JOIN line AS l ON l.unit = d.unit_id CROSS JOIN LATERAL (SELECT 0::int2 AS phase UNION SELECT d.phase) AS p), "
	"recount AS (SELECT unit_id, phase, count(*) AS entered, count(*) FILTER (WHERE status = 1) AS under_review, "
	"count(*) FILTER (WHERE status = 2) AS counted, count(*) FILTER (WHERE status = 3) AS rejected, "
	"count(*) FILTER (WHERE status = 4) AS duplicate, count(*) FILTER (WHERE status = 5) AS revoked, "
	"count(DISTINCT person) FILTER (WHERE status = 2) AS people FROM spread GROUP BY 1, 2) "
	"SELECT count(*) FROM recount AS r FULL JOIN (SELECT * FROM unit_total WHERE campaign_id = $1) AS t "
	"USING (unit_id, phase) WHERE (r.entered, r.under_review, r.counted, r.rejected, r.duplicate, r.revoked, "
	"r.people) IS DISTINCT FROM (t.entered, t.under_review, t.counted, t.rejected, t.duplicate, t.revoked, "
	"t.people)";

/* Law 3: texts (by description) of which not exactly the earliest received stands, where no person has decided. */
static const char copies_sql[] =
	"WITH latest AS (SELECT DISTINCT ON (submission_id) submission_id, status FROM decision WHERE campaign_id = $1 "
	"ORDER BY submission_id, revision DESC), texts AS (SELECT s.description, "
	"array_agg(s.id ORDER BY s.received_at, s.id) AS ids, "
	"array_agg(s.id ORDER BY s.received_at, s.id) FILTER (WHERE l.status IN (1, 2)) AS standing "
	"FROM submission AS s JOIN latest AS l ON l.submission_id = s.id WHERE s.campaign_id = $1 "
	"AND s.description <> '0' GROUP BY 1) SELECT count(*) FROM texts WHERE standing IS DISTINCT FROM ids[1:1]";

/* Places not held by one that stands, and standing signed texts whose place nobody holds. */
static const char places_sql[] =
	"WITH latest AS (SELECT DISTINCT ON (submission_id) submission_id, status FROM decision WHERE campaign_id = $1 "
	"ORDER BY submission_id, revision DESC) SELECT (SELECT count(*) FROM exact_text AS e "
	"LEFT JOIN latest AS l USING (submission_id) WHERE e.campaign_id = $1 AND l.status NOT IN (1, 2)) "
	"+ (SELECT count(*) FROM latest AS l JOIN signature AS g USING (submission_id) WHERE l.status IN (1, 2) "
	"AND NOT EXISTS (SELECT FROM exact_text AS e WHERE e.campaign_id = $1 AND e.scope = g.exact_scope "
	"AND e.digest = g.digest))";

/* Rows of unit_day that a recount does not give; who is new on a day is found anew from all their submissions. */
static const char days_sql[] =
	"WITH RECURSIVE line (unit, ancestor) AS (SELECT id, id FROM unit WHERE campaign_id = $1 "
	"UNION ALL SELECT l.unit, u.parent_id FROM line AS l JOIN unit AS u ON u.campaign_id = $1 AND u.id = "
	"l.ancestor WHERE u.parent_id <> 0), latest AS (SELECT DISTINCT ON (submission_id) d.*, s.person, "
	"(s.received_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day FROM decision AS d JOIN submission AS s "
	"ON s.id = d.submission_id WHERE d.campaign_id = $1 ORDER BY submission_id, revision DESC), "
	"spread AS (SELECT l.ancestor AS unit_id, d.day, d.phase, d.person FROM latest AS d JOIN line AS l "
	"ON l.unit = d.unit_id WHERE d.status = 2), recount AS (SELECT unit_id, day, phase, count(*) AS counted, "
	"(SELECT count(*) FROM (SELECT person FROM spread AS o WHERE o.unit_id = s.unit_id AND o.phase = s.phase "
	"AND o.phase <> 0 GROUP BY person HAVING min(o.day) = s.day) AS n) AS people, "
	"(SELECT count(*) FROM (SELECT DISTINCT ON (person) o.day, o.phase FROM spread AS o WHERE o.unit_id = "
	"s.unit_id "
	"ORDER BY person, o.day, o.phase) AS n WHERE n.day = s.day AND n.phase = s.phase) AS newcomers "
	"FROM spread AS s GROUP BY 1, 2, 3) "
	"SELECT count(*) FROM recount AS r FULL JOIN (SELECT * FROM unit_day WHERE campaign_id = $1 "
	"AND (counted, people, newcomers) <> (0, 0, 0)) AS t USING (unit_id, day, phase) "
	"WHERE (r.counted, r.people, r.newcomers) IS DISTINCT FROM (t.counted, t.people, t.newcomers)";

/* Sums over the days are the totals. */
static const char sums_sql[] =
	"WITH day AS (SELECT unit_id, 0::int2 AS phase, sum(counted) AS counted, sum(newcomers) AS people FROM "
	"unit_day "
	"WHERE campaign_id = $1 GROUP BY 1 UNION ALL SELECT unit_id, phase, sum(counted), sum(people) FROM unit_day "
	"WHERE campaign_id = $1 AND phase <> 0 GROUP BY 1, 2) SELECT count(*) FROM unit_total AS t "
	"LEFT JOIN day AS d USING (unit_id, phase) WHERE t.campaign_id = $1 "
	"AND (coalesce(d.counted, 0), coalesce(d.people, 0)) <> (t.counted, t.people)";

static inline void expect_exact(struct books *books)
{
	assert_int_equal(ask(books, days_sql), 0);
	assert_int_equal(ask(books, sums_sql), 0);
	assert_int_equal(ask(books, drift_sql), 0);
	assert_int_equal(ask(books, places_sql), 0);
}

#endif
