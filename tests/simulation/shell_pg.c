/* common/runtime/pg.h over the model of PostgreSQL: sessions, the network between, and commits whose answer is lost.
 * The builders of parameters and the readers of results are the real ones. */
#include "common/runtime/clock.h"
#include "common/runtime/pg_connection.h"
#include "tests/simulation/happened.h"
#include "tests/simulation/postgresql.h"
#include "tests/simulation/shell.h"
#include "tests/simulation/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SESSIONS_MAX = 4096,
	TRIP_LEAST_US = 20,
	TRIP_MOST_US = 200,
	SLOW_MOST_US = 400 * MS,
	LATE_COMMIT_MOST_US = 5 * SECOND,
	NOTICE_MOST_US = 30 * MS, /* until the server rolls back for a client that went */
	LOOK_US = 50 * MS,
	COMMIT_CHANCES = 4, /* a commit is lost that much more often than another statement */
};

struct session {
	struct pg pg; /* its parameters and last error; the rest is libpq's and unused */
	struct machine *machine;
	bool connected, lost; /* lost: it will be noticed at the next call */
	bool in_transaction;
	bool committing; /* COMMIT has been sent */
	struct transaction_model *transaction;
	struct cell rows[4096];
	size_t row_cells;
	enum table_name copied; /* the table of the COPY under way */
};

static struct session *sessions[SESSIONS_MAX];
static size_t session_count;
static int64_t down_until;

static struct session *session_of(struct pg *pg)
{
	return (struct session *)(void *)pg;
}

/* Sessions -------------------------------------------------------------------------------------------------------- */

static void abort_late(void *context)
{
	struct transaction_model *transaction = context;

	if (!transaction->over)
		transaction_abort(transaction);
}

static void commit_late(void *context)
{
	struct transaction_model *transaction = context;

	if (transaction->over)
		return;
	happened(COMMIT_LATE);
	world_tell("a COMMIT whose answer nobody hears");
	transaction_commit(transaction);
}

/* A COMMIT that was sent may have reached the server, to be carried out whenever the server comes to it. */
static void drop_transaction(struct session *session)
{
	struct transaction_model *transaction = session->transaction;

	bool open = transaction && !transaction->over, committing = open && session->committing;

	if (committing && world_chance(500000))
		world_at(world_now() + world_below(LATE_COMMIT_MOST_US), commit_late, transaction);
	else if (open)
		world_at(world_now() + world_below(NOTICE_MOST_US), abort_late, transaction);
	if (committing)
		happened(COMMIT_SENT);
	session->transaction = NULL;
	session->committing = false;
}

static void lose(struct session *session, const char *why)
{
	world_tell("PostgreSQL lost: %s", why);
	session->connected = session->lost = false;
	drop_transaction(session);
	pg_set_error(&session->pg, "", why);
}

static void end_session(void *context)
{
	struct session *session = context;

	session->connected = false;
	drop_transaction(session);
}

void pg_set_error(struct pg *pg, const char *sqlstate, const char *error)
{
	snprintf(pg->sqlstate, sizeof(pg->sqlstate), "%s", sqlstate);
	snprintf(pg->error, sizeof(pg->error), "%s", error);
}

struct pg *pg_open(const char *conninfo, const char *application_name)
{
	struct session *session = calloc(1, sizeof(*session));

	(void)conninfo;
	(void)application_name;
	assert(session != NULL && session_count < SESSIONS_MAX);
	session->machine = machine_here();
	sessions[session_count++] = session;
	machine_on_end(session->machine, end_session, session);
	return &session->pg;
}

struct pg *pg_open_by_key(const char *conninfo, const char *application_name)
{
	return pg_open(conninfo, application_name);
}

void pg_close(struct pg **pg)
{
	if (*pg) {
		machine_off_end(session_of(*pg)->machine, *pg);
		end_session(*pg);
	}
	*pg = NULL;
}

void postgresql_crash(int64_t us)
{
	happened(POSTGRESQL_CRASH);
	world_tell("PostgreSQL CRASHES for %lld ms", (long long)(us / MS));
	down_until = world_now() + us;
	for (size_t i = 0; i < session_count; i++) {
		struct session *session = sessions[i];

		session->lost |= session->connected;
		if (!session->transaction || session->transaction->over)
			continue;
		session->transaction->broken = true;
		if (session->transaction->waits)
			waiters_wake_all(&session->transaction->waits->waiters);
		transaction_abort(session->transaction);
	}
}

static int64_t world_time(int64_t deadline_ms)
{
	return deadline_ms == INT64_MAX ? INT64_MAX : world_now() + (deadline_ms - clock_monotonic_ms()) * MS;
}

