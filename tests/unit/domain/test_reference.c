/* Would catch: a snapshot that is half old and half new, one that dies under its reader, a campaign that is lost
 * because its new source is faulty, a change that does not arrive. Needs a private PostgreSQL with the schema. */
#include "common/domain/quarantine.h"
#include "common/domain/reference.h"
#include "common/runtime/clock.h"
#include "common/runtime/metrics.h"

#include "tests/unit/await.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_MS = 10000, CAMPAIGN = 31001, OTHER = 31002 };

/* Stands in for the service: the condition as it was last said. */
static atomic_bool condition_holds;

void service_condition(struct service *service, const char *name, bool holds, const char *why)
{
	(void)service;
	(void)why;
	assert_string_equal(name, "reference");
	atomic_store(&condition_holds, holds);
}

static struct metrics *metrics;

struct metrics *service_metrics(struct service *service)
{
	(void)service;
	metrics_free(&metrics); /* of a source that is closed */
	metrics = metrics_new();
	return metrics;
}

static const char *conninfo(void)
{
	const char *given = getenv("SANGKIEN_TEST_PG");

	if (given == NULL)
		skip();
	return given;
}

static int64_t soon(void)
{
	return clock_monotonic_ms() + PATIENCE_MS;
}

static struct pg *open_ready(void)
{
	struct pg *pg = pg_open(conninfo(), "test_reference");

	assert_true(pg_ready(pg, soon()));
	return pg;
}

static void script(struct pg *pg, const char *sql)
{
	if (pg_script(pg, sql, soon()) != PG_OK)
		fail_msg("%s: %s", sql, pg_error(pg));
}

static void remove_ours(struct pg *pg)
{
	script(pg, "BEGIN; DELETE FROM unit WHERE campaign_id >= 31001; DELETE FROM campaign WHERE id >= 31001; "
		   "UPDATE reference_version SET version = version + 1; COMMIT");
}

/* One transaction, as `campaign apply` and `units import` change it; characters_max 0 is a faulty source. */
static void apply(struct pg *pg, int campaign, unsigned characters_max, const char *units)
{
	char source[1024], sql[3072];

	snprintf(source, sizeof(source),
		"code: reference-%d\nname: R\nopens_at: 2020-01-01T00:00:00Z\ncloses_at: "
		"2030-01-01T00:00:00Z\nversions:\n"
		"  - version: 1\n    holds_from: 2020-01-01T00:00:00Z\n    description_characters_max: %u\n"
		"    person_key: phone\n"
		"    duplicates: {exact_scope: nation, near_scope: top, near_threshold: 0.7}\n",
		campaign, characters_max);
	snprintf(sql, sizeof(sql),
		"BEGIN; DELETE FROM unit WHERE campaign_id = %d; "
		"INSERT INTO campaign (id, code, source, sha256) VALUES (%d, 'reference-%d', '%s', '') "
		"ON CONFLICT (id) DO UPDATE SET source = excluded.source; "
		"INSERT INTO unit (campaign_id, id, code, name, level, parent_id, accepts_submissions) VALUES %s; "
		"UPDATE reference_version SET version = version + 1; COMMIT",
		campaign, campaign, campaign, source, units);
	script(pg, sql);
}

static uint64_t version_now(struct pg *pg)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_params(pg);
	assert_int_equal(pg_run(pg, "SELECT version FROM reference_version", &rows, soon()), PG_OK);
	return (uint64_t)pg_get_i64(rows, 0, 0);
}

/* The snapshot once it is of the version that PostgreSQL has now. */
static const struct reference *await_current(struct reference_source *source, struct pg *pg)
{
	uint64_t wanted = version_now(pg);

	int64_t deadline_ms = soon();

	do {
		const struct reference *reference = reference_acquire(source);
		if (reference != NULL && reference->version == wanted)
			return reference;
		reference_release(source, &reference);
	} while (await_again(deadline_ms));
	fail_msg("no snapshot of version %llu", (unsigned long long)wanted);
	return NULL;
}

