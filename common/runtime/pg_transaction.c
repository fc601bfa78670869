#include "common/runtime/clock.h"
#include "common/runtime/pg_connection.h"

#include <arpa/inet.h>
#include <string.h>

enum { COPY_PIECE_SIZE = 256 * 1024 };

enum pg_status pg_begin(struct pg *pg, int64_t deadline_ms)
{
	enum pg_status status;

	if (!pg_ready(pg, deadline_ms))
		return PG_DOWN;
	assert(!pg->in_transaction);
	status = pg_script(pg, "BEGIN ISOLATION LEVEL READ COMMITTED", deadline_ms);
	pg->transaction_fault = PG_OK;
	return status;
}

enum pg_status pg_commit(struct pg *pg, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *answer = NULL;
	enum pg_status fault = pg->transaction_fault, status;

	assert(!pg->copy_open);
	if (!pg_usable(pg, deadline_ms)) {
		pg->in_transaction = false;
		return PG_DOWN;
	}
	if (!PQsendQuery(pg->connection, "COMMIT")) {
		pg_lost(pg, PQerrorMessage(pg->connection));
		pg->in_transaction = false;
		return PG_UNKNOWN;
	}
	status = pg_finish(pg, &answer, true, deadline_ms);
	pg->in_transaction = false;
	/* A transaction that had failed answers COMMIT with ROLLBACK and no error. */
	if (status == PG_OK && strcmp(PQcmdStatus(answer), "COMMIT") != 0) {
		pg_set_error(pg, "25P02", "the transaction had failed and was rolled back");
		return fault == PG_OK ? PG_REFUSED : fault;
	}
	return status;
}

void pg_rollback(struct pg *pg, int64_t deadline_ms)
{
	char sqlstate[PG_SQLSTATE_SIZE], error[PG_ERROR_SIZE];

	/* The caller asks for the reason after it has rolled back. */
	memcpy(sqlstate, pg->sqlstate, sizeof(sqlstate));
	memcpy(error, pg->error, sizeof(error));
	if (pg->copy_open)
		pg_drop(pg);
	if (pg_connected(pg) && PQtransactionStatus(pg->connection) != PQTRANS_IDLE &&
		pg_script(pg, "ROLLBACK", deadline_ms) != PG_OK)
		pg_drop(pg);
	pg->in_transaction = false;
	memcpy(pg->sqlstate, sqlstate, sizeof(sqlstate));
	memcpy(pg->error, error, sizeof(error));
}

enum pg_status pg_copy_begin(struct pg *pg, const char *sql, int64_t deadline_ms)
{
	/* The signature with its NUL, then flags and the length of an extension, both 0. */
	static const uint8_t header[19] = "PGCOPY\n\377\r\n";
	enum pg_status status = pg_script(pg, sql, deadline_ms);

	if (status != PG_OK)
		return status;
	assert(PQtransactionStatus(pg->connection) == PQTRANS_ACTIVE);
	pg->copy_open = true;
	pg->copy_deadline_ms = deadline_ms;
	pg_params_clear(&pg->params, true);
	buffer_add(&pg->params.buffer, header, sizeof(header));
	return PG_OK;
}

/* Hands over what is built; memory stays bounded because a piece waits until the one before is sent. */
static bool send_piece(struct pg *pg, int64_t deadline_ms)
{
	struct pg_params *p = &pg->params;

	if (p->buffer.size > 0 && PQputCopyData(pg->connection, (const char *)p->buffer.data, (int)p->buffer.size) != 1)
		return false;
	buffer_clear(&p->buffer);
	return pg_flush(pg, deadline_ms);
}

struct pg_params *pg_copy_row(struct pg *pg, int16_t columns)
{
	struct pg_params *p = &pg->params;
	uint16_t raw = htons((uint16_t)columns);

	/* After a loss the rows go nowhere, and pg_copy_end() says so. */
	if (!pg->copy_open)
		buffer_clear(&p->buffer);
	else if (!p->failed && p->buffer.size >= COPY_PIECE_SIZE && !send_piece(pg, pg->copy_deadline_ms))
		pg_lost(pg, "COPY could not be sent in time");
	buffer_add(&p->buffer, &raw, sizeof(raw));
	return p;
}

enum pg_status pg_copy_end(struct pg *pg, int64_t deadline_ms)
{
	static const uint16_t trailer = UINT16_MAX;
	struct pg_params *p = &pg->params;
	bool commits = pg->copy_open && !pg->in_transaction, failed = p->failed;
	enum pg_status status;

	if (!pg->copy_open) {
		pg_params_clear(p, false);
		return PG_DOWN;
	}
	pg->copy_open = false;
	buffer_add(&p->buffer, &trailer, sizeof(trailer));
	failed |= p->buffer.failed;
	if (!failed && !send_piece(pg, deadline_ms)) {
		pg_params_clear(p, false);
		pg_lost(pg, "COPY could not be sent in time");
		return PG_DOWN;
	}
	pg_params_clear(p, false);
	if (PQputCopyEnd(pg->connection, failed ? "a row could not be built" : NULL) != 1) {
		pg_lost(pg, PQerrorMessage(pg->connection));
		return PG_DOWN;
	}
	status = pg_finish(pg, NULL, commits && !failed, deadline_ms);
	return failed && status == PG_RETRY ? PG_REFUSED : status;
}

enum pg_status pg_clock_offset(struct pg *pg, int64_t *offset_us, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	enum pg_status status;
	int64_t before, after;

	/* Connecting and preparing come first: they must not stretch the measured round trip. */
	if (!pg_ready(pg, deadline_ms))
		return PG_DOWN;
	for (int try = 0; try < 2; try++) {
		pg_result_clear(&rows);
		pg_params(pg);
		before = clock_now_us();
		status = pg_run(pg, "SELECT clock_timestamp()", &rows, deadline_ms);
		after = clock_now_us();
		if (status != PG_OK)
			return status;
	}
	*offset_us = before + (after - before) / 2 - pg_get_instant(rows, 0, 0);
	return PG_OK;
}
