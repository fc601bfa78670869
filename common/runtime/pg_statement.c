#include "common/runtime/clock.h"
#include "common/runtime/pg_connection.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pg_set_error(struct pg *pg, const char *sqlstate, const char *error)
{
	size_t length;

	snprintf(pg->sqlstate, sizeof(pg->sqlstate), "%s", sqlstate == NULL ? "" : sqlstate);
	snprintf(pg->error, sizeof(pg->error), "%s", error == NULL ? "" : error);
	length = strlen(pg->error);
	while (length > 0 && pg->error[length - 1] == '\n')
		pg->error[--length] = '\0';
}

/* The words of the warning are translated, the name of the function that gives it is not. */
void pg_on_notice(void *context, const PGresult *notice)
{
	struct pg *pg = context;
	const char *function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
	const char *text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);

	if ((function != NULL && strcmp(function, "SyncRepWaitForLSN") == 0) ||
		(text != NULL && strstr(text, "synchronous replication") != NULL))
		pg->sync_cancelled = true;
}

static enum pg_status status_of(const char *sqlstate)
{
	static const char *const again[] = {"40001", "40P01", "55P03", "57014"};

	for (size_t i = 0; i < ARRAY_LENGTH(again); i++)
		if (strcmp(sqlstate, again[i]) == 0)
			return PG_RETRY;
	if (strncmp(sqlstate, "53", 2) == 0)
		return PG_FULL;
	return PG_REFUSED;
}

/* 08: the connection; 57P: the server is going down; none: libpq itself has lost it. */
static bool is_loss(const struct pg *pg)
{
	return PQstatus(pg->connection) != CONNECTION_OK || pg->sqlstate[0] == '\0' ||
	       strncmp(pg->sqlstate, "08", 2) == 0 || strncmp(pg->sqlstate, "57P", 3) == 0;
}

bool pg_flush(struct pg *pg, int64_t deadline_ms)
{
	for (;;) {
		int left = PQflush(pg->connection);

		if (left <= 0)
			return left == 0;
		/* The server may be waiting for us to read before it reads on. */
		if (!pg_wait_socket(pg, POLLIN | POLLOUT, deadline_ms) || !PQconsumeInput(pg->connection))
			return false;
	}
}