bool pg_ready(struct pg *pg, int64_t deadline_ms)
{
	struct session *session = session_of(pg);
	int64_t until = world_time(deadline_ms);

	if (session->lost)
		lose(session, "the server closed the connection");
	while (!session->connected) {
		if (world_now() >= down_until && !world_chance(chances.pg_lost_before)) {
			fiber_sleep(world_between(MS, 3 * MS));
			session->connected = world_now() >= down_until;
		}
		if (session->connected || world_now() >= until)
			break;
		fiber_sleep(LOOK_US < until - world_now() ? LOOK_US : until - world_now());
	}
	return session->connected;
}

bool pg_connected(const struct pg *pg)
{
	return ((const struct session *)(const void *)pg)->connected;
}

void pg_drop(struct pg *pg)
{
	end_session(pg);
	session_of(pg)->in_transaction = false;
}

const char *pg_sqlstate(const struct pg *pg)
{
	return pg->sqlstate;
}

const char *pg_error(const struct pg *pg)
{
	return pg->error;
}

/* Statements ------------------------------------------------------------------------------------------------------ */

static void trip(void)
{
	fiber_sleep(happens(STATEMENT_LATE, chances.pg_slow) ? world_below(SLOW_MOST_US)
							     : world_between(TRIP_LEAST_US, TRIP_MOST_US));
}

static enum pg_status execute(struct session *session, statement_model *run, struct statement *statement)
{
	enum pg_status status;

	transaction_statement(statement->transaction);
	status = happens(STATEMENT_REFUSED, chances.pg_refuse) ? PG_RETRY : run(statement);
	if (status == PG_OK)
		return PG_OK;
	pg_set_error(&session->pg, statement->sqlstate ? statement->sqlstate : "40001", "refused by the model");
	transaction_abort(statement->transaction);
	if (status == PG_DOWN)
		session->lost = true;
	return status;
}

/* Lost on the way there or back. */
static bool is_lost(struct session *session, enum happening kind, uint32_t chance)
{
	if (!session->lost && !happens(kind, chance))
		return false;
	lose(session, "the connection broke");
	return true;
}

static enum pg_status run_in(struct session *session, statement_model *run, struct statement *statement, bool reads)
{
	bool alone = !session->in_transaction;
	enum pg_status lost = alone && !reads ? PG_UNKNOWN : PG_DOWN, status;

	machine_step("a statement");
	trip();
	if (is_lost(session, STATEMENT_LOST, chances.pg_lost_before))
		return lost;
	statement->transaction = alone ? transaction_begin(false) : session->transaction;
	if (alone)
		session->transaction = statement->transaction;
	if (!statement->transaction || statement->transaction->over)
		return PG_REFUSED; /* an aborted transaction takes nothing more */
	status = execute(session, run, statement);
	if (alone && status == PG_OK)
		transaction_commit(statement->transaction);
	if (alone)
		session->transaction = NULL;
	machine_step("a statement's answer");
	trip();
	if (is_lost(session, STATEMENT_UNANSWERED, chances.pg_lost_after))
		return lost;
	return status;
}

enum pg_status pg_run(struct pg *pg, const char *sql, PGresult **rows, int64_t deadline_ms)
{
	struct session *session = session_of(pg);
	const struct statement_entry *entry = statement_find(sql);
	struct statement statement = {.until = world_time(deadline_ms), .result = result_new()};
	enum pg_status status = PG_DOWN;

	assert(!session->in_transaction || session->transaction || !session->connected);
	statement_read(&pg->params, &statement);
	world_tell("SQL %.60s", sql);
	if (session->connected || (!session->in_transaction && pg_ready(pg, deadline_ms)))
		status = run_in(session, entry->run, &statement, strncmp(sql, "SELECT", 6) == 0);
	statement_forget(&statement);
	if (rows && status == PG_OK)
		*rows = statement.result;
	else
		PQclear(statement.result);
	return status;
}

/* Transactions ---------------------------------------------------------------------------------------------------- */

static struct {
	int64_t number;
	enum lock_mode mode;
	bool wanted;
} advisory;

static enum pg_status take_advisory(struct statement *statement)
{
	struct cell key = cell_number(advisory.number, 8);

	return row_lock(statement->transaction, table_place(ADVISORY_LOCK, &key), advisory.mode, statement->until);
}

static void read_advisory(const char *sql)
{
	const char *shared = strstr(sql, "pg_advisory_xact_lock_shared("),
		   *alone = strstr(sql, "pg_advisory_xact_lock(");

	advisory.wanted = shared || alone;
	advisory.mode = shared ? LOCK_SHARE : LOCK_UPDATE;
	if (advisory.wanted)
		advisory.number = strtoll(strchr(shared ? shared : alone, '(') + 1, NULL, 10);
}

enum pg_status pg_script(struct pg *pg, const char *sql, int64_t deadline_ms)
{
	struct session *session = session_of(pg);
	struct statement statement = {.until = world_time(deadline_ms), .result = NULL};

