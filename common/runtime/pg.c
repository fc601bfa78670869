#include "common/runtime/pg.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/pg_connection.h"
#include "common/runtime/pg_safety.h"
#include "common/runtime/random.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BACKOFF_LEAST_MS = 50, BACKOFF_MOST_MS = 5000 };

/* client_connection_check_interval: a statement whose client gave up must not hold its locks for ever.
 * idle_in_transaction_session_timeout: nor a client that was stopped between two statements. */
static const char session_sql[] =
	"SET synchronous_commit = on; SET timezone = 'UTC'; SET statement_timeout = '60s'; "
	"SET idle_in_transaction_session_timeout = '30s'; SET client_connection_check_interval = '1s'";

static const char by_key_sql[] =
	"; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; "
	"SET plan_cache_mode = force_generic_plan";

struct pg *pg_open(const char *conninfo, const char *application_name)
{
	struct pg *pg = calloc(1, sizeof(*pg));

	if (pg == NULL)
		return NULL;
	pg->conninfo = strdup(conninfo);
	pg->application_name = strdup(application_name);
	if (pg->conninfo == NULL || pg->application_name == NULL) {
		pg_close(&pg);
		return NULL;
	}
	pg->backoff = (struct backoff){.least_ms = BACKOFF_LEAST_MS, .most_ms = BACKOFF_MOST_MS};
	return pg;
}

struct pg *pg_open_by_key(const char *conninfo, const char *application_name)
{
	struct pg *pg = pg_open(conninfo, application_name);

	if (pg != NULL)
		pg->by_key = true;
	return pg;
}

void pg_close(struct pg **handle)
{
	struct pg *pg = *handle;

	*handle = NULL;
	if (pg == NULL)
		return;
	pg_drop(pg);
	buffer_deinit(&pg->params.buffer);
	free(pg->conninfo);
	free(pg->application_name);
	free(pg);
}

void pg_drop(struct pg *pg)
{
	PQfinish(pg->connection);
	pg->connection = NULL;
	pg->established = false;
	pg->copy_open = false;
	pg_forget_statements(pg);
}

void pg_lost(struct pg *pg, const char *why)
{
	/* The words must outlive the connection they may belong to. */
	if (pg->error[0] == '\0')
		pg_set_error(pg, "", why);
	pg_drop(pg);
	pg->not_before_ms = clock_monotonic_ms() + backoff_next_ms(&pg->backoff, random_u32());
	if (pg->away)
		return;
	pg->away = true;
	pg->away_since_ms = clock_monotonic_ms();
	log_warn("postgresql_away", KV_TEXT("why", pg->error), KV_TEXT("sqlstate", pg->sqlstate));
}

bool pg_wait_socket(struct pg *pg, short events, int64_t deadline_ms)
{
	struct pollfd entry = {.fd = PQsocket(pg->connection), .events = events};

	for (;;) {
		int64_t left = deadline_ms - clock_monotonic_ms();
		int ready = poll(&entry, 1, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);

		if (ready > 0)
			return true;
		if (ready == 0 || errno != EINTR)
			return false;
	}
}

static bool start_attempt(struct pg *pg)
{
	const char *const names[] = {"dbname", "application_name", NULL};
	const char *const values[] = {pg->conninfo, pg->application_name, NULL};

	pg_set_error(pg, "", "");
	pg->connection = PQconnectStartParams(names, values, 1);
	pg->connect_by_ms = clock_monotonic_ms() + PG_CONNECT_TIMEOUT_MS;
	if (pg->connection == NULL || PQstatus(pg->connection) == CONNECTION_BAD) {
		pg_lost(pg, pg->connection == NULL ? "out of memory" : PQerrorMessage(pg->connection));
		return false;
	}
	return true;
}

