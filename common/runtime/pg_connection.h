/* The inside of a `struct pg`, shared by the files pg*.c alone. */
#ifndef SANGKIEN_RUNTIME_PG_CONNECTION_H
#define SANGKIEN_RUNTIME_PG_CONNECTION_H

#include "common/runtime/backoff.h"
#include "common/runtime/buffer.h"
#include "common/runtime/pg.h"

enum {
	PG_PARAMS_MAX = 64,
	PG_STATEMENTS_MAX = 128,
	PG_SQLSTATE_SIZE = 6,
	PG_ERROR_SIZE = 256,
	PG_CONNECT_TIMEOUT_MS = 5000,
};

struct pg_value {
	size_t offset;
	int size; /* -1: NULL */
};

struct pg_params {
	struct buffer buffer;
	Oid types[PG_PARAMS_MAX];
	struct pg_value values[PG_PARAMS_MAX];
	int count;
	bool failed;  /* sticky: too many, or no memory */
	bool copying; /* values are fields of a COPY row, not parameters */
	bool in_array;
	Oid element; /* of the array being built */
	size_t array_start;
	int32_t elements;
	bool has_null;
};

/* A statement prepared on this connection. */
struct pg_statement {
	const char *sql; /* whose address is the key */
	char *text;      /* what stood there; another text at the same address is not this statement */
	Oid types[PG_PARAMS_MAX];
	int count;
};

struct pg {
	char *conninfo, *application_name;
	PGconn *connection;    /* NULL: none, not even under way */
	bool by_key;           /* pg_open_by_key() */
	bool established;      /* the session is set up */
	int64_t connect_by_ms; /* an attempt that is under way is given up then */
	struct backoff backoff;
	int64_t not_before_ms; /* no new attempt earlier */
	bool away;             /* the loss has been said */
	int64_t away_since_ms;
	bool in_transaction; /* as last seen: after a loss nothing runs until the transaction is given up */
	bool sync_cancelled; /* a wait for synchronous replication was cut short: committed here, perhaps nowhere else
			      */
	enum pg_status transaction_fault; /* the first failure within the transaction */
	char sqlstate[PG_SQLSTATE_SIZE], error[PG_ERROR_SIZE];
	struct pg_params params;
	bool copy_open;
	int64_t copy_deadline_ms;
	struct pg_statement statements[PG_STATEMENTS_MAX];
	size_t statement_count;
};

/* Connection -- pg.c */
/* The connection is of no use any more: closed, said once, next attempt after the backoff. */
void pg_lost(struct pg *pg, const char *why);
/* May a statement run now? Connects where no transaction was cut off. */
bool pg_usable(struct pg *pg, int64_t deadline_ms) MUST_CHECK;
bool pg_wait_socket(struct pg *pg, short events, int64_t deadline_ms) MUST_CHECK;

/* Statements -- pg_statement.c */
/* Sends what libpq has queued; false when the connection is lost or the deadline has passed. */
bool pg_flush(struct pg *pg, int64_t deadline_ms) MUST_CHECK;
/* Waits for the answer. `commits`: a loss leaves the outcome unknown. */
enum pg_status pg_finish(struct pg *pg, PGresult **rows, bool commits, int64_t deadline_ms) MUST_CHECK;
void pg_forget_statements(struct pg *pg);
void pg_set_error(struct pg *pg, const char *sqlstate, const char *error);
void pg_on_notice(void *context, const PGresult *notice);

/* Parameters -- pg_params.c */
void pg_params_clear(struct pg_params *p, bool copying);

#endif