static bool is_error(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

/* The last result of the answer, or the first error; NULL with false when it did not come. */
static bool collect(struct pg *pg, PGresult **last, int64_t deadline_ms)
{
	for (;;) {
		PGresult *result;

		while (PQisBusy(pg->connection))
			if (!pg_wait_socket(pg, POLLIN, deadline_ms) || !PQconsumeInput(pg->connection))
				return false;
		result = PQgetResult(pg->connection);
		if (result == NULL)
			return true;
		if (*last != NULL && is_error(*last)) {
			PQclear(result);
			continue;
		}
		PQclear(*last);
		*last = result;
		if (PQresultStatus(result) == PGRES_COPY_IN)
			return true;
	}
}

static enum pg_status lose(struct pg *pg, bool commits, const char *why)
{
	pg_lost(pg, why);
	return commits ? PG_UNKNOWN : PG_DOWN;
}

static enum pg_status judge_error(struct pg *pg, const PGresult *result, bool commits)
{
	enum pg_status status;

	pg_set_error(
		pg, PQresultErrorField(result, PG_DIAG_SQLSTATE), PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
	if (is_loss(pg))
		return lose(pg, commits, PQerrorMessage(pg->connection));
	status = status_of(pg->sqlstate);
	if (pg->in_transaction && pg->transaction_fault == PG_OK)
		pg->transaction_fault = status;
	return status;
}

static void note_transaction(struct pg *pg)
{
	PGTransactionStatusType now = PQtransactionStatus(pg->connection);
	bool within = now == PQTRANS_INTRANS || now == PQTRANS_INERROR;

	if (within && !pg->in_transaction)
		pg->transaction_fault = PG_OK;
	pg->in_transaction = within;
}

enum pg_status pg_finish(struct pg *pg, PGresult **rows, bool commits, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *last = NULL;
	enum pg_status status = PG_OK;

	pg->sync_cancelled = false;
	if (!pg_flush(pg, deadline_ms) || !collect(pg, &last, deadline_ms)) {
		bool late = PQstatus(pg->connection) == CONNECTION_OK;
		return lose(pg, commits, late ? "the deadline passed" : PQerrorMessage(pg->connection));
	}
	if (last == NULL)
		return lose(pg, commits, "an answer without a result");
	if (is_error(last))
		status = judge_error(pg, last, commits);
	if (pg->connection != NULL && PQresultStatus(last) != PGRES_COPY_IN)
		note_transaction(pg);
	if (status == PG_OK && pg->sync_cancelled) {
		pg_set_error(pg, "01000", "the wait for synchronous replication was cancelled");
		return PG_UNKNOWN;
	}
	if (status == PG_OK && rows != NULL) {
		*rows = last;
		last = NULL;
	}
	return status;
}

/* Could this statement make something durable by itself? Then a loss leaves its outcome unknown. */
static bool may_commit(const struct pg *pg, const char *sql)
{
	if (strstr(sql, "COMMIT") != NULL)
		return true;
	if (pg->in_transaction)
		return false;
	return strncmp(sql, "SELECT", 6) != 0 && strncmp(sql, "BEGIN", 5) != 0;
}

void pg_forget_statements(struct pg *pg)
{
	for (size_t i = 0; i < pg->statement_count; i++)
		free(pg->statements[i].text);
	pg->statement_count = 0;
}

static struct pg_statement *find_statement(struct pg *pg, const char *sql)
{
	for (size_t i = 0; i < pg->statement_count; i++)
		if (pg->statements[i].sql == sql)
			return &pg->statements[i];
	return NULL;
}

static bool is_same_statement(const struct pg_statement *statement, const char *sql, const struct pg_params *p)
{
	return strcmp(statement->text, sql) == 0 && statement->count == p->count &&
	       memcmp(statement->types, p->types, (size_t)p->count * sizeof(p->types[0])) == 0;
}

static void statement_name(const struct pg *pg, const struct pg_statement *statement, char name[16])
{
	snprintf(name, 16, "s%u", (unsigned)(statement - pg->statements));
}

/* Prepares `sql`; on PG_OK it stands last in the table. */
static enum pg_status prepare(struct pg *pg, const char *sql, int64_t deadline_ms)
{
	struct pg_statement *statement = &pg->statements[pg->statement_count];
	const struct pg_params *p = &pg->params;
	enum pg_status status;
	char name[16];

	statement_name(pg, statement, name);
	if (!PQsendPrepare(pg->connection, name, sql, p->count, p->types))
		return lose(pg, false, PQerrorMessage(pg->connection));
	status = pg_finish(pg, NULL, false, deadline_ms);
	if (status != PG_OK)
		return status;
	*statement = (struct pg_statement){.sql = sql, .text = strdup(sql), .count = p->count};
	assert(statement->text != NULL);
	memcpy(statement->types, p->types, (size_t)p->count * sizeof(p->types[0]));
	pg->statement_count++;
	return PG_OK;
}

/* NULL: the statement goes without a name. */
static bool send(struct pg *pg, const struct pg_statement *statement, const char *sql)
{
	const struct pg_params *p = &pg->params;
	const char *values[PG_PARAMS_MAX];
	int sizes[PG_PARAMS_MAX], formats[PG_PARAMS_MAX];
	char name[16];

	for (int i = 0; i < p->count; i++) {
		const struct pg_value *value = &p->values[i];
		const char *data = p->buffer.data == NULL ? "" : (const char *)p->buffer.data + value->offset;

		values[i] = value->size < 0 ? NULL : data;
		sizes[i] = value->size < 0 ? 0 : value->size;
		formats[i] = 1;
	}
	if (statement == NULL)
		return PQsendQueryParams(pg->connection, sql, p->count, p->types, values, sizes, formats, 1) == 1;
	statement_name(pg, statement, name);
	return PQsendQueryPrepared(pg->connection, name, p->count, values, sizes, formats, 1) == 1;
}

/* A migration may change what a prepared statement gives: a new connection prepares it anew. */
static bool is_stale(const struct pg *pg)
{
	return strcmp(pg->sqlstate, "0A000") == 0 || strcmp(pg->sqlstate, "26000") == 0;
}

static enum pg_status run(struct pg *pg, const char *sql, PGresult **rows, int64_t deadline_ms)
{
	struct pg_statement *statement = find_statement(pg, sql);
	bool commits = may_commit(pg, sql), known = statement != NULL;
	enum pg_status status;

	if (statement == NULL && pg->statement_count < PG_STATEMENTS_MAX) {
		status = prepare(pg, sql, deadline_ms);
		if (status != PG_OK)
			return status;
		statement = &pg->statements[pg->statement_count - 1];
	}
	if (statement != NULL && !is_same_statement(statement, sql, &pg->params))
		statement = NULL;
	if (!send(pg, statement, sql))
		return lose(pg, commits, PQerrorMessage(pg->connection));
	status = pg_finish(pg, rows, commits, deadline_ms);
	if (status == PG_REFUSED && known && statement != NULL && is_stale(pg))
		return lose(pg, false, "a prepared statement is out of date");
	return status;
}

enum pg_status pg_run(struct pg *pg, const char *sql, PGresult **rows, int64_t deadline_ms)
{
	enum pg_status status;

	assert(!pg->copy_open);
	if (rows != NULL)
		*rows = NULL;
	if (!pg_usable(pg, deadline_ms))
		return PG_DOWN;
	if (pg->params.failed) {
		pg_set_error(pg, "54000", "more parameters than a statement may have");
		return PG_REFUSED;
	}
	status = run(pg, sql, rows, deadline_ms);
	pg_params_clear(&pg->params, false);
	return status;
}

enum pg_status pg_script(struct pg *pg, const char *sql, int64_t deadline_ms)
{
	bool commits;

	assert(!pg->copy_open);
	if (!pg_usable(pg, deadline_ms))
		return PG_DOWN;
	commits = may_commit(pg, sql);
	if (!PQsendQuery(pg->connection, sql))
		return lose(pg, commits, PQerrorMessage(pg->connection));
	return pg_finish(pg, NULL, commits, deadline_ms);
}