#define ROOT_OF(id) "(" #id ", 1, 'VN', 'Gốc', 0, 0, false)"
#define UNITS "(31001, 1, 'VN', 'Gốc', 0, 0, false), (31001, 2, 'A', 'Đơn vị A', 3, 1, true)"
#define MORE_UNITS UNITS ", (31001, 3, 'B', 'Đơn vị B', 3, 1, true)"
#define CYCLE "(31001, 1, 'VN', 'G', 0, 0, false), (31001, 2, 'A', 'A', 3, 3, true), (31001, 3, 'B', 'B', 3, 2, true)"

static void test_loads_and_follows(void **state)
{
	struct pg *pg = open_ready();

	(void)state;
	atomic_store(&condition_holds, true);
	apply(pg, CAMPAIGN, 100, UNITS);
	struct reference_source *source = reference_open(NULL, conninfo());
	assert_non_null(source);
	const struct reference *first = await_current(source, pg);
	assert_true(atomic_load(&condition_holds));
	const struct reference_campaign *campaign = reference_by_id(first, CAMPAIGN);
	assert_ptr_equal(campaign, reference_by_code(first, "reference-31001"));
	assert_int_equal(unit_tree_count(campaign->units), 2);
	assert_string_equal(unit_by_code(campaign->units, "A")->name, "Đơn vị A");
	assert_null(reference_by_id(first, OTHER));
	assert_null(reference_by_code(first, "none"));

	apply(pg, CAMPAIGN, 200, MORE_UNITS);
	const struct reference *second = await_current(source, pg);
	campaign = reference_by_id(second, CAMPAIGN);
	assert_int_equal(campaign->campaign->versions[0].description_characters_max, 200);
	assert_int_equal(unit_tree_count(campaign->units), 3);
	/* Whoever still reads the first one reads all of the first one. */
	campaign = reference_by_id(first, CAMPAIGN);
	assert_int_equal(campaign->campaign->versions[0].description_characters_max, 100);
	assert_int_equal(unit_tree_count(campaign->units), 2);
	reference_release(source, &second);
	reference_close(&source);
	/* A reader may be the last to let go. */
	assert_int_equal(unit_tree_count(reference_by_id(first, CAMPAIGN)->units), 2);
	reference_release(source, &first);
	remove_ours(pg);
	pg_close(&pg);
}

/* A rule pack that changes loads no tree again (a nation's has 100,000 units), but any change of a unit does. */
static void test_trees_are_loaded_when_they_change(void **state)
{
	static const char *const CHANGES[] = {"UPDATE unit SET name = 'Tên khác' WHERE campaign_id = 31001 AND id = 2",
		"INSERT INTO unit VALUES (31001, 3, 'B', 'Đơn vị B', 3, 1, 0, true)",
		"DELETE FROM unit WHERE campaign_id = 31001 AND id = 3",
		"UPDATE unit SET code = CASE code WHEN 'VN' THEN 'VN' ELSE 'C' END WHERE campaign_id = 31001"};
	struct pg *pg = open_ready();

	(void)state;
	apply(pg, CAMPAIGN, 100, UNITS);
	struct reference_source *source = reference_open(NULL, conninfo());
	const struct reference *first = await_current(source, pg);
	script(pg, "UPDATE campaign SET source = source || '# changed'; UPDATE reference_version SET version = version "
		   "+ 1");
	const struct reference *second = await_current(source, pg);
	assert_ptr_equal(reference_by_id(first, CAMPAIGN)->units, reference_by_id(second, CAMPAIGN)->units);
	assert_ptr_not_equal(reference_by_id(first, CAMPAIGN)->campaign, reference_by_id(second, CAMPAIGN)->campaign);
	reference_release(source, &first);
	for (size_t i = 0; i < ARRAY_LENGTH(CHANGES); i++) {
		script(pg, CHANGES[i]);
		script(pg, "UPDATE reference_version SET version = version + 1");
		const struct reference *next = await_current(source, pg);
		assert_ptr_not_equal(reference_by_id(next, CAMPAIGN)->units, reference_by_id(second, CAMPAIGN)->units);
		reference_release(source, &second);
		second = next;
	}
	assert_non_null(unit_by_code(reference_by_id(second, CAMPAIGN)->units, "C"));
	reference_close(&source);
	assert_int_equal(unit_tree_count(reference_by_id(second, CAMPAIGN)->units), 2);
	reference_release(source, &second);
	remove_ours(pg);
	pg_close(&pg);
}

