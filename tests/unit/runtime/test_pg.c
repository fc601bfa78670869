/* Would catch: a value that arrives changed; a call that waits past its deadline; a COMMIT reported as done or undone
 * when nobody knows; the rest of a cut-off transaction committing alone on a new connection. */
#include "common/runtime/clock.h"
#include "common/runtime/pg.h"

#include "tests/unit/await.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 10000 };

/* Of a private server, the superuser's; tests/run starts one. */
static const char *conninfo(void)
{
	const char *given = getenv("SANGKIEN_TEST_PG");
	if (given == NULL)
		skip();
	return given;
}

static int64_t soon(int64_t ms)
{
	return clock_monotonic_ms() + ms;
}

static struct pg *open_ready(const char *name)
{
	struct pg *pg = pg_open(conninfo(), name);
	assert_non_null(pg);
	assert_true(pg_ready(pg, soon(PATIENCE_MS)));
	return pg;
}

static void script(struct pg *pg, const char *sql)
{
	if (pg_script(pg, sql, soon(PATIENCE_MS)) != PG_OK)
		fail_msg("%s: %s %s", sql, pg_sqlstate(pg), pg_error(pg));
}

static int64_t number(struct pg *pg, const char *sql)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	pg_params(pg);
	if (pg_run(pg, sql, &rows, soon(PATIENCE_MS)) != PG_OK)
		fail_msg("%s: %s %s", sql, pg_sqlstate(pg), pg_error(pg));
	return pg_get_i64(rows, 0, 0);
}

static bool await_number(struct pg *pg, const char *sql, int64_t wanted)
{
	int64_t deadline_ms = soon(PATIENCE_MS);
	while (number(pg, sql) != wanted)
		if (!await_again(deadline_ms))
			return false;
	return true;
}

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){.data = (const uint8_t *)text, .size = strlen(text)};
}

static void values_arrive_unchanged(void **state)
{
	(void)state;
	struct pg *pg = open_ready("values");
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct id128 id = {.octet = {0xff, 1, 2, 3}}, back;
	struct pg_params *p = pg_params(pg);
	pg_i16(p, -7);
	pg_i32(p, INT32_MIN);
	pg_i64(p, INT64_MAX);
	pg_real(p, -0.25);
	pg_bool(p, true);
	pg_text(p, (struct bytes){NULL, 0});
	pg_cstr(p, NULL);
	pg_bytea(p, (struct bytes){(const uint8_t *)"\0\1", 2});
	pg_uuid(p, &id);
	pg_uuid(p, NULL);
	pg_instant(p, INT64_C(-1000001)); /* before 1970 and before PostgreSQL's own epoch */
	pg_day(p, 18736);
	pg_null(p, PG_OID_INT8);
	assert_int_equal(
		pg_run(pg,
			"SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
			"$11 = '1969-12-31T23:59:58.999999Z', $12 = '2021-04-19', 0.5::real, 'infinity'::timestamptz",
			&rows, soon(PATIENCE_MS)),
		PG_OK);
	assert_int_equal(pg_get_i16(rows, 0, 0), -7);
	assert_int_equal(pg_get_i32(rows, 0, 1), INT32_MIN);
	assert_true(pg_get_i64(rows, 0, 2) == INT64_MAX);
	assert_true(pg_get_real(rows, 0, 3) == -0.25);
	assert_true(pg_get_bool(rows, 0, 4));
	assert_false(pg_get_null(rows, 0, 5));
	assert_int_equal(pg_get_bytes(rows, 0, 5).size, 0);
	assert_true(pg_get_null(rows, 0, 6));
	assert_int_equal(pg_get_bytes(rows, 0, 7).size, 2);
	assert_int_equal(pg_get_bytes(rows, 0, 7).data[1], 1);
	back = pg_get_uuid(rows, 0, 8);
	assert_true(id128_equal(&back, &id));
	assert_true(pg_get_null(rows, 0, 9));
	assert_int_equal(pg_get_instant(rows, 0, 10), -1000001);
	assert_int_equal(pg_get_day(rows, 0, 11), 18736);
	assert_true(pg_get_null(rows, 0, 12));
	assert_true(pg_get_bool(rows, 0, 13));
	assert_true(pg_get_bool(rows, 0, 14));
	assert_true(pg_get_real(rows, 0, 15) == 0.5);
	assert_true(pg_get_instant(rows, 0, 16) == INT64_MAX);
	pg_close(&pg);
}