static void set_up_session(struct pg *pg, int64_t deadline_ms)
{
	char sql[sizeof(session_sql) + sizeof(by_key_sql)];

	snprintf(sql, sizeof(sql), "%s%s", session_sql, pg->by_key ? by_key_sql : "");
	PQsetNoticeReceiver(pg->connection, pg_on_notice, pg);
	/* A message's detail quotes the row, which may be a person's (law 10). */
	PQsetErrorVerbosity(pg->connection, PQERRORS_TERSE);
	pg->established = true;
	if (PQsetnonblocking(pg->connection, 1) != 0 || !PQsendQuery(pg->connection, sql)) {
		pg_lost(pg, PQerrorMessage(pg->connection));
		return;
	}
	if ((pg_finish(pg, NULL, false, deadline_ms) != PG_OK || !pg_check_server(pg, deadline_ms)) &&
		pg->connection != NULL)
		pg_lost(pg, "the session could not be set up");
}

/* Takes an attempt under way as far as the deadline allows; a later call goes on with it. */
static void continue_attempt(struct pg *pg, int64_t deadline_ms)
{
	while (pg->connection != NULL && !pg->established) {
		PostgresPollingStatusType next = PQconnectPoll(pg->connection);
		int64_t until = deadline_ms < pg->connect_by_ms ? deadline_ms : pg->connect_by_ms;

		if (next == PGRES_POLLING_OK) {
			set_up_session(pg, pg->connect_by_ms);
		} else if (next == PGRES_POLLING_FAILED) {
			pg_lost(pg, PQerrorMessage(pg->connection));
		} else if (!pg_wait_socket(pg, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until)) {
			if (clock_monotonic_ms() >= pg->connect_by_ms)
				pg_lost(pg, "no answer to the connection in time");
			return;
		}
	}
}

/* A server that went away while the connection was idle has left an end of file to be read. */
static void notice_loss(struct pg *pg)
{
	if (!pg->established || !pg_wait_socket(pg, POLLIN, 0))
		return;
	if (!PQconsumeInput(pg->connection) || PQstatus(pg->connection) != CONNECTION_OK) {
		pg_set_error(pg, "", "");
		pg_lost(pg, PQerrorMessage(pg->connection));
	}
}

bool pg_connected(const struct pg *pg)
{
	return pg->established && PQstatus(pg->connection) == CONNECTION_OK;
}

/* One try. Waits for the backoff here and not in the caller's loop, which would turn at full speed. */
static void try_to_connect(struct pg *pg, int64_t deadline_ms)
{
	int64_t until = pg->not_before_ms < deadline_ms ? pg->not_before_ms : deadline_ms;
	int64_t left = until - clock_monotonic_ms();

	if (pg->connection == NULL) {
		if (left > 0)
			poll(NULL, 0, left > INT32_MAX ? INT32_MAX : (int)left);
		if (clock_monotonic_ms() < pg->not_before_ms || !start_attempt(pg))
			return;
	}
	continue_attempt(pg, deadline_ms);
}

bool pg_ready(struct pg *pg, int64_t deadline_ms)
{
	notice_loss(pg);
	if (!pg_connected(pg))
		pg->in_transaction = false;
	while (!pg_connected(pg)) {
		try_to_connect(pg, deadline_ms);
		if (!pg_connected(pg) && clock_monotonic_ms() >= deadline_ms)
			return false;
	}
	if (pg->away)
		log_info("postgresql_back", KV_I64("away_ms", clock_monotonic_ms() - pg->away_since_ms));
	pg->away = false;
	backoff_reset(&pg->backoff);
	return true;
}

bool pg_usable(struct pg *pg, int64_t deadline_ms)
{
	pg_set_error(pg, "", "");
	notice_loss(pg);
	if (pg_connected(pg))
		return true;
	/* The rest of a transaction that was cut off must not run on its own on a new connection. */
	if (pg->in_transaction) {
		pg_set_error(pg, "", "the connection was lost within the transaction");
		return false;
	}
	return pg_ready(pg, deadline_ms);
}

const char *pg_sqlstate(const struct pg *pg)
{
	return pg->sqlstate;
}

const char *pg_error(const struct pg *pg)
{
	return pg->error;
}
