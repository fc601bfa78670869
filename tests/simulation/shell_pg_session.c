/* common/runtime/pg.h over the model of PostgreSQL: connections, their loss, and the server's crash. */
#include "common/runtime/clock.h"
#include "tests/simulation/happened.h"
#include "tests/simulation/pg_session.h"
#include "tests/simulation/postgresql.h"
#include "tests/simulation/shell.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	SESSIONS_MAX = 4096,
	LATE_COMMIT_MOST_US = 5 * SECOND,
	NOTICE_MOST_US = 30 * MS, /* until the server rolls back for a client that went */
	LOOK_US = 50 * MS,
};

static struct session *sessions[SESSIONS_MAX];
static size_t session_count;
static int64_t down_until;

/* What was begun over a connection that is gone ------------------------------------------------------------------- */

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

void session_lose(struct session *session, const char *why)
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

/* Connections ----------------------------------------------------------------------------------------------------- */

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

int64_t session_deadline(int64_t deadline_ms)
{
	return deadline_ms == INT64_MAX ? INT64_MAX : world_now() + (deadline_ms - clock_monotonic_ms()) * MS;
}

bool pg_ready(struct pg *pg, int64_t deadline_ms)
{
	struct session *session = session_of(pg);
	int64_t until = session_deadline(deadline_ms);

	if (session->lost)
		session_lose(session, "the server closed the connection");
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