static void arrays_unnest_with_nulls_and_when_empty(void **state)
{
	(void)state;
	struct pg *pg = open_ready("arrays");
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);
	pg_array_begin(p, PG_OID_INT4);
	pg_i32(p, 1);
	pg_i32(p, -2);
	pg_array_end(p);
	pg_array_begin(p, PG_OID_TEXT);
	pg_text(p, bytes_of("sáng kiến"));
	pg_null(p, PG_OID_TEXT);
	pg_array_end(p);
	pg_array_begin(p, PG_OID_FLOAT4);
	pg_real(p, 0.5);
	pg_real(p, 2);
	pg_array_end(p);
	pg_array_begin(p, PG_OID_UUID);
	pg_array_end(p);
	assert_int_equal(
		pg_run(pg, "SELECT a, b, c, cardinality($4) FROM unnest($1, $2, $3) AS t(a, b, c) ORDER BY a DESC",
			&rows, soon(PATIENCE_MS)),
		PG_OK);
	assert_int_equal(PQntuples(rows), 2);
	assert_int_equal(pg_get_i32(rows, 0, 0), 1);
	assert_int_equal(pg_get_bytes(rows, 0, 1).size, strlen("sáng kiến"));
	assert_true(pg_get_real(rows, 0, 2) == 0.5);
	assert_true(pg_get_null(rows, 1, 1));
	assert_int_equal(pg_get_i32(rows, 1, 3), 0);
	pg_close(&pg);
}

static enum pg_status raise(struct pg *pg, const char *sqlstate)
{
	char sql[128];
	snprintf(sql, sizeof(sql), "DO $$ BEGIN RAISE EXCEPTION 'asked for' USING ERRCODE = '%s'; END $$", sqlstate);
	enum pg_status status = pg_script(pg, sql, soon(PATIENCE_MS));
	assert_string_equal(pg_sqlstate(pg), sqlstate);
	assert_string_equal(pg_error(pg), "asked for");
	return status;
}

static void sqlstates_say_what_to_do(void **state)
{
	(void)state;
	struct pg *pg = open_ready("sqlstates");
	assert_int_equal(raise(pg, "40001"), PG_RETRY);
	assert_int_equal(raise(pg, "40P01"), PG_RETRY);
	assert_int_equal(raise(pg, "55P03"), PG_RETRY);
	assert_int_equal(raise(pg, "57014"), PG_RETRY);
	assert_int_equal(raise(pg, "53100"), PG_FULL);
	assert_int_equal(raise(pg, "23505"), PG_REFUSED);
	assert_true(pg_connected(pg));
	script(pg, "SELECT 1");
	assert_string_equal(pg_sqlstate(pg), "");
	pg_close(&pg);
}

static void a_literal_is_prepared_once_and_never_mistaken(void **state)
{
	(void)state;
	struct pg *pg = open_ready("prepared");
	char changing[32] = "SELECT 1::int8";
	for (int i = 0; i < 3; i++)
		assert_int_equal(number(pg, "SELECT count(*) FROM pg_prepared_statements"), 1);
	assert_int_equal(number(pg, changing), 1);
	changing[7] = '2'; /* another text at the same address */
	assert_int_equal(number(pg, changing), 2);
	/* More statements than the table holds still run. */
	char *texts[200];
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		texts[i] = malloc(48);
		assert_non_null(texts[i]);
		snprintf(texts[i], 48, "SELECT %zu::int8", i);
		assert_int_equal(number(pg, texts[i]), i);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		free(texts[i]);
	pg_close(&pg);
}

