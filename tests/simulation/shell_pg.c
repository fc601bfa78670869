/* common/runtime/pg.h over the model of PostgreSQL: statements and transactions, and the network between, so that a
 * COMMIT's answer may be lost. The builders of parameters and the readers of results are the real ones. */
#include "tests/simulation/happened.h"
#include "tests/simulation/pg_session.h"
#include "tests/simulation/shell.h"

#include <stdlib.h>
#include <string.h>

enum {
	TRIP_LEAST_US = 20,
	TRIP_MOST_US = 200,
	SLOW_MOST_US = 400 * MS,
	COMMIT_CHANCES = 4, /* a commit is lost that much more often than another statement */
};

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
	session_lose(session, "the connection broke");
	return true;
}

enum pg_status session_run(struct session *session, statement_model *run, struct statement *statement, bool reads)
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
	struct statement statement = {.until = session_deadline(deadline_ms), .result = result_new()};
	enum pg_status status = PG_DOWN;

	assert(!session->in_transaction || session->transaction || !session->connected);
	statement_read(&pg->params, &statement);
	world_tell("SQL %.60s", sql);
	if (session->connected || (!session->in_transaction && pg_ready(pg, deadline_ms)))
		status = session_run(session, entry->run, &statement, strncmp(sql, "SELECT", 6) == 0);
	statement_forget(&statement);
	if (rows && status == PG_OK)
		*rows = statement.result;
	else
		PQclear(statement.result);
	return status;
}

enum pg_status pg_clock_offset(struct pg *pg, int64_t *offset_us, int64_t deadline_ms)
{
	if (!pg_ready(pg, deadline_ms))
		return PG_DOWN;
	trip();
	*offset_us = machine_here()->wall_skew;
	return PG_OK;
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
	struct statement statement = {.until = session_deadline(deadline_ms), .result = NULL};

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
