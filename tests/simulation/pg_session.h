/* A connection to the model of PostgreSQL: shell_pg_session.c makes, loses and ends it, shell_pg.c sends statements
 * over it, shell_pg_copy.c rows. */
#ifndef SANGKIEN_SIMULATION_PG_SESSION_H
#define SANGKIEN_SIMULATION_PG_SESSION_H

#include "common/runtime/pg_connection.h"
#include "tests/simulation/statement.h"

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

static inline struct session *session_of(struct pg *pg)
{
	return (struct session *)(void *)pg;
}

/* The client sees the connection break; what was begun over it ends in its time, and a COMMIT that was sent may be
 * carried out later. */
void session_lose(struct session *session, const char *why);
int64_t session_deadline(int64_t deadline_ms); /* of a call, in the world's time */
/* One statement there and its answer back, in the open transaction or in one of its own; either way may be lost. */
enum pg_status session_run(struct session *session, statement_model *run, struct statement *statement, bool reads);

#endif