static void a_changed_table_makes_statements_anew(void **state)
{
	(void)state;
	struct pg *pg = open_ready("stale"), *other = open_ready("other");
	static const char sql[] = "SELECT * FROM stale";
	script(other, "DROP TABLE IF EXISTS stale; CREATE TABLE stale (a int8); INSERT INTO stale VALUES (1)");
	assert_int_equal(number(pg, sql), 1);
	script(other, "ALTER TABLE stale ADD b int8");
	pg_params(pg);
	assert_int_equal(pg_run(pg, sql, NULL, soon(PATIENCE_MS)), PG_DOWN);
	assert_int_equal(number(pg, sql), 1);
	pg_close(&pg);
	pg_close(&other);
}

static void a_deadline_is_kept_and_the_connection_is_not(void **state)
{
	(void)state;
	struct pg *pg = open_ready("deadline");
	int64_t began = clock_monotonic_ms();
	assert_int_equal(pg_script(pg, "SELECT pg_sleep(30)", soon(50)), PG_DOWN);
	assert_true(clock_monotonic_ms() - began < 2000);
	assert_false(pg_connected(pg));
	assert_string_equal(pg_error(pg), "the deadline passed");
	assert_true(pg_ready(pg, soon(PATIENCE_MS)));
	pg_close(&pg);
}

static void a_server_that_is_away_is_awaited_without_spinning(void **state)
{
	(void)state;
	struct pg *pg = pg_open("host=/nonexistent dbname=x user=x", "away");
	struct timespec before, after;
	int64_t began = clock_monotonic_ms();
	conninfo();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	assert_false(pg_ready(pg, soon(300)));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	int64_t waited = clock_monotonic_ms() - began;
	int64_t burnt_ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	assert_true(waited >= 300 && waited < 2000);
	assert_true(burnt_ms < 150);
	assert_true(strlen(pg_error(pg)) > 0);
	assert_int_equal(pg_begin(pg, soon(10)), PG_DOWN);
	pg_close(&pg);
}

static void end_backend(struct pg *by, const char *application)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(by);
	pg_cstr(p, application);
	assert_int_equal(
		pg_run(by, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1",
			&rows, soon(PATIENCE_MS)),
		PG_OK);
	assert_int_equal(PQntuples(rows), 1);
}