	assert(strncmp(sql, "BEGIN", 5) == 0 && !session->in_transaction);
	machine_step("BEGIN");
	if (!session->connected && !pg_ready(pg, deadline_ms))
		return PG_DOWN;
	trip();
	session->in_transaction = true;
	if (is_lost(session, STATEMENT_LOST, chances.pg_lost_before))
		return PG_DOWN;
	session->transaction = statement.transaction = transaction_begin(strstr(sql, "REPEATABLE READ") != NULL);
	read_advisory(sql);
	return advisory.wanted ? execute(session, take_advisory, &statement) : PG_OK;
}

enum pg_status pg_begin(struct pg *pg, int64_t deadline_ms)
{
	return pg_script(pg, "BEGIN", deadline_ms);
}

enum pg_status pg_commit(struct pg *pg, int64_t deadline_ms)
{
	struct session *session = session_of(pg);

	(void)deadline_ms;
	machine_step("COMMIT");
	session->in_transaction = false;
	if (!session->connected)
		return PG_DOWN;
	session->committing = true;
	machine_step("COMMIT under way");
	trip();
	if (is_lost(session, COMMIT_LOST, COMMIT_CHANCES * chances.pg_lost_before))
		return PG_UNKNOWN;
	session->committing = false;
	if (!session->transaction || session->transaction->over)
		return PG_REFUSED;
	transaction_commit(session->transaction);
	session->transaction = NULL;
	machine_step("COMMIT's answer");
	trip();
	return is_lost(session, COMMIT_UNANSWERED, COMMIT_CHANCES * chances.pg_lost_after) ? PG_UNKNOWN : PG_OK;
}

void pg_rollback(struct pg *pg, int64_t deadline_ms)
{
	struct session *session = session_of(pg);

	(void)deadline_ms;
	session->in_transaction = false;
	if (!session->transaction)
		return;
	trip();
	if (session->transaction && !session->transaction->over)
		transaction_abort(session->transaction);
	session->transaction = NULL;
}

/* COPY ------------------------------------------------------------------------------------------------------------ */

static enum table_name copied_table(const char *sql)
{
	static const struct {
		const char *begin;
		enum table_name table;
	} known[] = {{"COPY submission ", SUBMISSION}, {"COPY idempotency_key ", IDEMPOTENCY_KEY},
		{"COPY signature ", SIGNATURE}, {"COPY candidate ", CANDIDATE}};

	for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
		if (strncmp(sql, known[i].begin, strlen(known[i].begin)) == 0)
			return known[i].table;
	assert(!"a COPY that the model does not know");
	return TABLE_COUNT;
}

enum pg_status pg_copy_begin(struct pg *pg, const char *sql, int64_t deadline_ms)
{
	struct session *session = session_of(pg);

	(void)deadline_ms;
	assert(session->in_transaction);
	session->copied = copied_table(sql);
	pg_params_clear(&pg->params, true);
	session->row_cells = 0;
	return session->connected ? PG_OK : PG_DOWN;
}

/* The fields of the row before, out of the buffer that the next one is written to. */
static void keep_row(struct session *session)
{
	const struct buffer *buffer = &session->pg.params.buffer;

	for (size_t at = 0; at < buffer->size;) {
		int32_t size = (int32_t)read_u32(buffer->data + at);

		assert(session->row_cells < ARRAY_LENGTH(session->rows));
		session->rows[session->row_cells++] = cell_copy((struct cell){size, buffer->data + at + 4});
		at += 4 + (size_t)(size > 0 ? size : 0);
	}
	pg_params_clear(&session->pg.params, true);
}

struct pg_params *pg_copy_row(struct pg *pg, int16_t columns)
{
	assert((size_t)columns == tables[session_of(pg)->copied].columns);
	keep_row(session_of(pg));
	return &pg->params;
}

static enum pg_status copy_rows(struct statement *statement)
{
	const struct cell *cells = statement->parameters[1].elements.list;

	for (size_t at = 0; at < elements(statement, 1); at += tables[statement->copied].columns) {
		bool inserted;

		TRY(insert_row(statement, statement->copied, cells + at, &inserted));
		if (inserted)
			continue;
		statement->sqlstate = "23505";
		return PG_REFUSED;
	}
	return PG_OK;
}

enum pg_status pg_copy_end(struct pg *pg, int64_t deadline_ms)
{
	struct session *session = session_of(pg);
	struct statement statement = {.until = world_time(deadline_ms), .result = NULL, .copied = session->copied};

	keep_row(session);
	pg_params_clear(&pg->params, false);
	statement.parameters[1].elements = (struct cells){session->rows, session->row_cells};
	return run_in(session, copy_rows, &statement, false);
}

enum pg_status pg_clock_offset(struct pg *pg, int64_t *offset_us, int64_t deadline_ms)
{
	if (!pg_ready(pg, deadline_ms))
		return PG_DOWN;
	trip();
	*offset_us = machine_here()->wall_skew;
	return PG_OK;
}