static void expect_last_good(struct reference_source *source, struct pg *pg)
{
	const struct reference *reference = await_current(source, pg);
	const struct reference_campaign *campaign = reference_by_id(reference, CAMPAIGN);

	assert_non_null(campaign);
	/* Rules and units together: never the new half beside the old. */
	assert_int_equal(campaign->campaign->versions[0].description_characters_max, 100);
	assert_int_equal(unit_tree_count(campaign->units), 2);
	reference_release(source, &reference);
}

static void test_faulty_campaign_stays_as_it_was(void **state)
{
	struct pg *pg = open_ready();

	(void)state;
	apply(pg, CAMPAIGN, 100, UNITS);
	struct reference_source *source = reference_open(NULL, conninfo());
	expect_last_good(source, pg);
	apply(pg, CAMPAIGN, 0, MORE_UNITS);
	expect_last_good(source, pg);
	apply(pg, CAMPAIGN, 200, CYCLE);
	expect_last_good(source, pg);

	/* One that was never good is left out, and holds up nobody. */
	apply(pg, OTHER, 0, ROOT_OF(31002));
	const struct reference *reference = await_current(source, pg);
	assert_null(reference_by_id(reference, OTHER));
	assert_non_null(reference_by_id(reference, CAMPAIGN));
	reference_release(source, &reference);

	apply(pg, CAMPAIGN, 300, MORE_UNITS);
	reference = await_current(source, pg);
	assert_int_equal(unit_tree_count(reference_by_id(reference, CAMPAIGN)->units), 3);
	reference_release(source, &reference);
	reference_close(&source);
	remove_ours(pg);
	pg_close(&pg);
}

static void test_server_away_at_start(void **state)
{
	(void)state;
	atomic_store(&condition_holds, true);
	struct reference_source *source = reference_open(NULL, "host=/nonexistent dbname=none");
	assert_non_null(source);
	assert_false(atomic_load(&condition_holds));
	const struct reference *reference = reference_acquire(source);
	assert_null(reference);
	reference_release(source, &reference);
	reference_close(&source);
	assert_null(source);
}

static int64_t quarantine_number(struct pg *pg, const char *what)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT coalesce(sum(%s), 0)::bigint FROM quarantine WHERE stage = 'test_reference'",
		what);
	pg_params(pg);
	assert_int_equal(pg_run(pg, sql, &rows, soon()), PG_OK);
	return pg_get_i64(rows, 0, 0);
}

/* A released one that fails again must wait anew, or it would go round for ever. */
static void test_quarantine(void **state)
{
	struct pg *pg = open_ready();
	const struct id128 id = {{1, 2, 3}};

	(void)state;
	assert_true(quarantine_put(pg, &id, "test_reference", "why", soon()));
	assert_true(quarantine_put(pg, &id, "test_reference", "again", soon()));
	assert_int_equal(quarantine_number(pg, "1"), 1);
	assert_int_equal(quarantine_number(pg, "attempts"), 2);
	script(pg, "UPDATE quarantine SET released_at = now() WHERE stage = 'test_reference'");
	/* As a service does it, with its own few rights. */
	script(pg, "SET ROLE sk_validation");
	assert_true(quarantine_put(pg, &id, "test_reference", "again", soon()));
	script(pg, "RESET ROLE");
	assert_int_equal(quarantine_number(pg, "(released_at IS NULL)::integer"), 1);
	script(pg, "DELETE FROM quarantine WHERE stage = 'test_reference'");
	pg_close(&pg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads_and_follows),
		cmocka_unit_test(test_trees_are_loaded_when_they_change),
		cmocka_unit_test(test_faulty_campaign_stays_as_it_was),
		cmocka_unit_test(test_server_away_at_start),
		cmocka_unit_test(test_quarantine),
	};

	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	metrics_free(&metrics);
	return failed;
}