static void the_rest_of_a_cut_off_transaction_never_runs_alone(void **state)
{
	(void)state;
	struct pg *pg = open_ready("cut"), *other = open_ready("other");
	static const char insert[] = "INSERT INTO cut VALUES (1)";
	script(other, "DROP TABLE IF EXISTS cut; CREATE TABLE cut (a int)");
	assert_int_equal(pg_begin(pg, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(pg_run(pg, insert, NULL, soon(PATIENCE_MS)), PG_OK);
	end_backend(other, "cut");
	assert_int_equal(pg_run(pg, insert, NULL, soon(PATIENCE_MS)), PG_DOWN);
	assert_int_equal(pg_run(pg, insert, NULL, soon(PATIENCE_MS)), PG_DOWN);
	assert_int_equal(pg_commit(pg, soon(PATIENCE_MS)), PG_DOWN); /* nothing was sent: that is known */
	assert_int_equal(number(other, "SELECT count(*) FROM cut"), 0);
	pg_rollback(pg, soon(PATIENCE_MS));
	assert_int_equal(pg_run(pg, insert, NULL, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(number(other, "SELECT count(*) FROM cut"), 1);
	pg_close(&pg);
	pg_close(&other);
}

static void a_failed_transaction_is_not_committed(void **state)
{
	(void)state;
	struct pg *pg = open_ready("failed");
	assert_int_equal(pg_begin(pg, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(raise(pg, "23505"), PG_REFUSED);
	assert_int_equal(pg_commit(pg, soon(PATIENCE_MS)), PG_REFUSED);
	assert_int_equal(pg_begin(pg, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(raise(pg, "40001"), PG_RETRY);
	assert_int_equal(pg_commit(pg, soon(PATIENCE_MS)), PG_RETRY);
	assert_int_equal(pg_begin(pg, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(raise(pg, "40001"), PG_RETRY);
	pg_rollback(pg, soon(PATIENCE_MS));
	assert_string_equal(pg_sqlstate(pg), "40001");
	assert_int_equal(pg_begin(pg, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(pg_commit(pg, soon(PATIENCE_MS)), PG_OK);
	pg_close(&pg);
}

static void an_autocommit_that_is_cut_off_is_unknown(void **state)
{
	(void)state;
	struct pg *pg = open_ready("alone"), *other = open_ready("other");
	script(other, "DROP TABLE IF EXISTS alone; CREATE TABLE alone (a int)");
	script(other, "BEGIN; LOCK TABLE alone");
	assert_int_equal(pg_script(pg, "INSERT INTO alone VALUES (1)", soon(50)), PG_UNKNOWN);
	assert_int_equal(pg_script(pg, "SELECT count(*) FROM alone", soon(1000)), PG_DOWN);
	pg_rollback(other, soon(PATIENCE_MS));
	pg_close(&pg);
	pg_close(&other);
}

/* Committing while no standby answers --------------------------------------------------------------------------- */
struct committer {
	struct pg *pg;
	enum pg_status status;
	int64_t deadline_ms;
};

static void *commit(void *context)
{
	struct committer *committer = context;
	committer->status = pg_commit(committer->pg, committer->deadline_ms);
	return NULL;
}

static void ask_for_standby(struct pg *admin, bool wait)
{
	script(admin, wait ? "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
			   : "ALTER SYSTEM RESET synchronous_standby_names");
	script(admin, "SELECT pg_reload_conf()");
}

/* Whether a commit waits is for the checkpointer to say, when it has read the setting: only a commit shows it. */
static void await_commits_that_wait(struct pg *admin)
{
	struct pg *probe = open_ready("probe");
	enum pg_status status = PG_OK;
	script(admin, "DROP TABLE IF EXISTS probe; CREATE TABLE probe (a int)");
	ask_for_standby(admin, true);
	for (int64_t deadline = soon(PATIENCE_MS); status == PG_OK && clock_monotonic_ms() < deadline;)
		status = pg_script(probe, "INSERT INTO probe VALUES (1)", soon(200));
	assert_int_equal(status, PG_UNKNOWN);
	pg_close(&probe);
}

static int stop_waiting(void **state)
{
	(void)state;
	if (getenv("SANGKIEN_TEST_PG") == NULL)
		return 0;
	struct pg *admin = open_ready("admin");
	ask_for_standby(admin, false);
	pg_close(&admin);
	return 0;
}

/* Starts a COMMIT that waits for a standby, does `sql` to its backend, gives the COMMIT's status. */
static enum pg_status commit_disturbed(const char *sql, int64_t patience_ms)
{
	struct pg *admin = open_ready("admin");
	struct committer committer = {.pg = open_ready("committer")};
	pthread_t thread;
	script(admin, "DROP TABLE IF EXISTS committed; CREATE TABLE committed (a int)");
	await_commits_that_wait(admin);
	assert_int_equal(pg_begin(committer.pg, soon(PATIENCE_MS)), PG_OK);
	script(committer.pg, "INSERT INTO committed VALUES (1)");
	committer.deadline_ms = soon(patience_ms);
	pthread_create(&thread, NULL, commit, &committer);
	if (sql != NULL) {
		assert_true(await_number(admin,
			"SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = "
			"'committer'",
			1));
		script(admin, sql);
	}
	pthread_join(thread, NULL);
	ask_for_standby(admin, false);
	/* It did commit here; the point is that we could not know that it will last. */
	assert_true(await_number(admin, "SELECT count(*) FROM committed", 1));
	pg_close(&committer.pg);
	pg_close(&admin);
	return committer.status;
}

static void a_cancelled_synchronous_wait_is_unknown(void **state)
{
	(void)state;
	conninfo();
	assert_int_equal(commit_disturbed("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name "
					  "= 'committer'",
				 PATIENCE_MS),
		PG_UNKNOWN);
}

static void a_commit_whose_connection_goes_is_unknown(void **state)
{
	(void)state;
	conninfo();
	assert_int_equal(commit_disturbed("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
					  "application_name = 'committer'",
				 PATIENCE_MS),
		PG_UNKNOWN);
}

static void a_commit_without_an_answer_in_time_is_unknown(void **state)
{
	(void)state;
	conninfo();
	assert_int_equal(commit_disturbed(NULL, 300), PG_UNKNOWN);
}

/* COPY -------------------------------------------------------------------------------------------------------- */
static void copied_rows_arrive(void **state)
{
	(void)state;
	enum { ROWS = 3000, TEXT_SIZE = 500 }; /* several pieces */
	struct pg *pg = open_ready("copy");
	static char text[TEXT_SIZE];
	struct id128 id = {.octet = {9}};
	memset(text, 'x', sizeof(text));
	script(pg, "DROP TABLE IF EXISTS copied; CREATE TABLE copied (a int, b text, c uuid[], d date)");
	assert_int_equal(pg_begin(pg, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(pg_copy_begin(pg, "COPY copied FROM STDIN (FORMAT binary)", soon(PATIENCE_MS)), PG_OK);
	for (int i = 0; i < ROWS; i++) {
		struct pg_params *p = pg_copy_row(pg, 4);
		pg_i32(p, i);
		pg_text(p, (struct bytes){(const uint8_t *)text, sizeof(text)});
		pg_array_begin(p, PG_OID_UUID);
		pg_uuid(p, &id);
		pg_array_end(p);
		pg_null(p, PG_OID_DATE);
	}
	assert_int_equal(pg_copy_end(pg, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(pg_commit(pg, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(number(pg, "SELECT sum(a) FILTER (WHERE length(b) = 500 AND d IS NULL AND c[1] = "
				    "'09000000-0000-0000-0000-000000000000') FROM copied"),
		(int64_t)ROWS * (ROWS - 1) / 2);
	pg_close(&pg);
}

static void a_bad_row_refuses_the_copy_and_the_connection_goes_on(void **state)
{
	(void)state;
	struct pg *pg = open_ready("copy");
	script(pg, "DROP TABLE IF EXISTS copied; CREATE TABLE copied (a int CHECK (a > 0))");
	assert_int_equal(pg_begin(pg, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(pg_copy_begin(pg, "COPY copied FROM STDIN (FORMAT binary)", soon(PATIENCE_MS)), PG_OK);
	pg_i32(pg_copy_row(pg, 1), 1);
	pg_i32(pg_copy_row(pg, 1), -1);
	assert_int_equal(pg_copy_end(pg, soon(PATIENCE_MS)), PG_REFUSED);
	assert_string_equal(pg_sqlstate(pg), "23514");
	pg_rollback(pg, soon(PATIENCE_MS));
	assert_int_equal(number(pg, "SELECT count(*) FROM copied"), 0);
	assert_int_equal(pg_begin(pg, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(pg_copy_begin(pg, "COPY nowhere FROM STDIN (FORMAT binary)", soon(PATIENCE_MS)), PG_REFUSED);
	pg_rollback(pg, soon(PATIENCE_MS));
	pg_close(&pg);
}

static void a_copy_that_is_cut_off_keeps_nothing(void **state)
{
	(void)state;
	struct pg *pg = open_ready("copycut"), *other = open_ready("other");
	script(other, "DROP TABLE IF EXISTS copied; CREATE TABLE copied (a int)");
	assert_int_equal(pg_begin(pg, soon(PATIENCE_MS)), PG_OK);
	assert_int_equal(pg_copy_begin(pg, "COPY copied FROM STDIN (FORMAT binary)", soon(PATIENCE_MS)), PG_OK);
	pg_i32(pg_copy_row(pg, 1), 1);
	end_backend(other, "copycut");
	for (int i = 0; i < 200000; i++) /* through a piece boundary */
		pg_i32(pg_copy_row(pg, 1), i);
	assert_int_equal(pg_copy_end(pg, soon(PATIENCE_MS)), PG_DOWN);
	pg_rollback(pg, soon(PATIENCE_MS));
	assert_int_equal(number(pg, "SELECT count(*) FROM copied"), 0);
	pg_close(&pg);
	pg_close(&other);
}

/* The log ----------------------------------------------------------------------------------------------------- */
static int lines_with(const char *path, const char *word)
{
	char line[1024];
	int count = 0;
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		count += strstr(line, word) != NULL;
	fclose(file);
	return count;
}

static void a_loss_and_a_return_are_said_once(void **state)
{
	(void)state;
	char path[] = "/tmp/sk.log.XXXXXX", link[64], target[] = "/tmp/sk.dir.XXXXXX";
	char away[128];
	const char *given = conninfo();
	int file = mkstemp(path), saved = dup(STDERR_FILENO);
	/* A directory that is first empty and then holds the server's socket: the server "comes up". */
	assert_non_null(mkdtemp(target));
	snprintf(link, sizeof(link), "%s/s", target);
	snprintf(away, sizeof(away), "host=%s %s", link, strchr(given, ' '));
	struct pg *pg = pg_open(away, "said");
	dup2(file, STDERR_FILENO);
	for (int i = 0; i < 3; i++)
		assert_false(pg_ready(pg, soon(150)));
	char host[96];
	assert_int_equal(sscanf(given, "host=%95s", host), 1);
	assert_int_equal(symlink(host, link), 0);
	bool back = pg_ready(pg, soon(PATIENCE_MS));
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	assert_true(back);
	assert_int_equal(lines_with(path, "\"postgresql_away\""), 1);
	assert_int_equal(lines_with(path, "\"postgresql_back\""), 1);
	pg_close(&pg);
	close(file);
	close(saved);
	unlink(link);
	unlink(path);
	rmdir(target);
}

static void the_same_machine_has_the_same_clock(void **state)
{
	(void)state;
	struct pg *pg = open_ready("clock");
	int64_t offset;
	assert_int_equal(pg_clock_offset(pg, &offset, soon(PATIENCE_MS)), PG_OK);
	assert_true(llabs(offset) < 1000000);
	pg_close(&pg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_arrive_unchanged),
		cmocka_unit_test(arrays_unnest_with_nulls_and_when_empty),
		cmocka_unit_test(sqlstates_say_what_to_do),
		cmocka_unit_test(a_literal_is_prepared_once_and_never_mistaken),
		cmocka_unit_test(a_changed_table_makes_statements_anew),
		cmocka_unit_test(a_deadline_is_kept_and_the_connection_is_not),
		cmocka_unit_test(a_server_that_is_away_is_awaited_without_spinning),
		cmocka_unit_test(the_rest_of_a_cut_off_transaction_never_runs_alone),
		cmocka_unit_test(a_failed_transaction_is_not_committed),
		cmocka_unit_test(an_autocommit_that_is_cut_off_is_unknown),
		cmocka_unit_test_teardown(a_cancelled_synchronous_wait_is_unknown, stop_waiting),
		cmocka_unit_test_teardown(a_commit_whose_connection_goes_is_unknown, stop_waiting),
		cmocka_unit_test_teardown(a_commit_without_an_answer_in_time_is_unknown, stop_waiting),
		cmocka_unit_test(copied_rows_arrive),
		cmocka_unit_test(a_bad_row_refuses_the_copy_and_the_connection_goes_on),
		cmocka_unit_test(a_copy_that_is_cut_off_keeps_nothing),
		cmocka_unit_test(a_loss_and_a_return_are_said_once),
		cmocka_unit_test(the_same_machine_has_the_same_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
